"""Who carries notices out of the house while the operator names nobody: the simulators."""

from collections.abc import MutableMapping

from pencere.ops.installation import Installation


def hand_post_to(environment: MutableMapping[str, str], installation: Installation) -> None:
    """Let who has no mail server, or no provider of text messages, use the simulated ones."""
    if not environment.get("PENCERE_SMTP"):
        environment["PENCERE_SMTP"] = f"127.0.0.1:{installation.port('post-smtp')}"
        environment["PENCERE_SMTP_TLS"] = "none"
        environment["PENCERE_SMTP_USER"] = ""
        environment["PENCERE_MAIL_FROM"] = "no-reply@pencere.example"
    if not environment.get("PENCERE_SMS"):
        installation.secret("sms")  # both sides read it
        environment["PENCERE_SMS"] = installation.address("post")
        environment["PENCERE_SMS_SENDER"] = "Pencere"
