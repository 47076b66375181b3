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
    installation = Installation.from_environment()
    try:
        boot(installation, progress, people=given.people)
    except PencereError as error:
        progress.say(in_words(error))
        return exit_code(error)
    except Exception as error:
        # The traceback goes to the log, which is this process's standard error.
        progress.say(f"{type(error).__name__}: {error}\nSee {installation.log / 'boot.log'}")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
