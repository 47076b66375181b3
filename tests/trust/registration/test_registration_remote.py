"""Keys in the centre under the registration authority, over its wire: given, unblocked, ended."""

import itertools
import re
import time
import uuid
from typing import Any

import psycopg
import pytest
import requests
from cryptography import x509
from tests.simulators.phones.registration import CHIEF, FIRST, SECOND, Desk
from tests.trust.conftest import Service
from tests.trust.remote_world import PIN, Holder, enrol, holder_of, register_clients

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def desk(service: Service) -> Desk:
    register_clients(service)
    return Desk.of(service)


@pytest.fixture
def fin() -> str:
    return f"6RK{next(_numbers):04d}"


@pytest.fixture(scope="module")
def holder(desk: Desk) -> Holder:
    return holder_of(desk.service, "6RKHLDR", "+994502220001")


def apply(desk: Desk, fin: str, **changes: Any) -> dict[str, Any]:
    return desk.apply(fin, "+994502229999", **{"place": "centre", **changes})


def finish(page: str) -> requests.Response:
    return requests.post(page, data={"pin": PIN, "again": PIN}, timeout=30)


def keys(desk: Desk, fin: str) -> list[dict[str, Any]]:
    return desk.post("remote-keys", {"holder": fin}).json()["remote_keys"]


def certificates(desk: Desk, fin: str) -> list[dict[str, Any]]:
    found = desk.post("certificates", {"holder": fin}).json()["certificates"]
    return [one for one in found if one["profile"] == "person-remote"]


def sealed(desk: Desk, credential: str) -> bool:
    """Say whether the key is still there, waiting a moment for what the service does by itself."""
    for _ in range(40):
        with psycopg.connect(desk.service.centre.issuance.conninfo) as connection:
            row = connection.execute(
                "select sealed_key is not null from trust.remote_credential where id = %s",
                (credential,),
            ).fetchone()
        if not row[0]:
            return False
        time.sleep(0.1)
    return True


def state_of(desk: Desk, application: dict[str, Any]) -> str:
    return desk.get(f"applications/{application['id']}").json()["state"]


def test_two_officers_give_a_page_and_the_person_alone_makes_the_key(desk: Desk, fin: str) -> None:
    application = apply(desk, fin)
    result = desk.issue(application, FIRST, SECOND)
    act = desk.get(f"applications/{application['id']}").json()["acts"][0]
    kept = desk.get(f"acts/{act}").json()["result"]
    states = [state_of(desk, application)]
    made, again = finish(result["page"]), finish(result["page"])
    states.append(state_of(desk, application))

    assert (application["place"], set(result)) == (
        "centre",
        {"application", "number", "expires_at", "page"},
    )
    assert kept == {name: value for name, value in result.items() if name != "page"}
    assert result["page"].startswith(f"{desk.service.base_url}/remote/enrolment/")
    assert (made.status_code, again.status_code, states) == (200, 403, ["approved", "enrolled"])
    (certificate,) = certificates(desk, fin)
    (key,) = keys(desk, fin)
    assert (key["serial"], key["algorithm"], key["pins"]["signature"]) == (
        certificate["serial"],
        "P-256",
        {"state": "ok", "tries_left": 3},
    )
    assert (certificate["place"], certificate["status"]) == ("centre", "good")
    issued = certificate["history"][0]
    assert (issued["act"], issued["kind"], len(issued["by"])) == (act, "issue", 2)


def test_the_certificate_names_the_person_and_its_officers_are_on_record(
    desk: Desk, fin: str
) -> None:
    application = apply(desk, fin, algorithm="RSA-3072", language="ru")
    result = desk.issue(application, FIRST, CHIEF)
    shown = requests.get(result["page"], timeout=10).text
    finish(result["page"])

    (one,) = certificates(desk, fin)
    with psycopg.connect(desk.service.centre.issuance.conninfo) as connection:
        encoded, approvals = connection.execute(
            "select encoded, approvals from trust.certificate where holder = %s", (f"PNOAZ-{fin}",)
        ).fetchone()
    found = x509.load_der_x509_certificate(bytes(encoded))
    assert found.subject.rfc4514_string() == (
        f"CN=Quliyeva Aydan,2.5.4.5=PNOAZ-{fin},2.5.4.42=Aydan,2.5.4.4=Quliyeva,C=AZ"
    )
    assert (found.public_key().key_size, 'lang="ru"' in shown) == (3072, True)
    assert {approval["by"] for approval in approvals} == {f"PNOAZ-{FIRST}", f"PNOAZ-{CHIEF}"}
    assert {approval["act"] for approval in approvals} == {one["history"][0]["act"]}


def test_a_lost_page_is_replaced_and_the_first_one_opens_no_more(desk: Desk, fin: str) -> None:
    application = apply(desk, fin)
    first = desk.issue(application, FIRST, SECOND)["page"]
    second = desk.issue(application, CHIEF, act="new-code")["page"]

    assert [finish(page).status_code for page in (first, second)] == [403, 200]
    late = {"application": application["id"], "application_sha256": application["sha256"]}
    refused = desk.post(
        "acts",
        {"id": str(uuid.uuid4()), "act": "new-code", "opened_by": FIRST, "subject": fin,
         "details": late},
    )  # fmt: skip
    assert (refused.status_code, refused.json()["state"]) == (409, "enrolled")


def test_declining_an_approved_application_closes_its_page(desk: Desk, fin: str) -> None:
    application = apply(desk, fin)
    page = desk.issue(application, FIRST, SECOND)["page"]
    details = {"application": application["id"], "application_sha256": application["sha256"]}
    desk.decide("decline", CHIEF, subject=fin, details=details)

    assert (finish(page).status_code, state_of(desk, application)) == (403, "declined")
    assert keys(desk, fin) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"place": "pocket"}, "place"),
        ({"place": None}, "place"),
        ({"place": "centre", "algorithm": "RSA-1024"}, "algorithm"),
        ({"place": "centre", "language": "tr"}, "language"),
        ({"place": "phone", "algorithm": "P-256"}, "algorithm"),
        ({"language": "az"}, "language"),
    ],
)
def test_an_application_with_a_key_that_nobody_makes_is_refused(
    desk: Desk, fin: str, changes: dict[str, Any], field: str
) -> None:
    template = desk.apply(fin, "+994502229999")
    content = {
        "id": str(uuid.uuid4()),
        **{name: template[name] for name in ("opened_by", "case", "person", "identity")},
        **changes,
    }
    answer = desk.post("applications", content)
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (
        400, "act.content", field,
    )  # fmt: skip


def test_a_code_for_a_phone_is_of_no_use_for_a_page_and_the_other_way(desk: Desk, fin: str) -> None:
    phone = desk.issue(desk.apply(fin, "+994502229999"), FIRST, SECOND)
    page = f"{desk.service.base_url}/remote/enrolment/{phone['code']}"

    assert ("page" in phone, finish(page).status_code) == (False, 403)


def test_two_officers_unblock_a_key_and_the_pin_stays_what_it_was(
    desk: Desk, holder: Holder
) -> None:
    digest = b"d" * 32
    wrong = [holder.authorize(digest, pin="111222").status_code for _ in range(3)]
    (before,) = keys(desk, holder.fin)
    view = desk.decide(
        "unblock-remote", FIRST, SECOND,
        subject=holder.fin, details={"credential": holder.credential},
    )  # fmt: skip
    (after,) = keys(desk, holder.fin)
    signed = holder.authorize(digest)

    assert (wrong, before["pins"]["signature"]) == (
        [400, 400, 400],
        {"state": "blocked", "tries_left": 0},
    )
    assert (view["state"], view["result"]) == ("executed", {"credential": holder.credential})
    assert (after["pins"]["signature"], signed.status_code) == (
        {"state": "ok", "tries_left": 3},
        200,
    )


def test_a_key_of_another_person_or_none_is_not_unblocked(
    desk: Desk, holder: Holder, fin: str
) -> None:
    def ask(subject: str | None, **details: Any) -> tuple[int, str]:
        content = {"id": str(uuid.uuid4()), "act": "unblock-remote", "opened_by": FIRST}
        answer = desk.post("acts", {**content, "subject": subject, "details": details})
        return answer.status_code, answer.json()["error"]

    assert [
        ask(fin, credential=holder.credential),
        ask(holder.fin, credential="r-" + "x" * 22),
        ask(holder.fin),
        ask(None, credential=holder.credential),
        ask(holder.fin, credential=holder.credential, purpose="signature"),
    ] == [
        (404, "remote.missing"),
        (404, "remote.missing"),
        (400, "act.content"),
        (400, "act.content"),
        (400, "act.content"),
    ]


def test_a_held_key_signs_nothing_is_kept_and_signs_again(desk: Desk, holder: Holder) -> None:
    (one,) = certificates(desk, holder.fin)
    digest = b"e" * 32
    about = {"subject": holder.fin, "serials": [one["serial"]]}
    desk.decide("suspend", FIRST, **about)
    held = holder.authorize(digest, code="000000")
    time.sleep(1.2)  # longer than the service waits between two looks at what is revoked
    (kept,) = keys(desk, holder.fin)
    desk.decide("release", FIRST, SECOND, **about)
    free = holder.authorize(digest)

    assert (held.status_code, kept["closed_at"]) == (400, None)
    assert free.status_code == 200, free.text


def test_a_revocation_by_act_destroys_the_key(desk: Desk, fin: str) -> None:
    _, credential, _ = enrol(desk.service, fin, f"+9945033{next(_numbers):05d}")
    (one,) = certificates(desk, fin)
    desk.decide(
        "revoke", FIRST, SECOND, subject=fin, serials=[one["serial"]], reason="affiliationChanged"
    )

    assert (sealed(desk, credential), certificates(desk, fin)[0]["status"]) == (False, "revoked")
    (key,) = keys(desk, fin)
    assert (key["pins"], key["closed_at"] is None) == (None, False)


@pytest.mark.parametrize(
    ("assurance", "status", "is_kept"),
    [("high", "revoked", False), ("substantial", "suspended", True)],
)
def test_a_person_ends_their_own_key(
    desk: Desk, fin: str, assurance: str, status: str, is_kept: bool
) -> None:
    _, credential, _ = enrol(desk.service, fin, f"+9945033{next(_numbers):05d}")
    (one,) = certificates(desk, fin)
    said = {"id": str(uuid.uuid4()), "holder": fin, "serials": [one["serial"]], "act": "revoke"}
    done = desk.post("own", {**said, "assurance": assurance})

    assert (done.status_code, certificates(desk, fin)[0]["status"]) == (200, status)
    assert sealed(desk, credential) == is_kept


def test_a_mass_revocation_destroys_the_keys_it_finds(desk: Desk) -> None:
    found = {}
    for _ in range(2):
        fin = f"6RK{next(_numbers):04d}"
        found[fin] = enrol(desk.service, fin, f"+9945033{next(_numbers):05d}")[1]
    serials = sorted(certificates(desk, fin)[0]["serial"] for fin in found)
    selection = {"serials": serials, "profile": "person-remote"}
    preview = desk.post("mass/preview", {"selection": selection, "reason": "keyCompromise"}).json()
    desk.decide(
        "mass-revoke", FIRST, SECOND, CHIEF, reason="keyCompromise",
        details={"selection": preview["selection"], "count": preview["count"]},
    )  # fmt: skip

    assert preview["by_profile"] == {"person-remote": 2}
    assert [sealed(desk, credential) for credential in found.values()] == [False, False]
    assert re.fullmatch(r"(revoked ?)+", " ".join(
        certificates(desk, fin)[0]["status"] for fin in found
    ))  # fmt: skip
