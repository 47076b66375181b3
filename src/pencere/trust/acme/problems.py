"""Refusals of ACME: problem documents (RFC 7807) with the types of RFC 8555 section 6.7."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import yaml

from pencere.kernel.errors import PencereError
from pencere.kernel.text import Text

NAMESPACE = "urn:ietf:params:acme:error:"
_STATUS = {
    "accountDoesNotExist": 400,
    "alreadyReplaced": 409,
    "alreadyRevoked": 400,
    "badCSR": 400,
    "badNonce": 400,
    "badPublicKey": 400,
    "badRevocationReason": 400,
    "badSignatureAlgorithm": 400,
    "connection": 400,
    "conflict": 409,
    "dns": 400,
    "externalAccountRequired": 403,
    "incorrectResponse": 403,
    "invalidContact": 400,
    "invalidProfile": 400,
    "malformed": 400,
    "orderNotReady": 403,
    "rateLimited": 429,
    "rejectedIdentifier": 400,
    "serverInternal": 500,
    "unauthorized": 403,
    "unsupportedContact": 400,
    "unsupportedIdentifier": 400,
    "userActionRequired": 403,
}


class Problem(PencereError):  # noqa: N818 -- of the kernel's family
    """A refusal that an ACME client understands.

    `kind` is a type of RFC 8555 section 6.7; `code` names the sentence in problems.yaml.
    """

    def __init__(
        self,
        kind: str,
        code: str,
        *,
        http_status: int | None = None,
        subproblems: Sequence[Mapping[str, Any]] = (),
        retry_after_s: int | None = None,
        **facts: object,
    ) -> None:
        super().__init__(f"acme.{code}", **facts)
        self.kind = kind
        self.sentence = code
        self.http_status = http_status or _STATUS[kind]
        self.subproblems = subproblems
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.kind, self.sentence, self.facts)

    def as_row(self) -> dict[str, Any]:
        """Return what is stored of it, to be said later in any language."""
        facts = {key: str(value) for key, value in self.facts.items()}
        return {"kind": self.kind, "code": self.sentence, "facts": facts}

    def document(self, language: str) -> dict[str, Any]:
        """Return the problem document in a language."""
        content: dict[str, Any] = {
            "type": NAMESPACE + self.kind,
            "detail": sentences()[self.sentence].in_language(language),
            "status": self.http_status,
        }
        shown = {key: str(value) for key, value in self.facts.items()}
        if shown:
            content["detail"] += " (" + ", ".join(f"{k}: {v}" for k, v in shown.items()) + ")"
        if self.subproblems:
            content["subproblems"] = list(self.subproblems)
        return content


def of_row(row: Mapping[str, Any]) -> Problem:
    """Return the problem that was stored with `as_row`."""
    return _rebuild(row["kind"], row["code"], row["facts"])


def _rebuild(kind: str, code: str, facts: dict[str, object]) -> Problem:
    return Problem(kind, code, **facts)  # type: ignore[arg-type]


@cache
def sentences() -> Mapping[str, Text]:
    """Return what is said of each code, in three languages."""
    content = yaml.safe_load(
        (resources.files("pencere.trust.acme") / "problems.yaml").read_text("utf-8")
    )
    return {code: Text.from_mapping(texts) for code, texts in content.items()}
