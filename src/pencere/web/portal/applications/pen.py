"""The pens that sign an application, telephone and SİMA: CAdES with a time-stamp (B-T)."""

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from typing import Any

from asn1crypto import tsp
from cryptography import x509
from django.conf import settings

from pencere.documents.remote import Http
from pencere.kernel.errors import Refused, Unavailable
from pencere.kernel.identifiers import Fin, Phone
from pencere.trust import advanced, der, timestamps
from pencere.trust.mobile import Session, Signed
from pencere.web.cases.domain.signing import Asked, Pen
from pencere.web.identity.anchors import anchors_of_sima, status_source
from pencere.web.identity.sima import operations
from pencere.web.identity.telephone import mobile_client

_tsa = Http("time_stamp")


class MobilePen:
    """Implements `Pen` over the certification centre's mobile signing."""

    name = "phone"

    def ask(
        self, *, document: bytes, fin: Fin, phone: Phone | None, text: str, language: str
    ) -> Asked:
        """Prepare what is signed for the person's own certificate and ask the telephone."""
        if phone is None:
            raise Refused("mobile.no_client")
        client = mobile_client()
        certificate = client.certificate(fin, phone)
        prepared = advanced.prepare(document, certificate, settings.CLOCK.now())
        session = client.sign(fin, phone, prepared.digest, text, language)
        return Asked(
            code=session.verification_code,
            state={
                "attributes": base64.b64encode(prepared.attributes).decode(),
                "digest": prepared.digest.hex(),
                "session": session.as_json(),
            },
        )

    def poll(self, *, document: bytes, state: dict[str, Any]) -> bytes | None:
        """Return the finished signature, verified as anyone would verify it later."""
        client = mobile_client()
        answer = client.poll(Session(**state["session"]))
        if not isinstance(answer, Signed):
            return None
        prepared = advanced.Prepared(
            attributes=base64.b64decode(state["attributes"]),
            digest=bytes.fromhex(state["digest"]),
        )
        chain = answer.chain or (answer.certificate,)
        return _finished(document, prepared, answer.signature, chain, client.anchors)


class SimaPen:
    """Implements `Pen` over SİMA: the attributes are made when its certificate is known."""

    name = "sima"

    def __init__(self, back: str) -> None:
        """`back` is the path of the page that waits."""
        self._back = back

    def ask(
        self, *, document: bytes, fin: Fin, phone: Phone | None, text: str, language: str
    ) -> Asked:
        """Begin an operation that this person alone may answer."""
        del phone, text, language  # the application shows the document itself
        said = operations.Document(document, f"{json.loads(document)['number']}.json", fin)
        begun = operations.begin(document=said, back=self._back, at=settings.CLOCK.now())
        return Asked(begun.code, {"operation": begun.operation}, begun.address)

    def poll(self, *, document: bytes, state: dict[str, Any]) -> bytes | None:
        """Return the finished signature, verified as anyone would verify it later."""
        answer = operations.outcome(state["operation"], at=settings.CLOCK.now())
        if answer is None:
            return None
        digest = hashlib.sha256(der.tlv(der.SET, answer.attributes)).digest()
        prepared = advanced.Prepared(answer.attributes, digest)
        return _finished(document, prepared, answer.signature, answer.chain, anchors_of_sima())


def pen() -> Pen:
    """Return the telephone of this installation."""
    return MobilePen()


def _finished(
    document: bytes,
    prepared: advanced.Prepared,
    signature: bytes,
    chain: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
) -> bytes:
    token = _time_stamp(advanced.stamp_digest(signature))
    cades = advanced.assemble(prepared, signature, chain, token)
    advanced.verify(cades, document, anchors, settings.CLOCK.now(), status_source())
    return cades


def _time_stamp(digest: bytes) -> bytes:
    """Return a time-stamp token over a SHA-256 digest.

    Raises:
        Unavailable, Refused: the authority does not answer, or refuses.
    """
    asked = timestamps.request(digest, nonce=secrets.randbits(63))
    address = f"{settings.INSTALLATION.address('trust')}/tsa"
    answer = _tsa.post(address, content=asked, Content_Type="application/timestamp-query")
    try:
        response = tsp.TimeStampResp.load(answer)
        status = response["status"]["status"].native
        token: bytes = response["time_stamp_token"].dump()
    except (ValueError, TypeError, KeyError) as error:
        raise Unavailable("time_stamp.unavailable", error="malformed") from error
    if status not in {"granted", "granted_with_mods"}:
        raise Refused("time_stamp.refused", status=str(status))
    return token
