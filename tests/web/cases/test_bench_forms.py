"""The measurement itself works and leaves nothing behind. What it finds is no test's business."""

import pytest

from pencere.web import bench_forms
from pencere.web.cases.models import Draft
from pencere.web.people.models import Person


def test_the_pages_of_a_long_form_are_measured(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_forms, "RUNS", 2)

    rows = bench_forms.bench_forms()

    assert [row["name"] for row in rows] == [
        "form-question", "form-table", "form-row", "form-check",
    ]  # fmt: skip
    assert (Draft.objects.count(), Person.objects.count()) == (0, 0)
