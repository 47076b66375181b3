"""`pencere sign FILE...`: sign files with a key in a file, in a card, or at a remote service.

A PIN or a password is asked for at the terminal, read from a file descriptor, or taken from an
environment variable; it is never an argument, since arguments are seen by everyone on a machine.
"""

import argparse
import getpass
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from cryptography import x509

from pencere.cli.options import installation_of, parser
from pencere.cli.progress import Bars, Lines
from pencere.documents.formats import asic
from pencere.documents.formats.batch import Batch, Outcome
from pencere.documents.formats.csc import CscSigner
from pencere.documents.formats.levels import LEVELS, reaches
from pencere.documents.formats.methods import FORMATS, Format, Way, extended, method
from pencere.documents.formats.pkcs12 import open_pkcs12
from pencere.documents.formats.services import NetworkServices
from pencere.documents.formats.signer import Signer, sign_one
from pencere.documents.formats.texts import refusals
from pencere.documents.remote import SealService
from pencere.kernel.clock import SystemClock
from pencere.kernel.errors import Misconfigured, PencereError, Unavailable
from pencere.kernel.text import LANGUAGES
from pencere.trust.durable import write_durably

SECRET_VARIABLE = "PENCERE_SIGN_PIN"  # noqa: S105 - the name of the variable
TOKEN_VARIABLE = "PENCERE_SIGN_TOKEN"  # noqa: S105 - the name of the variable
_LONGEST_SECRET = 4096
_ENDINGS: dict[str, Format] = {".pdf": "pades", ".xml": "xades", ".asice": "asice-cades"}


def run(arguments: Sequence[str]) -> int:
    """Sign every file; exit 0 when all are signed, 1 when not, 4 when a service was away."""
    given = _parser().parse_args(arguments)
    files = [Path(name) for name in given.file]
    clock = SystemClock()
    services = NetworkServices(
        clock, tsa_url=_tsa_url(given), anchors=_anchors(given), others=_others(given)
    )
    with ExitStack() as stack:
        if given.extend:
            return _extend(given, files, services)
        signer = _signer(given, stack)
        way = Way(signer, services, clock, given.level, given.enveloped, given.reason)
        if given.container is not None:
            return _one_container(Path(given.container), files, way, given)
        return _each(files, way, given)


def _parser() -> argparse.ArgumentParser:
    made = parser(
        "sign",
        "Sign files: PAdES, CAdES, ASiC-E, XAdES. The PIN or password is asked for, or read from"
        f" --pin-fd or {SECRET_VARIABLE}; never given as an argument.",
    )
    made.add_argument("file", metavar="FILE", nargs="+")
    key = made.add_argument_group("whose key (one of)")
    key.add_argument("--p12", metavar="FILE", help="a PKCS#12 file")
    key.add_argument("--pkcs11", metavar="LIB", help="PKCS#11 library of a card or module")
    key.add_argument("--csc", metavar="URL", help="remote service, up to and with /csc/v1")
    made.add_argument("--token", metavar="LABEL", help="with --pkcs11: which token")
    made.add_argument("--label", metavar="LABEL", help="with --pkcs11: which key")
    made.add_argument(
        "--credential",
        metavar="ID",
        help=f"with --csc: which credential; its bearer token is in {TOKEN_VARIABLE}",
    )
    made.add_argument("--pin-fd", metavar="N", type=int, help="read PIN or password from there")
    made.add_argument(
        "--no-pin", action="store_true", help="with --csc: the credential asks for none"
    )
    made.add_argument("--format", choices=FORMATS, help="default: by the ending, else cades")
    made.add_argument("--level", choices=LEVELS, default="B-B")
    made.add_argument("--enveloped", action="store_true", help="CAdES with the content inside")
    made.add_argument("--container", metavar="FILE", help="all files into one ASiC-E container")
    made.add_argument("--cosign", action="store_true", help="add to what others signed already")
    made.add_argument(
        "--extend", action="store_true", help="raise or renew signed files; no key is needed"
    )
    made.add_argument("--content", metavar="FILE", help="with --extend: what a .p7s is over")
    made.add_argument("--out", metavar="DIR", help="where to (default: beside each file)")
    made.add_argument("--tsa", metavar="URL", help="time-stamping (default: the installation's)")
    made.add_argument(
        "--anchors", metavar="FILE", help="PEM of trusted roots (default: the installation's)"
    )
    made.add_argument("--chain", metavar="FILE", help="PEM of certificates between, if missing")
    made.add_argument("--reason", metavar="TEXT", help="PDF: why, as readers show it")
    made.add_argument("--language", choices=LANGUAGES, default="en")
    return made


def _each(files: Sequence[Path], way: Way, given: argparse.Namespace) -> int:
    """Sign each file by itself; those of one format are one batch."""
    progress = Bars() if sys.stdout.isatty() else Lines()
    counts = {"signed": 0, "already": 0, "failed": 0}
    errors: list[PencereError] = []
    progress.begin("sign")
    for name, group in _by_format(files, given.format):
        before = sum(counts.values())
        batch = Batch(
            method(name, way),
            way.signer,
            Path(given.out) if given.out else None,
            given.cosign,
            lambda done, before=before: progress.advance(before + done, len(files)),  # type: ignore[misc]
        )
        for outcome in batch.run(group):
            counts[outcome.state] += 1
            if outcome.error is not None:
                errors.append(outcome.error)
                print(_in_words(outcome, given.language), file=sys.stderr)
            elif len(files) <= 20:
                progress.say(f"{outcome.target}")
    progress.end(f"{counts['signed']} signed, {counts['already']} signed before")
    if not errors:
        return 0
    print(f"pencere sign: {counts['failed']} of {len(files)} not signed", file=sys.stderr)
    return 4 if all(isinstance(one, Unavailable) for one in errors) else 1


def _one_container(target: Path, files: Sequence[Path], way: Way, given: argparse.Namespace) -> int:
    """Put all files into one container, or add a signature to one that holds just these."""
    flavour: asic.Flavour = "xades" if given.format == "asice-xades" else "cades"
    contents = {file.name: _read(file) for file in files}
    if len(contents) != len(files):
        raise Misconfigured(
            file="command line", key="FILE", value="two of one name", example="a.txt b.txt"
        )
    container = asic.opened(_read(target)) if target.exists() else asic.new(contents)
    if container.data != contents or (target.exists() and not given.cosign):
        raise Misconfigured(
            file="command line",
            key="--container",
            value=f"{target}: is there already",
            example="a new name, or --cosign with the same files",
        )
    prepared = asic.prepare(
        container,
        way.signer,
        way.services,
        flavour=flavour,
        level=way.level,
        at=way.clock.now(),
    )
    write_durably(target, sign_one(way.signer, prepared), mode=0o644)
    print(target)
    return 0


def _extend(given: argparse.Namespace, files: Sequence[Path], services: NetworkServices) -> int:
    """Raise signed files to a level, or renew their archive; each is replaced whole."""
    failed: list[PencereError] = []
    over = {} if given.content is None else {Path(given.content).name: _read(Path(given.content))}
    for file in files:
        target = Path(given.out) / file.name if given.out else file
        try:
            made = extended(_read(file), over, given.level, services)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_durably(target, made, mode=0o644)
        except PencereError as error:
            failed.append(error)
            print(
                _in_words(Outcome(file, target, "failed", error), given.language), file=sys.stderr
            )
        else:
            print(target)
    if not failed:
        return 0
    return 4 if all(isinstance(one, Unavailable) for one in failed) else 1


def _by_format(files: Sequence[Path], wanted: Format | None) -> Iterator[tuple[Format, list[Path]]]:
    groups: dict[Format, list[Path]] = {}
    for file in files:
        name = wanted or _ENDINGS.get(file.suffix.lower(), "cades")
        groups.setdefault(name, []).append(file)
    yield from groups.items()


def _signer(given: argparse.Namespace, stack: ExitStack) -> Signer:
    named = [one for one in (given.p12, given.pkcs11, given.csc) if one is not None]
    if len(named) != 1:
        raise Misconfigured(
            file="command line",
            key="--p12, --pkcs11, --csc",
            value=f"{len(named)} given",
            example="--p12 key.p12",
        )
    if given.p12 is not None:
        return open_pkcs12(Path(given.p12), _secret(given, "Password of the key file: "))
    if given.pkcs11 is not None:
        # The library of a card costs time to load, and only a card needs it.
        from pencere.documents.formats.pkcs11_token import open_token  # noqa: PLC0415

        pin = _secret(given, "PIN of the card: ")
        token = open_token(Path(given.pkcs11), token=given.token, label=given.label, pin=pin)
        stack.callback(token.close)
        return token
    token_given = os.environ.get(TOKEN_VARIABLE)
    if token_given is None or given.credential is None:
        raise Misconfigured(
            file="environment",
            key=TOKEN_VARIABLE if token_given is None else "--credential",
            value="",
            example="what the service gave you",
        )
    remote = SealService(given.csc, token_given, given.credential)
    return CscSigner(remote, None if given.no_pin else _secret(given, "PIN of the credential: "))


def _secret(given: argparse.Namespace, prompt: str) -> str:
    if given.pin_fd is not None:
        try:
            with os.fdopen(os.dup(given.pin_fd), "rb") as stream:
                return stream.read(_LONGEST_SECRET).split(b"\n")[0].decode()
        except (OSError, ValueError) as error:
            raise Misconfigured(
                file="command line", key="--pin-fd", value=given.pin_fd, example="--pin-fd 3 3<pin"
            ) from error
    # Taken out at once, so that no program started later inherits it.
    from_environment = os.environ.pop(SECRET_VARIABLE, None)
    if from_environment is not None:
        return from_environment
    if not sys.stdin.isatty():
        raise Misconfigured(
            file="command line", key="--pin-fd", value="nothing", example="--pin-fd 3 3<pin"
        )
    return getpass.getpass(prompt)


def _tsa_url(given: argparse.Namespace) -> str | None:
    if given.tsa is not None:
        return str(given.tsa)
    if not reaches(given.level, "B-T"):
        return None
    return f"{installation_of(given).address('trust')}/tsa"


def _anchors(given: argparse.Namespace) -> list[x509.Certificate]:
    if given.anchors is not None:
        return _certificates(Path(given.anchors), "--anchors")
    if not reaches(given.level, "B-LT"):
        return []
    return _certificates(installation_of(given).data / "pki" / "root.crt", "--anchors")


def _others(given: argparse.Namespace) -> list[x509.Certificate]:
    if given.chain is not None:
        return _certificates(Path(given.chain), "--chain")
    public = installation_of(given).data / "pki"
    found = sorted(public.glob("*.crt")) if reaches(given.level, "B-LT") else []
    return [one for file in found for one in _certificates(file, "--chain")]


def _certificates(file: Path, option: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as reason:
        raise Misconfigured(
            file=file, key=option, value=str(reason), example="root.crt of /ca/root.crt, PEM"
        ) from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as reason:
        raise Misconfigured(
            file="command line",
            key="FILE",
            value=f"{file}: {reason.strerror}",
            example="letter.pdf",
        ) from None


def _in_words(outcome: Outcome, language: str) -> str:
    error = outcome.error
    if error is None:
        return f"{outcome.target}"
    said = refusals().get(error.code)
    words = error.code if said is None else said.in_language(language)
    facts = ", ".join(f"{key}={value}" for key, value in error.facts.items())
    return f"{outcome.source}: {words} ({error.code}{': ' + facts if facts else ''})"
