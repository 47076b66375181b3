"""`pencere token authenticate`: sign in with a card where the browser has no extension for it.

Prints the authentication token (Web eID) that answers the challenge of a sign-in page.
"""

import getpass
import json
import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pencere.cli.options import parser, subparsers
from pencere.kernel.errors import Misconfigured
from pencere.trust import web_eid
from pencere.trust.card import Card, of_file, of_token

VERSION = "https://web-eid.eu/web-eid-app/releases/v2.0.0+pencere"
_NONCE = re.compile(r"[A-Za-z0-9+/]{43,170}={0,2}")


def run(arguments: Sequence[str]) -> int:
    """Print the token as JSON on standard output; questions go to the terminal."""
    options = parser("token", "Use a card or token of a person.")
    actions = subparsers(
        options, [("authenticate", "answer the challenge of a sign-in page (Web eID)")]
    )
    add = actions["authenticate"].add_argument
    add("--pkcs11", metavar="LIB", help="module of the card, e.g. opensc-pkcs11.so")
    add("--p12", metavar="FILE", help="PKCS#12 file in place of a card")
    add("--token", metavar="LABEL", help="which token, when there are several")
    add("--origin", required=True, metavar="URL", help="site, as its page shows it")
    add("--nonce", required=True, metavar="N", help="challenge, as the page shows it")
    add("--pin-file", metavar="FILE", help="PIN or password; else it is asked for")
    given = options.parse_args(arguments)
    if (given.pkcs11 is None) == (given.p12 is None):
        options.error("name a card (--pkcs11 LIB) or a file (--p12 FILE)")
    origin, nonce = _origin(given.origin), _nonce(given.nonce)
    if given.p12 is not None:
        token = _answer(of_file(Path(given.p12), _pin(given, "Password")), origin, nonce)
    else:
        with of_token(Path(given.pkcs11), _pin(given, "PIN1"), given.token) as card:
            token = _answer(card, origin, nonce)
    print(json.dumps(token))
    return 0


def _answer(card: Card, origin: str, nonce: str) -> dict[str, str]:
    print(f"{card.certificate.subject.rfc4514_string()} -> {origin}", file=sys.stderr)
    return web_eid.make(card.certificate, card.sign, origin=origin, nonce=nonce, version=VERSION)


def _origin(text: str) -> str:
    """Take a site and nothing behind it: the origin is what keeps a signature to one site."""
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in {"https", "http"} or not parts.netloc or parts.path or parts.query:
        raise Misconfigured(
            file="command line", key="--origin", value=text, example="https://portal.example"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _nonce(text: str) -> str:
    if not _NONCE.fullmatch(text):
        raise Misconfigured(
            file="command line",
            key="--nonce",
            value=text[:60],
            example="the 44 signs that the page shows",
        )
    return text


def _pin(given: Namespace, what: str) -> str:
    if given.pin_file is None:
        return getpass.getpass(f"{what}: ")
    try:
        return Path(given.pin_file).read_text("utf-8").strip()
    except OSError as reason:
        raise Misconfigured(
            file="command line", key="--pin-file", value=str(reason), example="pin.txt, mode 0600"
        ) from None
