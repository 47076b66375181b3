"""The registration authority over its wire: who is let in, what is refused, what a stop leaves."""

import base64
import os
import signal
import subprocess
import sys
import uuid
from typing import Any

import pytest
import requests
from tests.simulators.phones.registration import CHIEF, FIRST, SECOND, Desk
from tests.trust.conftest import Enrolee, Service
from tests.trust.registration.conftest import CITIZEN, Authority
from tests.trust.registration.conftest import FIRST as ONE
from tests.trust.registration.conftest import SECOND as OTHER

NOBODY = "00000000-0000-4000-8000-000000000000"
ROUTES = [
    ("POST", "acts"),
    ("POST", "acts/query"),
    ("GET", f"acts/{NOBODY}"),
    ("POST", f"acts/{NOBODY}/approvals"),
    ("POST", f"acts/{NOBODY}/withdraw"),
    ("POST", "applications"),
    ("POST", "applications/query"),
    ("GET", f"applications/{NOBODY}"),
    ("POST", "own"),
    ("POST", "mass/preview"),
    ("POST", "certificates"),
    ("POST", "devices"),
    ("POST", "remote-keys"),
    ("GET", "officers"),
]
HOSTILE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"[" * 100_000,
    b'{"id": NaN}',
    b'{"id": 1e999}',
    b'{"holder": "\\ud800"}',
    b'{"holder": {"$ne": null}}',
    b'{"serials": [[[[]]]]}',
    b'{"act": "revoke", "act": "issue"}',
    b"\xff\xfe\x00",
    b'{"id": "' + b"x" * 100_000 + b'"}',
]


@pytest.fixture(scope="module")
def desk(service: Service) -> Desk:
    return Desk.of(service)


@pytest.fixture
def citizen(service: Service) -> Enrolee:
    number = str(uuid.uuid4().int % 10**5).zfill(5)
    return service.enrol(f"9C{number}", f"+99450{uuid.uuid4().int % 10**7:07d}")


def serials(someone: Enrolee) -> list[str]:
    return sorted(f"{one.serial_number:x}" for one in (someone.authentication, someone.signature))


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_asks_who_calls(desk: Desk, method: str, path: str) -> None:
    url = f"{desk.service.base_url}/ra/{path}"
    answers = [
        requests.request(method, url, json={}, headers=headers, timeout=10)
        for headers in (
            {},
            {"Authorization": "Bearer " + "x" * 43},
            {"Authorization": "Basic eDp5eDp5eDp5eDp5eDp5"},
            {"Authorization": f"Bearer {desk.service.secret}"},
        )
    ]
    assert [one.status_code for one in answers] == [401] * 4
    assert [one.json()["error"] for one in answers] == [
        "request.bearer",
        "ra.channel",
        "request.bearer",
        "ra.channel",
    ]


@pytest.mark.parametrize("body", HOSTILE)
def test_hostile_bodies_are_refused_everywhere(desk: Desk, body: bytes) -> None:
    from tests.trust.serve_trust import RA_SECRET

    paths = [path for method, path in ROUTES if method == "POST"]
    paths += ["enrolments", "key-compromise"]
    answers = [
        requests.post(
            f"{desk.service.base_url}/ra/{path}",
            data=body,
            headers={"Authorization": f"Bearer {RA_SECRET}"},
            timeout=10,
        )
        for path in paths
    ]
    found = {(path, one.status_code) for path, one in zip(paths, answers, strict=True)}
    assert {one for one in found if one[1] not in {400, 404}} == {
        # An empty query is a query: an object without conditions.
        one
        for one in found
        if one[1] == 200 and one[0].endswith("query")
    }
    assert all("traceId" in one.json() for one in answers if one.status_code != 200)


def test_what_is_too_large_is_not_read(desk: Desk) -> None:
    answer = desk.post("acts", {"note": "x" * 300_000})
    assert (answer.status_code, answer.json()["error"]) == (413, "request.too_large")


def test_two_officers_revoke_over_the_wire_and_ocsp_says_so(
    desk: Desk, service: Service, citizen: Enrolee
) -> None:
    content: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "act": "revoke",
        "opened_by": FIRST,
        "subject": citizen.person.fin,
        "serials": serials(citizen),
        "reason": "privilegeWithdrawn",
        "case": "RA-7",
        "note": "Səhv şəxs",
    }
    opened = [desk.post("acts", content) for _ in range(2)]
    view = opened[0].json()
    first = desk.approval(view, FIRST)
    answers = [desk.post(f"acts/{view['id']}/approvals", first) for _ in range(2)]
    done = desk.approve(view, CHIEF)
    again = desk.post(f"acts/{view['id']}/approvals", first)
    third = desk.post(f"acts/{view['id']}/approvals", desk.approval(view, SECOND))

    assert [one.status_code for one in opened] == [201, 200]
    assert opened[0].json() == opened[1].json()
    assert [(one.status_code, len(one.json()["approvals"])) for one in answers] == [(200, 1)] * 2
    assert (done["state"], {one["what"] for one in done["effects"]}) == ("executed", {"revoked"})
    assert (again.status_code, again.json()) == (200, done)
    assert (third.status_code, third.json()["error"]) == (409, "act.closed")
    assert [one["by"]["role"] for one in done["approvals"]] == ["ra-officer", "ra-chief"]
    client = service.client()
    session = client.authenticate(citizen.person.fin, citizen.person.phone, "Giriş", "az")
    from pencere.kernel.errors import Refused

    with pytest.raises(Refused, match=r"mobile\.no_client"):
        client.poll(session, wait_s=2)
    from pencere.kernel.clock import SystemClock
    from pencere.trust.validation import OcspClient

    issuer = service.centre.keystore.certificates("issuing-person")[0]
    with pytest.raises(Refused, match=r"certificate\.revoked"):
        OcspClient().check(citizen.signature, issuer, SystemClock().now())


def test_officers_find_what_awaits_them(desk: Desk, citizen: Enrolee) -> None:
    view = desk.open(
        "suspend",
        subject=citizen.person.fin,
        serials=serials(citizen),
        case="RA-AWAIT",
    )
    waits = desk.post("acts/query", {"awaiting": SECOND, "case": "RA-AWAIT"}).json()["acts"]
    desk.approve(view, SECOND)
    after = desk.post("acts/query", {"awaiting": SECOND, "case": "RA-AWAIT"}).json()["acts"]
    mine = desk.post("acts/query", {"holder": citizen.person.fin, "limit": 1}).json()
    rest = desk.post(
        "acts/query", {"holder": citizen.person.fin, "limit": 1, "before": mine["next"]}
    ).json()

    assert ([one["id"] for one in waits], after) == ([view["id"]], [])
    assert ([one["id"] for one in mine["acts"]], rest) == (
        [view["id"]],
        {"acts": [], "next": None},
    )
    listed = desk.post("certificates", {"serials": serials(citizen)}).json()["certificates"]
    assert {(one["status"], one["history"][-1]["case"]) for one in listed} == {
        ("suspended", "RA-AWAIT")
    }


def test_a_person_holds_their_own_over_the_portal(desk: Desk, citizen: Enrolee) -> None:
    content = {
        "id": str(uuid.uuid4()),
        "holder": citizen.person.fin,
        "serials": serials(citizen),
        "act": "revoke",
        "assurance": "substantial",
    }
    first, second = desk.post("own", content), desk.post("own", content)
    assert (first.status_code, first.json()) == (200, second.json())
    assert first.json()["result"] == {"what": "suspended", "pending": "revoke"}
    foreign = {**content, "id": str(uuid.uuid4()), "holder": FIRST}
    assert desk.post("own", foreign).json()["error"] == "certificate.missing"


def test_a_compromised_key_is_revoked_by_itself_without_a_secret(
    desk: Desk, citizen: Enrolee
) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    from pencere.trust.registration.compromise import PREFIX

    base = f"{desk.service.base_url}/ra/key-compromise"
    given = requests.post(f"{base}/challenge", timeout=10).json()["challenge"]
    signature = citizen.phone.signature.sign(
        PREFIX + base64.b64decode(given), ec.ECDSA(hashes.SHA256())
    )
    content = {
        "certificate": base64.b64encode(citizen.enrolled.signature).decode(),
        "challenge": given,
        "signature": base64.b64encode(signature).decode(),
    }
    answers = [requests.post(base, json=content, timeout=10) for _ in range(2)]
    unknown = requests.post(
        base, json={"serial": "1234", "request": content["certificate"]}, timeout=10
    )

    assert answers[0].json() == {"revoked": [f"{citizen.signature.serial_number:x}"]}
    assert (answers[1].status_code, answers[1].json()["error"]) == (
        409,
        "certificate.revoked_already",
    )
    assert (unknown.status_code, unknown.json()["error"]) == (404, "certificate.missing")


def test_a_mass_revocation_goes_on_by_itself(desk: Desk, citizen: Enrolee) -> None:
    import time

    asked = {"selection": {"serials": serials(citizen)}, "reason": "keyCompromise"}
    seen = desk.post("mass/preview", asked).json()
    assert seen["count"] == 2
    details = {"selection": seen["selection"], "count": seen["count"]}
    view = desk.decide("mass-revoke", FIRST, SECOND, CHIEF, reason="keyCompromise", details=details)
    states = [view["state"]]
    for _ in range(100):
        states.append(desk.get(f"acts/{view['id']}").json()["state"])
        if states[-1] == "executed":
            break
        time.sleep(0.1)
    done = desk.get(f"acts/{view['id']}").json()

    assert (states[0], states[-1]) == ("executing", "executed")
    assert (done["result"], done["effects_count"]) == ({"count": 2, "revoked": 2}, 2)


def test_officers_are_listed_with_their_names(desk: Desk) -> None:
    found = desk.get("officers").json()["officers"]
    assert {
        (one["fin"], one["role"], one["name"]) for one in found if one["fin"] in {FIRST, CHIEF}
    } == {
        (FIRST, "ra-officer", "Aydan Quliyeva"),
        (CHIEF, "ra-chief", "Aydan Quliyeva"),
    }


KILLED = """
import os, signal, sys, uuid, psycopg
from datetime import datetime
from pathlib import Path
from cryptography import x509
from pencere.trust.registration import approvals
from pencere.trust.registration.office import Office
conninfo, act, certificate, signature, at, *anchors = sys.argv[1:]
loaded = [x509.load_der_x509_certificate(bytes.fromhex(one)) for one in anchors]
office = Office("AZ", b"k" * 32, loaded)
with psycopg.connect(conninfo) as connection:
    done = approvals.approve(
        connection, office, uuid.UUID(act), certificate=bytes.fromhex(certificate),
        signature=bytes.fromhex(signature), at=datetime.fromisoformat(at),
    )
    assert done.act.state == "executed"
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_service_killed_before_the_commit_has_done_nothing(ra: Authority) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    act = ra.open("revoke", subject=CITIZEN, serials=ra.serials(CITIZEN), reason="superseded")
    ra.approve(act, ONE)
    certificate, signature = ra.sign(OTHER, act.sha256)
    anchors = [one.public_bytes(Encoding.DER).hex() for one in ra.office.anchors]
    killed = subprocess.run(
        [
            *(sys.executable, "-c", KILLED, ra.founded.conninfo, str(act.id)),
            *(certificate.hex(), signature.hex(), ra.now.isoformat(), *anchors),
        ],
        check=False,
        env=dict(os.environ),
        timeout=60,
        capture_output=True,
    )
    between = (ra.act(act).state, ra.leaves("revocation"), ra.leaves("ra.approval"))
    after = ra.send(act, certificate, signature)

    assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, b"")
    assert between == ("open", 0, 1)
    assert (after.act.state, ra.leaves("revocation"), ra.leaves("ra.result")) == (
        "executed",
        2,
        1,
    )
