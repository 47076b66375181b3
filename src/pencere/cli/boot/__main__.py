"""Runs the steps and reports them down a pipe; called by `pencere up`."""

import argparse
import os
import sys

from pencere.cli.__main__ import exit_code, in_words
from pencere.cli.boot.sequence import boot
from pencere.cli.progress import Pipe
from pencere.kernel.errors import PencereError
from pencere.ops.installation import Installation


def main() -> int:
    """Do all steps; the exit code is that of `pencere up` when one fails."""
    options = argparse.ArgumentParser(prog="python -m pencere.cli.boot")
    options.add_argument("--people", type=int, required=True)
    options.add_argument("--progress", type=int, required=True, metavar="FD")
    given = options.parse_args()
    progress = Pipe(given.progress)
    os.set_inheritable(given.progress, False)
    try:
        boot(Installation.from_environment(), progress, people=given.people)
    except PencereError as error:
        print(in_words(error), file=sys.stderr)
        return exit_code(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
