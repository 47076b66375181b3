"""What the country decides about money."""

from pathlib import Path

import pytest

from pencere.kernel.errors import Misconfigured
from pencere.web.payments.domain.policy import load_policy

GOOD = """
refunds: {four_eyes_above: 100}
book: {keeper: mint}
differences: {four_eyes_above: 10}
wrong_amount: {too_much: return-all}
treasury: {default: none, codes: {mint: '111'}}
"""


def test_a_body_has_its_code_or_the_countrys(tmp_path: Path) -> None:
    file = tmp_path / "payments.yaml"
    file.write_text(GOOD, "utf-8")

    policy = load_policy(file)

    assert (policy.four_eyes_above, policy.treasury_code("mint"), policy.treasury_code("x")) == (
        100, "111", "none",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("was", "becomes", "key"),
    [
        ("100", "-1", "refunds.four_eyes_above"),
        ("10}", "many}", "differences.four_eyes_above"),
        ("return-all", "keep-it", "wrong_amount.too_much"),
        ("'111'", "111", "treasury.codes.mint"),
    ],
    ids=["limit", "alone", "rule", "code"],
)
def test_a_wrong_value_is_named(tmp_path: Path, was: str, becomes: str, key: str) -> None:
    file = tmp_path / "payments.yaml"
    file.write_text(GOOD.replace(was, becomes), "utf-8")

    with pytest.raises(Misconfigured) as fault:
        load_policy(file)

    assert fault.value.facts["key"] == key
