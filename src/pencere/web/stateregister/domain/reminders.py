"""What time asks for: terms that end or have ended, agreements that end."""

from datetime import datetime, timedelta

from django.db import transaction

from pencere.kernel.clock import local_date
from pencere.web.stateregister.domain import agreements as agreements_in_force
from pencere.web.stateregister.domain.applications import ABOUT, name_of, waiting_roles
from pencere.web.stateregister.domain.offices import PROPOSER, SUPERVISOR
from pencere.web.stateregister.domain.recording import record
from pencere.web.stateregister.domain.telling import tell, tell_role
from pencere.web.stateregister.domain.terms import term
from pencere.web.stateregister.domain.vocabulary import vocabulary
from pencere.web.stateregister.models import Act, Agreement, Application, Force, State


def terms(*, at: datetime) -> int:
    """Remind approvers of a term that ends; past it, tell the supervisor and the proposer, once.

    Silence decides nothing: what is overdue stays open, shown as such, until it is decided.
    """
    today, count = local_date(at), 0
    near = term("escalation", on=today)
    for row in Application.objects.filter(state=State.SUBMITTED).select_related("owner"):
        if row.due is None:
            continue
        if row.due < today:
            count += _escalate(row.number, at=at)
        elif near.last_day(today) >= row.due:
            for one in waiting_roles(row):
                tell_role(one.role, one.body, "term_near", key=f"{row.number}:{row.round}:near",
                          subject=row.number, at=at, number=row.number, name=name_of(row),
                          day=row.due)  # fmt: skip
    return count


@transaction.atomic
def _escalate(number: str, *, at: datetime) -> int:
    row = Application.objects.select_for_update().get(pk=number)
    if row.state != State.SUBMITTED or row.due is None:
        return 0
    known = Act.objects.filter(
        about=ABOUT, subject=number, kind="escalated", round=row.round
    ).exists()
    if known:
        return 0
    late = [one.role for one in waiting_roles(row)]
    record(ABOUT, number, "escalated", person=None, at=at, of_round=row.round,
           details={"due": row.due.isoformat(), "waiting": late})  # fmt: skip
    key = f"{number}:{row.round}:late"
    supervisor = vocabulary().approvers["register-approver"].body
    tell_role(SUPERVISOR, supervisor, "term_late", key=key, subject=number, at=at, number=number,
              name=name_of(row), day=row.due)  # fmt: skip
    tell(row.proposer, "term_late", key=key, subject=number, at=at, number=number,
         name=name_of(row), day=row.due)  # fmt: skip
    return 1


def agreements(*, at: datetime) -> int:
    """Remind both bodies of agreements that end; end those that are over. Return how many ended.

    Amendments whose day has come begin.
    """
    today = local_date(at)
    agreements_in_force.begin_what_is_due(at=at)
    for days in vocabulary().remind:
        ending = Agreement.objects.filter(
            is_active=True, force=Force.IN_FORCE, last_day__gte=today,
            last_day__lte=today + timedelta(days=days),
        ).select_related("consumer", "provider")  # fmt: skip
        for row in ending:
            for body in {row.consumer.owner_id, row.provider.owner_id}:
                tell_role(PROPOSER, body, "ends_soon", key=f"{row.id}:{row.last_day}:{days}",
                          subject=row.id, at=at, number=row.id, day=row.last_day)  # fmt: skip
    return agreements_in_force.end_what_is_over(at=at)
