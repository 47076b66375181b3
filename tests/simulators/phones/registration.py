"""Officers who decide over HTTP, for tests with real processes."""

import base64
import uuid
from dataclasses import dataclass
from typing import Any

import psycopg
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from tests.trust.conftest import Enrolee, Service
from tests.trust.serve_trust import RA_SECRET

from pencere.kernel.clock import SystemClock
from pencere.trust.registration import officers
from pencere.trust.registration.office import Office, instant

CHIEF, FIRST, SECOND = "7CHEF23", "7FRST34", "7SCND45"


@dataclass
class Desk:
    """The office's side of `/ra`, and the officers' phones."""

    service: Service
    officers: dict[str, Enrolee]

    @classmethod
    def of(cls, service: Service) -> "Desk":
        found = {
            fin: service.enrol(fin, f"+99455{number:07d}")
            for number, fin in enumerate((CHIEF, FIRST, SECOND))
        }
        issuance = service.centre.issuance
        with psycopg.connect(issuance.conninfo) as connection:
            officers.found(
                connection,
                Office("AZ", issuance.digest_key),
                [(CHIEF, "ra-chief"), (FIRST, "ra-officer"), (SECOND, "ra-officer")],
                at=SystemClock().now(),
            )
        return cls(service, found)

    def post(self, path: str, content: object, secret: str = RA_SECRET) -> requests.Response:
        return requests.post(
            f"{self.service.base_url}/ra/{path}",
            json=content,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=20,
        )

    def get(self, path: str) -> requests.Response:
        return requests.get(
            f"{self.service.base_url}/ra/{path}",
            headers={"Authorization": f"Bearer {RA_SECRET}"},
            timeout=20,
        )

    def open(self, act: str, by: str = FIRST, **given: Any) -> dict[str, Any]:
        content = {"id": str(uuid.uuid4()), "act": act, "opened_by": by, **given}
        answer = self.post("acts", content)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def approval(self, view: dict[str, Any], by: str) -> dict[str, str]:
        officer = self.officers[by]
        signature = officer.phone.signature.sign(
            bytes.fromhex(view["digest"]), ec.ECDSA(utils.Prehashed(hashes.SHA256()))
        )
        return {
            "certificate": base64.b64encode(officer.enrolled.signature).decode(),
            "signature": base64.b64encode(signature).decode(),
        }

    def approve(self, view: dict[str, Any], by: str) -> dict[str, Any]:
        answer = self.post(f"acts/{view['id']}/approvals", self.approval(view, by))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def decide(self, act: str, *by: str, **given: Any) -> dict[str, Any]:
        view = self.open(act, by[0], **given)
        return [self.approve(view, one) for one in by][-1]

    def apply(self, fin: str, phone: str, **changes: Any) -> dict[str, Any]:
        names = {"fin": fin, "surname": "Quliyeva", "given_name": "Aydan"}
        answer = self.post(
            "applications",
            {
                "id": str(uuid.uuid4()),
                "opened_by": FIRST,
                "case": "RA-1",
                "person": {**names, "phone": phone},
                "identity": {
                    "method": "in-person",
                    "document": None,
                    "register": {
                        "message_id": str(uuid.uuid4()),
                        "service": "AZ/GOV/bpqmi/population/person",
                        "answered_at": instant(SystemClock().now()),
                        "person": names,
                    },
                },
                **changes,
            },
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    def issue(self, application: dict[str, Any], *by: str, act: str = "issue") -> dict[str, Any]:
        details = {"application": application["id"], "application_sha256": application["sha256"]}
        view = self.decide(act, *by, subject=application["person"]["fin"], details=details)
        return view["result"]
