"""Rules of the desk: who may open which of its pages."""

from pencere.web.people.domain.visit import Visit
from pencere.web.rules import Rule, role

# Roles that work on cases, as `cases.domain.acting.ROLES` knows them.
WORKING = ("officer", "unit-head", "expert")

auditor = role("auditor")
editor = role("catalogue-editor")
head = role("unit-head")


def works_on_cases(visit: Visit) -> bool:
    """Say whether the person has a desk with cases at any body."""
    return any(visit.holds(name) for name in WORKING)


def _any_of(*rules: Rule) -> Rule:
    """Let in who any of the rules lets in; the first that is not a refusal answers."""

    def judge(request):  # type: ignore[no-untyped-def]  # the signature is Rule's
        verdicts = [one.judge(request) for one in rules]
        return next((v for v in verdicts if v.name != "REFUSED"), verdicts[-1])

    return Rule(" or ".join(one.name for one in rules), judge)


caseworker = _any_of(*(role(name) for name in WORKING))
office_holder = _any_of(caseworker, auditor, editor)
