"""Batches of the log are time-stamped; without an authority the node stops after its limit."""

from datetime import timedelta

from asn1crypto import cms
from tests.gateway.authority import Authority, authority  # noqa: F401 - a fixture
from tests.gateway.conftest import Pair, wait_until

from pencere.ledger.proofs import leaf_hash, root


def test_every_exchange_comes_under_one_token_of_a_batch(
    pair: Pair,
    authority: Authority,  # noqa: F811
) -> None:
    pair.start(1, tsa_url=authority.url, stamp_every_s=0.1)
    pair.start(0)
    exchanges = {pair.ask().header("x-road-request-id") for _ in range(3)}
    waiting = (
        "select 1 from gateway.response s where not exists"
        " (select from gateway.batch_member m where m.response_seq = s.seq)"
    )
    wait_until(lambda: pair.rows(1, waiting) == [])

    names = ", ".join(f"'{one}'" for one in exchanges)
    batches = pair.rows(
        1,
        "select distinct b.id, b.root, b.token, b.size from gateway.batch b"
        " join gateway.batch_member m on m.batch = b.id"
        f" join gateway.response s on s.seq = m.response_seq where s.exchange in ({names})",
    )
    for number, tree_root, token, size in batches:
        digests = pair.rows(
            1,
            "select s.evidence_digest from gateway.batch_member m"
            " join gateway.response s on s.seq = m.response_seq"
            f" where m.batch = {number} order by m.position",
        )
        assert (len(digests), root([leaf_hash(row[0]) for row in digests])) == (size, tree_root)
        info = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
        assert info["message_imprint"]["hashed_message"].native == tree_root
    assert len(batches) >= 1


def test_a_node_refuses_when_no_time_stamp_could_be_had_for_too_long(
    pair: Pair,
    authority: Authority,  # noqa: F811
) -> None:
    authority.is_away = True
    pair.start(1)
    pair.start(0, tsa_url=authority.url, stamp_every_s=0.1, stamp_failure_limit=timedelta(hours=4))
    assert pair.ask().status == 200
    wait_until(lambda: pair.node(0).stamper is not None and _unstamped(pair))
    assert pair.ask().status == 200

    for clock in (*pair.clocks, authority.clock):
        clock.advance(timedelta(hours=4, seconds=1))
    wait_until(lambda: bool(pair.node(0).core.stamps_overdue))
    refused = pair.ask()
    assert (refused.status, refused.header("X-Road-Error")) == (
        503,
        "server.clientproxy.logging_failed",
    )

    authority.is_away = False
    wait_until(lambda: not pair.node(0).core.stamps_overdue)
    assert pair.ask().status == 200


def _unstamped(pair: Pair) -> bool:
    stamper = pair.node(0).stamper
    return stamper is not None and stamper.oldest is not None
