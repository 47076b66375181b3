"""What an authorisation request says: OAuth 2.0 with the parameters of the interface.

CSC API v1 section 8.3.2, v2 section 8.2.2 (with `authorization_details`, RFC 9396); PKCE with
S256 (RFC 7636). A refusal that may be told to the client is `Told`; before the client and its
address are known nothing is told to anybody but the person.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from pencere.kernel.errors import Invalid, PencereError, Refused
from pencere.trust.remote import clients, vault
from pencere.trust.remote.activation import MOST_DIGESTS, Target
from pencere.trust.remote.clients import Client
from pencere.trust.remote.mechanisms import hash_name_of
from pencere.trust.remote.questions import Question
from pencere.trust.store import Connection

LONGEST_DESCRIPTION = 500
LONGEST_LABEL = 200
LONGEST_STATE = 1000


class Told(Invalid):
    """A refusal that the client is told, by an error name of RFC 6749 section 4.1.2.1."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__("oauth2.request", error=error, detail=detail)
        self.error = error
        self.detail = detail


def client_of(connection: Connection, parameters: Mapping[str, str]) -> tuple[Client, str]:
    """Return the client and the address to return to, which must be one of its own exactly.

    Raises:
        Refused: `client.unknown`.
        Invalid: `client.redirect_uri`.
    """
    client = clients.find(connection, parameters.get("client_id", ""))
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise Invalid("client.redirect_uri")
    return client, redirect_uri


def question_of(
    connection: Connection, client: Client, redirect_uri: str, parameters: Mapping[str, str]
) -> Question:
    """Return what the person is asked.

    Raises:
        Told: whatever is wrong with the request.
    """
    if parameters.get("response_type") != "code":
        raise Told("unsupported_response_type", "response_type")
    challenge = _challenge(client, parameters)
    state = parameters.get("state")
    if state is not None and len(state) > LONGEST_STATE:
        raise Told("invalid_request", "state")
    details = _details(parameters)
    scope = parameters.get("scope", "credential" if details else "service")
    language = parameters.get("lang", "az")[:2].lower()
    known: dict[str, Any] = {
        "client": client.id,
        "client_name": client.name,
        "language": language if language in ("az", "en", "ru") else "az",
        "redirect_uri": redirect_uri,
        "state": state,
        "challenge": challenge,
        "description": _printable(
            parameters.get("description", ""), LONGEST_DESCRIPTION, "description"
        ),
    }
    if scope == "service":
        return Question(scope="service", **known)
    if scope != "credential":
        raise Told("invalid_scope", "scope")
    credential, digests, labels = _of_details(details) if details else _of_query(parameters)
    try:
        vault.find(connection, credential)
        Target(credential, digests)
    except PencereError as error:
        raise Told("invalid_request", "credentialID or hash") from error
    return Question(
        scope="credential", credential=credential, digests=digests, labels=labels, **known
    )


def _challenge(client: Client, parameters: Mapping[str, str]) -> str | None:
    challenge = parameters.get("code_challenge")
    if challenge is None:
        if client.is_public:
            raise Told("invalid_request", "code_challenge is required of a public client")
        return None
    if parameters.get("code_challenge_method") != "S256" or len(challenge) != 43:
        raise Told("invalid_request", "code_challenge_method must be S256")
    return challenge


def _of_query(
    parameters: Mapping[str, str],
) -> tuple[str, tuple[bytes, ...], tuple[str, ...]]:
    given = parameters.get("hashes") or parameters.get("hash", "")
    digests = tuple(_base64url(one) for one in given.split(",")[: MOST_DIGESTS + 1] if one)
    number = parameters.get("numSignatures", "")
    if number != str(len(digests)):
        raise Told("invalid_request", "numSignatures")
    _refuse_other_hash(parameters.get("hashAlgorithmOID"), digests)
    return parameters.get("credentialID", ""), digests, ("",) * len(digests)


def _details(parameters: Mapping[str, str]) -> Mapping[str, Any] | None:
    given = parameters.get("authorization_details")
    if given is None:
        return None
    try:
        read = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise Told("invalid_request", "authorization_details") from error
    is_one = isinstance(read, list) and len(read) == 1 and isinstance(read[0], dict)
    if is_one and read[0].get("type") == "credential":
        entry: Mapping[str, Any] = read[0]
        return entry
    raise Told("invalid_authorization_details", "one entry of the type credential")


def _of_details(
    details: Mapping[str, Any],
) -> tuple[str, tuple[bytes, ...], tuple[str, ...]]:
    documents = details.get("documentDigests")
    if not isinstance(documents, list) or not 1 <= len(documents) <= MOST_DIGESTS:
        raise Told("invalid_request", "documentDigests")
    digests, labels = [], []
    for one in documents:
        if not isinstance(one, dict):
            raise Told("invalid_request", "documentDigests")
        digests.append(_base64url(str(one.get("hash", ""))))
        labels.append(_printable(one.get("label", ""), LONGEST_LABEL, "label"))
    _refuse_other_hash(details.get("hashAlgorithmOID"), tuple(digests))
    return str(details.get("credentialID", "")), tuple(digests), tuple(labels)


def _refuse_other_hash(oid: object, digests: tuple[bytes, ...]) -> None:
    try:
        if oid is not None and Target("", digests).hash_name != hash_name_of(oid):
            raise Told("invalid_request", "hashAlgorithmOID")
    except (Invalid, Refused) as error:
        if isinstance(error, Told):
            raise
        raise Told("invalid_request", "hashAlgorithmOID") from error


def _base64url(text: str) -> bytes:
    """Return bytes from base64url without padding, or from plain base64 as version 2 shows it."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Told("invalid_request", "hash") from error


def _printable(text: object, longest: int, name: str) -> str:
    if not isinstance(text, str) or len(text) > longest or not text.isprintable():
        raise Told("invalid_request", name)
    return text
