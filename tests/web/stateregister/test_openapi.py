"""OpenAPI documents of services: what is read of them, and what is refused and why."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.errors import Invalid
from pencere.web.stateregister.domain.openapi import (
    LARGEST,
    Operation,
    ServiceDocument,
    media_type,
    read_document,
)
from pencere.web.stateregister.domain.plain_yaml import read_plain

COURSES = b"""\
openapi: 3.0.3
info: {title: "Kurslar v\xc9\x99 dinl\xc9\x99yicil\xc9\x99r", version: 1.10}
paths:
  /courses/{id}:
    parameters: []
    get: {summary: One course}
    put: {}
  /courses:
    post: {summary: "A new   course", description: {$ref: "https://other.example/x.yaml"}}
  x-note: {get: {summary: no path}}
"""


def document(**change: Any) -> bytes:
    said = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {"/a": {"get": {}}},
    }
    return json.dumps(said | change).encode()


def refused(data: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        read_document(data)
    return caught.value.code


def test_a_yaml_document_says_its_title_its_version_as_written_and_its_operations() -> None:
    found = read_document(COURSES)

    assert found == ServiceDocument(
        "Kurslar və dinləyicilər", "1.10",
        (Operation("GET", "/courses/{id}", "One course"), Operation("PUT", "/courses/{id}", ""),
         Operation("POST", "/courses", "A new course")),
    )  # fmt: skip
    assert found.endpoints == [["GET", "/courses/*"], ["PUT", "/courses/*"], ["POST", "/courses"]]
    assert media_type(COURSES) == "application/yaml"


def test_a_json_document_is_read_alike() -> None:
    data = b"\xef\xbb\xbf " + document(info={"title": "A\u202eB\nC", "version": 2})

    found = read_document(data)

    assert found == ServiceDocument("A B C", "2", (Operation("GET", "/a", ""),))
    assert media_type(data) == "application/json"


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("3.0.0", ""), ("3.0.4", ""), ("3.1.0", ""), ("3.1.1", ""), ("3.1.0-rc1", ""),
        ("2.0", "stateregister.openapi_version"), ("3.2.0", "stateregister.openapi_version"),
        ("3.1", "stateregister.openapi_version"), (3.1, "stateregister.openapi_version"),
        ("4.0.0", "stateregister.openapi_version"), (None, "stateregister.openapi_version"),
    ],
)  # fmt: skip
def test_versions_3_0_and_3_1_are_taken(version: object, code: str) -> None:
    data = document(openapi=version)

    assert (refused(data) if code else read_document(data).title) == (code or "T")


@pytest.mark.parametrize(
    ("paths", "code"),
    [
        ({f"/{n}": {"get": {}} for n in range(500)}, ""),
        ({f"/{n}": {"get": {}} for n in range(501)}, "stateregister.openapi_paths"),
        ({}, "stateregister.openapi_paths"),
        (None, "stateregister.openapi_paths"),
        ([], "stateregister.openapi_paths"),
        ({"/a": {"$ref": "https://other.example/paths.yaml"}}, "stateregister.openapi_paths"),
        ({"a": {"get": {}}}, "stateregister.openapi_paths"),
        ({"/a b": {"get": {}}}, "stateregister.openapi_paths"),
        ({"/a\x00": {"get": {}}}, "stateregister.openapi_paths"),
        ({"/\ud800": {"get": {}}}, "stateregister.openapi_paths"),
        ({"/" + "a" * 300: {"get": {}}}, "stateregister.openapi_paths"),
    ],
)
def test_paths_are_such_as_an_address_can_have(paths: object, code: str) -> None:
    data = document(paths=paths)

    assert (refused(data) if code else len(read_document(data).operations)) == (code or 500)


YAML = "stateregister.openapi_yaml"
BOMB = b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" + COURSES


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b" " * (LARGEST + 1), "stateregister.openapi_size"),
        (BOMB, YAML),
        (b"x: !!python/object/apply:os.system [ls]\n" + COURSES, YAML),
        (b"x: !!binary aGk=\n" + COURSES, YAML),
        (b"x: " + b"[" * (LARGEST - 10), YAML),
        (b"x:\n  " + b"- " * 100_000 + b"a", YAML),
        (b"---\n" * 400_000, YAML),
        (COURSES + b"---\n" + COURSES, "stateregister.openapi"),
        (b"openapi: 3.0.0\n" + COURSES, "stateregister.openapi"),
        (b'{"openapi": "3.0.0", ' + document()[1:], "stateregister.openapi"),
        (b"{" * 2000, "stateregister.openapi"),
        (b'{"a":' * 200_000, "stateregister.openapi"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "stateregister.openapi"),
        (b"[1, 2]: x\n" + COURSES, "stateregister.openapi"),
        (b"<html>", "stateregister.openapi"),
        (b"", "stateregister.openapi"),
        (b"\xff\xfe\x00", "stateregister.openapi"),
    ],
)
def test_what_is_hostile_or_no_document_is_refused_in_time(data: bytes, code: str) -> None:
    assert refused(data) == code


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda one: one.encode()))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    # Anything but a document or Invalid is an error that would be shown as an incident.
    with suppress(Invalid):
        read_document(data)


values = st.recursive(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(codec="ascii", categories=["L"])), inner, max_size=3
        )
    ),
    max_leaves=20,
)


@given(values)
def test_plain_yaml_reads_what_json_writes(value: object) -> None:
    assert read_plain(json.dumps(value)) == value
