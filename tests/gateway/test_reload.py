"""The node's file and the directory change while requests run; none of them is lost."""

import json
import threading
import time

from tests.gateway.conftest import CLIENT_KEY, Pair, ask, headers, wait_until

from pencere.gateway.node_file import client_key_digest, write_node_file

PORTAL = "AZ/GOV/idda/portal"


class Load:
    """Callers that ask without a pause and note every answer."""

    def __init__(self, pair: Pair, callers: int = 3) -> None:
        self._pair, self._is_over = pair, threading.Event()
        self.statuses: list[int] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(callers)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            self.statuses.append(self._pair.ask().status)

    def more(self, count: int = 5) -> None:
        """Wait until some more were answered."""
        goal = len(self.statuses) + count
        wait_until(lambda: len(self.statuses) >= goal)


def _health(pair: Pair, at: int, name: str) -> tuple[bool, str]:
    checks = ask(pair.ports[at], "GET", "/healthz").json["checks"]
    return next((one["ok"], one["detail"]) for one in checks if one["name"] == name)


def test_files_and_directories_change_under_load_and_no_request_is_lost(pair: Pair) -> None:
    pair.start()
    consumer, provider = (pair.node(at).core.node_file for at in (0, 1))
    url = f"http://127.0.0.1:{pair.upstream.port}"

    with Load(pair) as load:
        load.more()
        before = consumer.current
        write_node_file(
            pair.folder / "0.json",
            clients={PORTAL: CLIENT_KEY, "AZ/GOV/idda/new": "another"},
            services={},
        )
        wait_until(lambda: consumer.current is not before)
        load.more()
        pair.publish(2)
        wait_until(lambda: pair.version(0) == pair.version(1) == 2)
        load.more()
        other = provider.current
        write_node_file(
            pair.folder / "1.json",
            clients={},
            services={"AZ/GOV/mia/population/person": {"url": f"{url}/other"}},
        )
        wait_until(lambda: provider.current is not other)
        load.more()
        pair.publish(3)
        wait_until(lambda: pair.version(0) == pair.version(1) == 3)
        load.more()

    assert set(load.statuses) == {200}
    targets = {call.target for call in pair.upstream.calls}
    assert targets == {"/person/query", "/other/query"}


def test_a_broken_file_leaves_the_last_good_one_and_health_says_so(pair: Pair) -> None:
    pair.start()
    source = pair.node(0).core.node_file

    with Load(pair, 1) as load:
        for broken in ("{", '{"clients": {"a": "b"}}', '{"clients": []}'):
            trouble = source.trouble
            (pair.folder / "0.json").write_text(broken)
            wait_until(lambda trouble=trouble: source.trouble != trouble)  # type: ignore[misc]
            load.more(2)
            assert not _health(pair, 0, "node-file")[0]

    whole = {"clients": {PORTAL: client_key_digest(CLIENT_KEY)}, "services": {}}
    (pair.folder / "0.json").write_text(json.dumps(whole))
    wait_until(lambda: _health(pair, 0, "node-file")[0])
    assert set(load.statuses) == {200}


def test_a_broken_or_older_directory_leaves_the_last_good_one_and_health_says_so(
    pair: Pair,
) -> None:
    pair.publish(5)
    pair.start()
    source = pair.node(0).core.directory

    for write in (
        lambda: (pair.folder / "directory0.jws").write_text("rubbish"),
        lambda: pair.publish(4, to=(0,)),
        lambda: pair.publish(6, to=(0,), services=[{"id": "x"}]),
    ):
        trouble = source.trouble
        write()
        wait_until(lambda trouble=trouble: source.trouble != trouble)  # type: ignore[misc]
        assert (pair.ask().status, pair.version(0)) == (200, 5)
        assert source.trouble in _health(pair, 0, "directory")[1]

    pair.publish(7, to=(0,))
    wait_until(lambda: pair.version(0) == 7)
    assert source.trouble == ""


def test_a_request_ends_with_the_directory_it_began_with(pair: Pair) -> None:
    pair.upstream.delay_s = 2.0
    pair.start()
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(pair.ask(headers()).status))
    asking.start()
    wait_until(lambda: len(pair.upstream.calls) == 1)

    pair.publish(2, agreements=[])
    wait_until(lambda: pair.version(0) == pair.version(1) == 2)
    time.sleep(0.1)
    pair.upstream.released.set()
    asking.join()

    assert (answers, pair.ask().status) == ([200], 403)
