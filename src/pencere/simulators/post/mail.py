"""The mail server. RFC 5321, without TLS: it is only ever asked from this machine.

Who it is for decides: `nobody@` is refused for good, `later@` for now, all others are taken.
"""

from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from pencere.kernel.clock import Clock
from pencere.simulators.post.box import Box, Letter, new_id

LARGEST_BYTES = 1_000_000
LONGEST_TEXT = 10_000


class _Handler:
    def __init__(self, box: Box, clock: Clock) -> None:
        self._box, self._clock = box, clock

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del options
        name = address.partition("@")[0].lower()
        if name == "nobody":
            return "550 5.1.1 no such mailbox"
        if name == "later":
            return "451 4.2.0 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        raw = content.encode() if isinstance(content, str) else content or b""
        mail = message_from_bytes(raw, policy=policy.default)
        at = int(self._clock.now().timestamp())
        for address in envelope.rcpt_tos:
            self._box.put(
                Letter(
                    id=new_id(),
                    kind="mail",
                    reference=str(mail.get("Message-ID", "")).strip().strip("<>"),
                    sender=str(mail.get("From", "")),
                    to=address,
                    subject=str(mail.get("Subject", "")),
                    text=_text(mail)[:LONGEST_TEXT],
                    at=at,
                )
            )
        return "250 OK"


class MailServer:
    """The server, in a thread of its own from `start` to `stop`."""

    def __init__(self, *, box: Box, clock: Clock, port: int) -> None:
        self.port = port
        self._handler = _Handler(box, clock)
        self._running: Controller | None = None

    @property
    def listens(self) -> bool:
        """Whether it takes mail."""
        return self._running is not None

    def start(self) -> None:
        """Listen on the port of this machine. Raises OSError when it is taken."""
        # Made here: a controller has an event loop from its first moment.
        controller = Controller(
            self._handler, hostname="127.0.0.1", port=self.port, data_size_limit=LARGEST_BYTES
        )
        controller.start()
        self._running = controller

    def stop(self) -> None:
        """Take no more."""
        if self._running is not None:
            self._running.stop()
            self._running = None


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except (LookupError, ValueError):  # a letter set nobody knows
        return ""
