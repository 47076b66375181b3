"""What changes or ends while requests run: no request is dropped, nothing needs a hand."""

import signal
import ssl
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from cryptography import x509
from tests.gateway.authority import Authority, authority  # noqa: F401 - a fixture
from tests.gateway.conftest import SERVICE, Answer, Pair, ask, free_port, headers, wait_until
from tests.gateway.test_clients import OK, _ask_tls, _der, _told, _write
from tests.gateway.test_link import _run_node

from pencere.gateway.directory.model import fingerprint_of
from pencere.gateway.keys import KeyPair
from pencere.gateway.throwaway import make_key

PORTAL = "AZ/GOV/idda/portal"


def shown(port: int) -> str:
    """The SHA-256 of the certificate that a listener shows on a new connection."""
    pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=5)
    return fingerprint_of(x509.load_pem_x509_certificate(pem.encode()))


def test_clients_by_tls_are_shown_the_new_certificate_and_none_is_dropped(pair: Pair) -> None:
    client, following = make_key("portal", pair.clocks[0]), make_key("next", pair.clocks[0])
    _write(pair, 0, clients={PORTAL: {"certificates": [_der(client)]}})
    files = following.write(pair.folder, "following")
    pair.anchors.write_bytes(pair.anchors.read_bytes() + files[0].read_bytes())
    nodes = pair.payload(2)["nodes"]
    nodes[0]["certificates"] += [following.entry("tls"), following.entry("sign")]
    pair.publish(1, nodes=nodes)
    port = free_port()
    pair.start(0, client_tls_port=port)
    pair.start(1)
    before = shown(port)
    outcomes: Counter[object] = Counter()
    ending = threading.Event()

    def load() -> None:
        while not ending.is_set():
            outcomes[_told(_ask_tls(pair, port, client))] += 1

    with ThreadPoolExecutor(2) as callers:
        for _ in range(2):
            callers.submit(load)
        wait_until(lambda: outcomes[OK] > 5)
        pair.loop.do(lambda: pair.node(0).core.keys.change(KeyPair(following, *files)))
        count = outcomes[OK]
        wait_until(lambda: outcomes[OK] > count + 5)
        ending.set()

    assert set(outcomes) == {OK}
    assert (before, shown(port)) == (
        fingerprint_of(pair.keys[0].certificate),
        fingerprint_of(following.certificate),
    )


def test_a_process_that_is_told_to_end_answers_what_it_began_and_takes_no_more(pair: Pair) -> None:
    pair.start(0)
    provider = _run_node(pair, 1)
    assert pair.ask().status == 200
    pair.upstream.delay_s = 2.0
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(pair.ask())) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(pair.upstream.calls) == 5)

    provider.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    late = pair.ask()
    for thread in threads:
        thread.join()

    assert provider.wait(20) == 0
    assert [one.status for one in answers] == [200] * 4
    assert late.status in {502, 503}
    assert len(pair.upstream.calls) == 5
    numbers = ", ".join(f"'{one.header('x-road-request-id')}'" for one in answers)
    query = f"select count(*) from gateway.response where exchange in ({numbers}) and outcome = "
    assert [pair.rows(at, query + "'answered'") for at in (0, 1)] == [[(4,)], [(4,)]]


def test_a_worker_that_ends_by_a_mistake_begins_again_and_health_says_so(
    pair: Pair,
    authority: Authority,  # noqa: F811
) -> None:
    mistakes = [ZeroDivisionError(), ZeroDivisionError()]

    def check(token: bytes, digest: bytes) -> object:
        if mistakes:
            raise mistakes.pop()
        return None

    pair.start(1)
    pair.start(
        0, tsa_url=authority.url, stamp_every_s=0.1, verify_token=check, clock=authority.clock
    )
    assert ask(pair.ports[0], "POST", f"{SERVICE}/query", headers(), b"{}").status == 200

    def told() -> str:
        health = ask(pair.ports[0], "GET", "/healthz").json["checks"]
        return next(one["detail"] for one in health if one["name"] == "workers")

    wait_until(lambda: told() == "Stamper.run ended by ZeroDivisionError and began again")
    unstamped = (
        "select count(*) from gateway.response r where not exists"
        " (select from gateway.batch_member m where m.response_seq = r.seq)"
    )
    wait_until(lambda: pair.rows(0, unstamped) == [(0,)], 10)
