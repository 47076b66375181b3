import hashlib
import json
import re
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from pencere.kernel.canonical import canonical_json, sha256_of
from pencere.kernel.errors import Invalid

exact = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner)
    ),
    max_leaves=12,
)


def test_keys_are_sorted_and_nothing_is_escaped_needlessly():
    value = {"ş": 1, "a": [True, None, "ə\n\x1f\u007f/"], "": {"b": -0.0, "a": 1e21}}

    assert canonical_json(value) == (
        '{"":{"a":1e+21,"b":0},"a":[true,null,"ə\\n\\u001f\u007f/"],"ş":1}'.encode()
    )


def test_keys_sort_by_utf_16_units_as_the_rfc_says():
    # RFC 8785 section 3.2.3
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]

    assert list(json.loads(canonical_json(dict.fromkeys(keys)))) == [
        *["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    ]


def test_the_digest_is_over_the_canonical_bytes():
    assert sha256_of({"b": 1, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').digest()


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, {1: "a"}, {"a": b"x"}, "\ud800", {"\ud800": 1}, object()],
)
def test_a_value_without_one_json_form_is_refused(value):
    with pytest.raises(Invalid) as refusal:
        canonical_json(value)

    assert refusal.value.code == "canonical.unsupported"


@given(value=exact)
def test_canonical_json_reads_back_and_is_its_own_canonical_form(value):
    encoded = canonical_json(value)
    decoded = json.loads(encoded)
    assert decoded == value
    assert canonical_json(decoded) == encoded


@given(
    mapping=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9))
)
def test_the_order_of_writing_does_not_matter(mapping):
    backwards = dict(reversed(list(mapping.items())))
    assert canonical_json(backwards) == canonical_json(mapping)


def test_the_example_of_the_specification_is_true():
    page = Path(__file__).parents[2] / "docs" / "specs" / "canonical-json.md"
    text = page.read_text(encoding="utf-8")
    value, canonical = (
        re.search(rf"```{language}\n(.*?)\n```", text, re.DOTALL)[1]
        for language in ("json", "text")
    )

    assert canonical_json(json.loads(value)).decode() == canonical
    assert f"SHA-256: `{sha256_of(json.loads(value)).hex()}`" in text


@given(st.dictionaries(st.text(), st.none() | st.text()))
def test_a_flat_object_is_written_as_the_library_writes_it(value: dict[str, str | None]) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type]
