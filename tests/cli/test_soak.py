"""Half a minute of the soak: what a client saw answered is in both logs, signed, and done once."""

import pytest

from pencere.cli.soak.run import soak, told

PROMISES = (
    "open_requests", "missing", "not_matching", "not_as_seen", "not_authentic", "doubled",
    "unserved",
)  # fmt: skip


@pytest.mark.timeout(150)
def test_nodes_database_and_time_stamps_are_killed_and_no_answer_is_lost_or_doubled() -> None:
    report = soak(12, base_port=26420, seed=3)
    assert {name: report[name] for name in PROMISES} == dict.fromkeys(PROMISES, 0)
    assert report["sound"]
    assert set(report["promises"].values()) == {True}  # type: ignore[attr-defined]
    assert told(report).count("\nkept ") == 8
    assert sum(report["kills"].values()) >= 1  # type: ignore[attr-defined]
    assert report["answered"] == report["stamped"]
