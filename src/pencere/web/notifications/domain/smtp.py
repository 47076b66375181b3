"""Handing mail to the operator's server. SMTP (RFC 5321) with STARTTLS (RFC 3207).

`PENCERE_SMTP` names the server (`mail.example.az:587`), `PENCERE_SMTP_TLS` how it is spoken to
(`starttls`, `tls`, or `none` to a server on this machine), `PENCERE_MAIL_FROM` the sender,
`PENCERE_SMTP_USER` who signs in with the password in the file `secrets/smtp`. Without a server
nothing is sent, and `pencere doctor` says so.
"""

import os
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

from pencere.kernel.errors import Misconfigured, Refused, Unavailable

SERVER, TLS, SENDER, USER = (
    "PENCERE_SMTP", "PENCERE_SMTP_TLS", "PENCERE_MAIL_FROM", "PENCERE_SMTP_USER",
)  # fmt: skip
TIMEOUT_S = 15.0
WAYS = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class Mailer:
    """One server. A connection for each message: a minute has few of them."""

    host: str
    port: int
    way: str
    sender: str
    user: str = ""
    password: str = ""

    def send(self, *, to: str, subject: str, text: str, key: str, at: datetime) -> int:
        """Hand one message over; nothing is paid for it. The same `key` is the same Message-ID.

        Raises:
            Unavailable: "mail.silent": no server, or it asks to come again.
            Refused: "mail.refused": it will never take it.
        """
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, to, subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{key}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(text)
        with self._connected() as server:
            server.send_message(message)
        return 0

    def ping(self) -> None:
        """Return when the server answers, else raise Unavailable."""
        with self._connected() as server:
            server.noop()

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        trusted = ssl.create_default_context()
        try:
            if self.way == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    self.host, self.port, timeout=TIMEOUT_S, context=trusted
                )
            else:
                server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
            with server:
                if self.way == "starttls":
                    server.starttls(context=trusted)
                if self.user:
                    server.login(self.user, self.password)
                yield server
        except smtplib.SMTPRecipientsRefused as refusal:
            code = min(code for code, _ in refusal.recipients.values())
            raise _said(code) from refusal
        except smtplib.SMTPAuthenticationError as refusal:  # ours to mend, not the person's
            raise Unavailable("mail.silent") from refusal
        except smtplib.SMTPResponseException as refusal:
            raise _said(refusal.smtp_code) from refusal
        except (OSError, smtplib.SMTPException) as silence:
            raise Unavailable("mail.silent") from silence


def mailer(folder: Path) -> Mailer | None:
    """Return the operator's server, None when there is none; `folder` is that of secrets.

    Raises:
        Misconfigured: a variable cannot be used.
    """
    named = os.environ.get(SERVER, "")
    if not named:
        return None
    host, _, port = named.rpartition(":")
    if not host or not port.isdigit():
        raise _wrong(SERVER, named, "mail.example.az:587")
    way = os.environ.get(TLS, WAYS[0])
    if way not in WAYS or (way == "none" and not _is_here(host)):
        raise _wrong(TLS, way, "starttls")
    sender = os.environ.get(SENDER, "")
    if "@" not in sender:
        raise _wrong(SENDER, sender, "no-reply@example.az")
    user, file = os.environ.get(USER, ""), folder / "smtp"
    return Mailer(
        host, int(port), way, sender, user, file.read_text("utf-8").strip() if user else ""
    )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _said(code: int) -> Exception:
    return Refused("mail.refused") if code >= 500 else Unavailable("mail.silent")


def _wrong(variable: str, value: str, example: str) -> Misconfigured:
    return Misconfigured(file=Path("environment"), key=variable, value=value, example=example)
