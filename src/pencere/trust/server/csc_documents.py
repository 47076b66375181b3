"""`signatures/signDoc`: the fields of a request, and the signatures they ask for."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pencere.kernel.errors import Invalid
from pencere.trust.remote import documents
from pencere.trust.remote.documents import ENVELOPES, LEVELS_OF, Format, Key, Surroundings, Wish
from pencere.trust.remote.mechanisms import Mechanism
from pencere.trust.server import csc_calls as calls
from pencere.trust.server.bodies import bytes_of
from pencere.trust.server.csc_credential import Use, credential_of, digest_with, open_key
from pencere.trust.server.state import State, state_of

LARGEST = 48 * 1024 * 1024
LARGEST_DOCUMENT = 24 * 1024 * 1024
MOST_DOCUMENTS = 100


@dataclass(frozen=True)
class Item:
    """One signature to be made: over a document, or over a digest of one that is elsewhere."""

    wish: Wish
    digest: bytes
    content: bytes | None
    mechanism: Mechanism
    mechanism_oid: str


async def sign(request: Request, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return `DocumentWithSignature` and `SignatureObject`, each in the order of the request.

    The activation data must be for the digests of `documentDigests`, then of `documents`.

    Raises:
        Invalid: `request.field`; `document.not_pdf`, after the activation data is used up.
    """
    state = state_of(request)
    caller, credential = await credential_of(request, content)
    kind = credential.kind
    items = await run_in_threadpool(lambda: [*_digests(content, kind), *_documents(content, kind)])
    if not 1 <= len(items) <= MOST_DOCUMENTS or len({one.mechanism for one in items}) != 1:
        raise Invalid("request.field", field="documents")
    activation = calls.activation_of(content, caller)
    use = Use(state, caller, credential, activation, tuple(one.digest for one in items))

    def work() -> dict[str, Any]:
        with state.pool.connection() as connection:
            signing = open_key(use, items[0].mechanism, connection)
        certificate, *chain = credential.certificates
        name = items[0].mechanism.hash_name
        key = Key(
            certificate,
            tuple(chain),
            items[0].mechanism_oid,
            name,
            lambda data: signing(digest_with(name, data)),
        )
        return _made(items, key, _surroundings(state))

    return await run_in_threadpool(work)


def _made(items: list[Item], key: Key, around: Surroundings) -> dict[str, Any]:
    enveloped, separate = [], []
    for item in items:
        if item.content is None:
            separate.append(documents.sign_digest(item.digest, item.wish, key, around))
        elif item.wish.format == "P":
            enveloped.append(documents.sign_pdf(item.content, item.wish, key, around))
        else:
            made = documents.sign_content(item.content, item.wish, key, around)
            (separate if item.wish.envelope == "Detached" else enveloped).append(made)
    answer: dict[str, Any] = {}
    if enveloped:
        answer["DocumentWithSignature"] = [base64.b64encode(one).decode() for one in enveloped]
    if separate:
        answer["SignatureObject"] = [base64.b64encode(one).decode() for one in separate]
    return answer


def _surroundings(state: State) -> Surroundings:
    return Surroundings(state.time_stamps.respond, [state.certificates["root"]], state.clock.now())


def _digests(content: Mapping[str, Any], kind: str) -> list[Item]:
    found = []
    for entry in _entries(content, "documentDigests"):
        wish = _wish(entry, is_digest=True)
        mechanism, oid = _mechanism(entry, content, kind)
        hashes = entry.get("hashes")
        if not isinstance(hashes, list) or not hashes:
            raise Invalid("request.field", field="hashes")
        found += [Item(wish, bytes_of(one, "hashes"), None, mechanism, oid) for one in hashes]
    return found


def _documents(content: Mapping[str, Any], kind: str) -> list[Item]:
    found = []
    for entry in _entries(content, "documents"):
        wish = _wish(entry, is_digest=False)
        mechanism, oid = _mechanism(entry, content, kind)
        document = bytes_of(entry.get("document"), "document", longest=LARGEST_DOCUMENT * 4 // 3)
        digest = digest_with(mechanism.hash_name, document)
        found.append(Item(wish, digest, document, mechanism, oid))
    return found


def _entries(content: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    given = content.get(name, [])
    if not isinstance(given, list) or len(given) > MOST_DOCUMENTS:
        raise Invalid("request.field", field=name)
    if not all(isinstance(one, dict) for one in given):
        raise Invalid("request.field", field=name)
    return given


def _wish(entry: Mapping[str, Any], *, is_digest: bool) -> Wish:
    kind = entry.get("signature_format")
    if kind not in ENVELOPES:
        raise Invalid("request.field", field="signature_format")
    chosen: Format = "P" if kind == "P" else "C"
    # Written `AdES-B-B` and `Ades-B-B`, in the text of the specification and in its examples.
    level = str(entry.get("conformance_level", "AdES-B-B")).replace("Ades", "AdES")
    if level not in LEVELS_OF[chosen][: 2 if is_digest else None]:
        raise Invalid("request.field", field="conformance_level")
    default = "Detached" if is_digest and chosen == "C" else ENVELOPES[chosen][0]
    envelope = str(entry.get("signed_envelope_property", default))
    if envelope not in ENVELOPES[chosen] or (is_digest and envelope == "Attached"):
        raise Invalid("request.field", field="signed_envelope_property")
    return Wish(chosen, level, envelope)


def _mechanism(
    entry: Mapping[str, Any], content: Mapping[str, Any], kind: str
) -> tuple[Mechanism, str]:
    named = {
        name: entry.get(name, content.get(name))
        for name in ("signAlgo", "hashAlgorithmOID", "signAlgoParams")
        if name in entry or name in content
    }
    mechanism = calls.mechanism_of_kind(named, kind)
    if mechanism.is_pss:
        raise Invalid("request.field", field="signAlgo")
    oid = str(named["signAlgo"])
    return mechanism, calls.SPECIFIC.get((oid, mechanism.hash_name), oid)
