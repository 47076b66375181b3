"""Processes of tests never share a port: one that each gives, while the others live, is its own."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

GIVE = """
import json, sys
from tests.ports import free_port
print(json.dumps([free_port() for _ in range(500)]), flush=True)
sys.stdin.read()
"""


def given() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", GIVE],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_no_two_processes_of_tests_are_given_the_same_port() -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(given()) for _ in range(4)]
        blocks = [set(json.loads(one.stdout.readline())) for one in running]
        for one in running:
            one.stdin.close()

    assert [len(block) > 300 for block in blocks] == [True] * 4
    assert sum(map(len, blocks)) == len(set.union(*blocks))
