"""Rules of the desk: who may open which of its pages, and which cases are theirs."""

from django.http import HttpRequest

from pencere.kernel.errors import Refused
from pencere.web.cases.domain import reading
from pencere.web.cases.domain.desks import DECIDING
from pencere.web.cases.models import Case
from pencere.web.people.domain.visit import Visit
from pencere.web.rules import Rule, Verdict, role

# Roles that work on cases, as `cases.domain.acting.ROLES` knows them. An expert reads, and gives an
# opinion where one is asked for.
WORKING = (*DECIDING, "expert")

# Officers of the registration authority; what they do counts by their signatures, not by this.
REGISTERING = ("ra-officer", "ra-chief")

auditor = role("auditor")
editor = role("catalogue-editor")
author = role("service-author")


def _keeps_money(request: HttpRequest) -> Verdict:
    """Let in an accountant; one who also decides cases is none, whoever gave them both."""
    verdict = role("accountant").judge(request)
    if verdict is not Verdict.OPEN:
        return verdict
    visit: Visit = request.visit  # type: ignore[attr-defined]
    decides = any(office.role in DECIDING for office in visit.offices)
    return Verdict.REFUSED if decides else Verdict.OPEN


accountant = Rule("accountant of any body", _keeps_money)


def works_on_cases(visit: Visit) -> bool:
    """Say whether the person has a desk with cases at any body."""
    return bool(desk_bodies(visit))


def desk_bodies(visit: Visit) -> frozenset[str]:
    """Return the bodies at which the person works on cases; an auditor's body is none of them."""
    return frozenset(office.body for office in visit.offices if office.role in WORKING)


def heads(visit: Visit) -> frozenset[str]:
    """Return the bodies at which the person is the head of a unit."""
    return frozenset(office.body for office in visit.offices if office.role == "unit-head")


def decides_at(visit: Visit, body: str) -> bool:
    """Say whether the person may take and decide cases of this body."""
    return any(visit.holds(name, body) for name in DECIDING)


def case_for(visit: Visit, number: str) -> Case:
    """Return a case to an officer of its body.

    Raises:
        Missing: "case.missing": no such case, or another body's.
        Refused: "case.own_case": the officer applied for it, or sent it for another. At
            the desk they would read what only the body may see about themselves.
    """
    case = reading.case_of_body(bodies=desk_bodies(visit), number=number)
    if case.is_of(visit.person.pk):
        raise Refused("case.own_case")
    return case


def any_of(*rules: Rule) -> Rule:
    """Let in who any of the rules lets in; the first that is not a refusal answers."""

    def judge(request: HttpRequest) -> Verdict:
        verdicts = [one.judge(request) for one in rules]
        return next((v for v in verdicts if v is not Verdict.REFUSED), Verdict.REFUSED)

    return Rule(" or ".join(one.name for one in rules), judge)


caseworker = any_of(*(role(name) for name in WORKING))
registrar = any_of(*(role(name) for name in REGISTERING))
REGISTER_ROLES = (
    "register-proposer",
    "register-approver",
    "register-security",
    "register-privacy",
    "register-signatory",
    "register-supervisor",
)
# Who keeps records: the role is "registrar", of the body that owns the register.
keeper = role("registrar")
registrar_of_systems = any_of(*(role(name) for name in REGISTER_ROLES))
office_holder = any_of(
    caseworker, accountant, auditor, editor, author, registrar, registrar_of_systems, keeper
)
