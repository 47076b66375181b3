"""The one family of errors.

    PencereError            a reason known by its code; status 500 if nothing better is known
    ├── Invalid             400  what was given cannot be accepted
    ├── Refused             403  understood, and not allowed
    ├── Missing             404  there is no such thing
    ├── Conflict            409  the thing has changed, or exists already
    ├── Unavailable         503  something needed does not answer; worth trying again
    └── Misconfigured       500  a setting is wrong; the process does not start

`code` is dotted, `"fin.invalid"`; a text table at the edge turns it into a sentence. `facts`
are what that sentence needs. They are logged, so a name, a personal number, or a secret is
never among them.
"""
# ruff: noqa: N818 - a code is raised, and "raise Refused" is how the sentence reads

from typing import ClassVar, Self


class PencereError(Exception):
    """A refusal with a reason: `code` for machines, `facts` for the sentence people read."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{key}={value}" for key, value in self.facts.items())])

    def __reduce__(self) -> tuple[object, ...]:
        # Exception.__reduce__ forgets keyword arguments, and errors cross process boundaries.
        return _rebuild, (type(self), self.code, self.facts)

    @classmethod
    def _from_parts(cls, code: str, facts: dict[str, object]) -> Self:
        return cls(code, **facts)


class Invalid(PencereError):
    """What was given cannot be accepted as it is."""

    status = 400


class Refused(PencereError):
    """Understood, and not allowed."""

    status = 403


class Missing(PencereError):
    """There is no such thing, or none that this caller may know of."""

    status = 404


class Conflict(PencereError):
    """The thing has changed meanwhile, or exists already."""

    status = 409


class Unavailable(PencereError):
    """Something needed does not answer. The same request may succeed later."""

    status = 503


class Misconfigured(PencereError):
    """A setting is wrong: which file, line (where known) and key, what it holds, what is valid."""

    def __init__(
        self, *, file: object, key: str, value: object, example: object, line: int | None = None
    ) -> None:
        super().__init__(
            "configuration.invalid",
            file=str(file), line=line, key=key, value=value, example=example,
        )  # fmt: skip

    @property
    def place(self) -> str:
        """Return the file, with the line as editors and terminals write it."""
        line = self.facts["line"]
        return f"{self.facts['file']}:{line}" if line is not None else str(self.facts["file"])

    def __str__(self) -> str:
        facts = self.facts
        return (
            f"{self.place}: {facts['key']} is {facts['value']!r};"
            f" a valid value is {facts['example']!r}"
        )

    @classmethod
    def _from_parts(cls, code: str, facts: dict[str, object]) -> Self:
        del code
        return cls(
            file=facts["file"],
            line=line if isinstance(line := facts["line"], int) else None,
            key=str(facts["key"]),
            value=facts["value"],
            example=facts["example"],
        )


def _rebuild(cls: type[PencereError], code: str, facts: dict[str, object]) -> PencereError:
    return cls._from_parts(code, facts)
