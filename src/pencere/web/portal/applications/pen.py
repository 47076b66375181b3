"""The person's telephone as the pen that signs an application: CAdES with a time-stamp (B-T)."""

import base64
import secrets
from typing import Any

from asn1crypto import tsp
from django.conf import settings

from pencere.documents.remote import Http
from pencere.kernel.errors import Refused, Unavailable
from pencere.kernel.identifiers import Fin, Phone
from pencere.trust import advanced, timestamps
from pencere.trust.mobile import Session, Signed
from pencere.web.cases.domain.signing import Asked, Pen
from pencere.web.identity.telephone import mobile_client

_tsa = Http("time_stamp")


class MobilePen:
    """Implements `Pen` over the certification centre's mobile signing."""

    def ask(self, *, document: bytes, fin: Fin, phone: Phone, text: str, language: str) -> Asked:
        """Prepare what is signed for the person's own certificate and ask the telephone."""
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
        token = _time_stamp(advanced.stamp_digest(answer.signature))
        chain = answer.chain or (answer.certificate,)
        cades = advanced.assemble(prepared, answer.signature, chain, token)
        advanced.verify(cades, document, client.anchors, settings.CLOCK.now(), client.ocsp)
        return cades


def pen() -> Pen:
    """Return the pen of this installation."""
    return MobilePen()


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
