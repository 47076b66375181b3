"""Who describes a system hands in the OpenAPI documents of its services."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.web.office.test_state_register import BASE, browsers, page_of
from tests.web.stateregister.conftest import clock, founded, officers, people, propose

from pencere.web.stateregister.models import Application

__all__ = ["browsers", "clock", "founded", "officers", "people", "propose"]
pytestmark = pytest.mark.django_db
SERVICE = {
    "code": "course", "names": {"az": "Kurslar", "en": "Courses", "ru": "Курсы"}, "kind": "REST",
    "endpoints": [["POST", "/old"]], "demands": ["user"], "timeout_s": 7, "consent": "identify",
    "description": "", "openapi_sha256": "", "schemas": {},
}  # fmt: skip
DOCUMENT = b"openapi: 3.1.0\ninfo: {title: Kurslar, version: '3'}\npaths: {'/c/{id}': {get: {}}}\n"


def section_of(row: Application) -> str:
    return f"{BASE}applications/{row.number}/sections/services/"


def send(browser: Client, row: Application, **sent: Any) -> tuple[int, str]:
    answer = browser.post(section_of(row), {"version": row.version, "stay": "1", **sent})
    return answer.status_code, answer.content.decode()


def test_a_document_for_a_described_service_changes_nothing_but_its_operations(
    browsers: dict[str, Client], propose: Any
) -> None:
    row = propose(send=False, change={"services": [SERVICE]})
    file = SimpleUploadedFile("api.yaml", DOCUMENT)

    status, _ = send(browsers["proposer"], row, document_of="course", document=file)

    row.refresh_from_db()
    (service,) = row.content["services"]
    changed = {key: value for key, value in service.items() if value != SERVICE[key]}
    assert status == 302
    assert changed == {
        "kind": "OPENAPI", "endpoints": [["GET", "/c/*"]], "description": "/openapi.json",
        "openapi_sha256": service["openapi_sha256"],
    }  # fmt: skip
    form = page_of(browsers["proposer"], section_of(row))
    whole = page_of(browsers["proposer"], f"{BASE}applications/{row.number}/")
    assert "OpenAPI təsviri: Kurslar 3" in form
    assert "course · OpenAPI təsviri: Kurslar 3" in whole
    file_path = f"{BASE}documents/{service['openapi_sha256']}/"
    assert file_path in whole
    kept = browsers["proposer"].get(file_path)
    assert (kept.content, kept["Content-Type"]) == (DOCUMENT, "application/yaml")
    assert kept["Content-Disposition"].endswith('.yaml"')


@pytest.mark.parametrize(
    ("service", "content", "said"),
    [
        ("", DOCUMENT, "Sənədin hansı xidməti təsvir etdiyini seçin"),
        ("other", DOCUMENT, "Sənədin hansı xidməti təsvir etdiyini seçin"),
        ("course", b"openapi: 3.2.0\npaths: {/a: {get: {}}}", "OpenAPI versiyası 3.0 və ya 3.1"),
        ("course", b"openapi: 3.1.0\npaths: {}", "1-dən 500-dək əməliyyat"),
        ("course", b"openapi: 3.1.0\npaths: &a {}", "lövbər"),
        ("course", b"#" * (2 * 1024 * 1024 + 1), "2 MB-dan böyükdür"),
        ("course", b"[", "OpenAPI təsviri kimi oxunmur"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused_with_what_to_do(
    browsers: dict[str, Client], propose: Any, service: str, content: bytes, said: str
) -> None:
    row = propose(send=False, change={"services": [SERVICE]})
    file = SimpleUploadedFile("api.yaml", content)

    status, page = send(browsers["proposer"], row, document_of=service, document=file)

    row.refresh_from_db()
    assert (status, said in page, row.content["services"]) == (409, True, [SERVICE])


def test_nobody_else_adds_a_document(browsers: dict[str, Client], propose: Any) -> None:
    row = propose(send=False, change={"services": [SERVICE]})
    for name in ("stranger", "holder", "approver", "supervisor"):
        file = SimpleUploadedFile("api.yaml", DOCUMENT)
        send(browsers[name], row, document_of="course", document=file)

    row.refresh_from_db()
    assert row.content["services"] == [SERVICE]
