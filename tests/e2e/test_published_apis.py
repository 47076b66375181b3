"""Every published OpenAPI document against what answers: no fault, nothing undocumented."""

from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pencere.ops.installation import Installation

pytestmark = pytest.mark.e2e

CHECKS = [
    not_a_server_error, response_schema_conformance, content_type_conformance,
    status_code_conformance,
]  # fmt: skip
EXAMPLES = 12

# DER, which is no text: whatever was made up goes as it is.
for media_type in ("application/ocsp-request", "application/timestamp-query"):
    schemathesis.serializer(media_type)(lambda _, value: {"data": _bytes(value)})


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def breaches(document: str, base: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """Ask every operation with made-up arguments; give how often, and what was wrong."""
    asked, wrong = 0, {}
    schema = schemathesis.openapi.from_dict(requests.get(document, timeout=30).json())
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                  suppress_health_check=list(HealthCheck), phases=[Phase.generate])  # fmt: skip
        def ask(case: Any) -> None:
            nonlocal asked
            answer = case.call(base_url=base, headers=headers, timeout=60)
            asked += 1
            try:
                case.validate_response(answer, checks=CHECKS)
            except (AssertionError, BaseExceptionGroup) as breach:  # all are told at the end
                wrong[f"{case.operation.label} {answer.status_code}"] = " ".join(
                    str(breach).split()
                )[:300]

        ask()
    return asked, wrong


def test_the_open_register_answers_as_its_document_says(platform) -> None:
    base = f"{platform.portal}/api/registry/v1"

    asked, wrong = breaches(f"{base}/openapi.json", base, {})

    assert (asked > 100, wrong) == (True, {})


@pytest.mark.parametrize("who", ["a stranger", "the registration authority"])
def test_the_certification_centre_answers_as_its_document_says(platform, who: str) -> None:
    base = platform.address("trust")
    installation = Installation(Path(platform.data), base_port=platform.base_port)
    knows = {"Authorization": f"Bearer {installation.secret('ra')}"}

    asked, wrong = breaches(f"{base}/openapi.json", base, {} if who == "a stranger" else knows)

    assert (asked > 300, wrong) == (True, {})


def test_what_is_not_there_below_the_interface_is_said_as_data(platform) -> None:
    answer = requests.get(f"{platform.portal}/api/registry/v1/nothing", timeout=30)

    assert (answer.status_code, answer.json()["code"]) == (404, "http.404")
