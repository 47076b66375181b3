"""`pencere`: finds the command, reads its options, turns errors into words and exit codes.

Exit codes: 0 done; 1 it did not succeed (the reason is on standard error); 2 wrong usage;
3 a setting or a file is wrong; 4 something needed does not answer; 130 stopped by Ctrl-C.
A command's module is imported only when it is called, so that each starts fast.
"""

import importlib
import os
import sys
from collections.abc import Sequence

from pencere.kernel.errors import Misconfigured, PencereError, Unavailable

COMMANDS = {
    "up": "start everything: databases, certification centre, registers, gateway, portal",
    "down": "stop what `up` started",
    "status": "list the processes with their memory",
    "doctor": "check that everything works",
    "serve": "run one role in the foreground",
    "service": "author a service: list, check, test, preview, new, export-bpmn",
    "register": "registers: list, check, new, load, verify, events",
    "search": "search the catalogue of services as the portal does",
    "sign": "sign files: PDF, CAdES, ASiC-E, XAdES; key in a file, a card or remote",
    "verify": "verify a signed document",
    "verify-certificate": "validate the path of a certificate from given material",
    "trusted-list": "trusted lists of trust services: show ours, load others",
    "token": "answer the challenge of a sign-in page with a card or PKCS#12 file",
    "ca": "certification centre: ceremony, issue, list, revoke, crl",
    "log": "public log of the centre: checkpoint, entries, prove, handle",
    "gateway": "gateway: sandbox for developers, explain who may ask what",
    "notices": "take reports of mail that did not arrive",
    "bench": "measure against a limit: search, ocsp, tsa",
}

DONE, FAILED, WRONG_USAGE, WRONG_SETTING, NO_ANSWER, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, `head` say, has seen enough; what is left unwritten must not be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except PencereError as error:
        print(f"pencere {given[0]}: {in_words(error)}", file=sys.stderr)
        return exit_code(error)
    except Exception as error:
        if not _is_unreachable(error):
            raise
        first = str(error).strip().split("\n")[0]
        print(f"pencere {given[0]}: something needed does not answer\n  {first}", file=sys.stderr)
        return NO_ANSWER


def _is_unreachable(error: Exception) -> bool:
    """Whether a database or a service could not be reached, whichever library says so."""
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None and isinstance(error, psycopg.OperationalError):
        return True
    # asyncpg lets the socket's own error through.
    return isinstance(error, ConnectionError | FileNotFoundError) and "asyncpg" in sys.modules


def _run(given: list[str]) -> int:
    if not given or given[0] in {"-h", "--help", "help"}:
        print(_usage())
        return DONE if given else WRONG_USAGE
    if given[0] not in COMMANDS:
        print(f"pencere: there is no command {given[0]!r}\n\n{_usage()}", file=sys.stderr)
        return WRONG_USAGE
    code: int = importlib.import_module(f"pencere.cli.commands.{given[0].replace('-', '_')}").run(
        given[1:]
    )
    sys.stdout.flush()
    return code


def in_words(error: PencereError) -> str:
    """Say an error to an operator: what is wrong, where, and a valid example."""
    if isinstance(error, Misconfigured):
        facts = error.facts
        return (
            f"a setting is wrong\n  file:    {error.place}\n  key:     {facts['key']}\n"
            f"  value:   {facts['value']}\n  example: {facts['example']}"
        )
    lines = [error.code]
    for key, value in error.facts.items():
        text = str(value)
        lines.append(f"  {key}: " + text.replace("\n", "\n    "))
    return "\n".join(lines)


def exit_code(error: PencereError) -> int:
    """Return the exit code of a command that ended with `error`."""
    if isinstance(error, Misconfigured):
        return WRONG_SETTING
    return NO_ANSWER if isinstance(error, Unavailable) else FAILED


def _usage() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {what}" for name, what in COMMANDS.items())
    return (
        "usage: pencere COMMAND [options]\n\n"
        f"{rows}\n\n"
        "Every command takes --data DIR (or PENCERE_DATA; default var) to say which installation\n"
        "it speaks to, and --help."
    )


if __name__ == "__main__":
    sys.exit(main())
