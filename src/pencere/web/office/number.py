"""Numbers that come from outside: the number of a case in an address, a version in a form."""

LONGEST = 9  # digits; a version never gets there, and int() of thousands of digits is an error


class CaseNumber:
    """Path converter: `DYP-2026-004182`, and nothing PostgreSQL would refuse to compare."""

    regex = "[A-Z0-9-]{5,40}"

    def to_python(self, value: str) -> str:
        """Return it as it is."""
        return value

    def to_url(self, value: str) -> str:
        """Return it as it is."""
        return value


def as_version(sent: str | None) -> int:
    """Return the version a form was made from; 0, which no case has, when it is no number."""
    given = sent or ""
    return int(given) if given.isascii() and given.isdigit() and len(given) <= LONGEST else 0


def as_number(sent: str | None) -> str:
    """Return what somebody typed as a number of a case, without what no number has."""
    kept = "".join(sign for sign in (sent or "").upper() if sign.isalnum() or sign == "-")
    return kept[:40]
