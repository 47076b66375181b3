"""A sealed, numbered extract of a record, put among the person's papers; its code verifies it."""

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from pencere.kernel.clock import local_date
from pencere.kernel.errors import Conflict, Refused
from pencere.kernel.identifiers import parse_fin
from pencere.kernel.text import LANGUAGES, Text
from pencere.web.exchange import Record, gateway
from pencere.web.issued.domain import folder, issuing
from pencere.web.office.records.fields import shapes, shown
from pencere.web.office.records.look import Opened, opened
from pencere.web.office.who import keeper
from pencere.web.people.domain import accounts
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t, texts

TEMPLATE = Path(__file__).with_name("extract.typ")


@rule(keeper)
@require_POST
def give(request: HttpRequest, look: str, record: int) -> HttpResponse:
    """Seal what the record says now; the same version on the same day is one document.

    The paper is in the language of the page.
    """
    at = settings.CLOCK.now()
    here = opened(visit_of(request), look, at=at)
    if not here.may_change or not here.definition.extract:
        raise Refused("records.no_extract")
    there = gateway().read(register=here.look.register, record=record, purpose=here.purpose)
    holder = accounts.find(parse_fin(here.look.person)) if here.look.person else None
    if holder is None:
        raise Conflict("records.no_account")
    language, on = current_language(), local_date(at)
    number = f"{here.definition.owner}-{there.id}-{there.version}-{on:%y%m%d}-{language}".upper()
    document = issuing.issue(
        issuing.Order(
            key=f"extract/{here.look.register}/{number}",
            person=holder,
            kind=f"{here.look.register}/extract",
            name=Text(*(texts().say("office.records.extract_name", one) for one in LANGUAGES)),
            service=here.look.register,
            case=number,
            body=here.definition.owner,
            language=language,
            template=TEMPLATE,
            values={
                "register": here.definition.names.in_language(language),
                "on": on.isoformat(),
                "rows": _rows(here, there),
            },
        ),
        at=at,
    )
    answer = HttpResponse(folder.content_of(bytes(document.sha256)), content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="extract-{document.code}.pdf"'
    return answer


def _rows(here: Opened, there: Record) -> list[dict[str, str]]:
    """Return the fields of the extract in the order of its list."""
    by_name = {one.name: one for one in shapes(here.definition, here.definition.extract)}
    state = "valid" if there.state == "valid" else "annulled"
    return [
        {"label": t("office.records.extract_state"), "value": t(f"office.records.{state}")},
        *(
            {"label": by_name[name].label, "value": shown(by_name[name], there.data[name])}
            for name in here.definition.extract
            if name in there.data
        ),
    ]
