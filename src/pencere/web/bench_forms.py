"""How long the server works for a page of a long form: 40 questions and a table of 200 rows.

The form is the residence certificate's with other questions, so that its address and rights are
the real ones; the pages are asked for as a browser asks. Who is signed in for it, and the draft,
are deleted again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from time import perf_counter

from django.conf import settings
from django.test import Client

from pencere.kernel.identifiers import Fin
from pencere.kernel.text import Text
from pencere.services.model.common import Expression
from pencere.services.model.definition import Definition
from pencere.services.model.question import Question, QuestionType
from pencere.web.cases.domain import definitions, drafts
from pencere.web.cases.models import Draft
from pencere.web.people.domain import accounts, sessions
from pencere.web.people.models.person import Person
from pencere.web.people.vault import Identity

LONGEST_MS = 50.0
RUNS = 30
FIELDS, ROWS = 40, 200
_SERVICE = "residence-certificate"
_ASK = Text("Sual", "Question", "Вопрос")
_COLUMNS = {
    "day": QuestionType.DATE,
    "name": QuestionType.TEXT,
    "weight": QuestionType.NUMBER,
    "price": QuestionType.MONEY,
}


def bench_forms() -> list[dict[str, object]]:
    """Return the JSON of `pencere bench forms`; `value` is the median in milliseconds.

    Needs Django set up as the portal and its database.
    """
    definition = _definition()
    with _only(definition), _someone(definition) as (client, draft):
        root = f"/az/applications/{draft.id}/"
        pages = {
            "form-question": f"{root}question/q{FIELDS - 1}/",
            "form-table": f"{root}question/rows/",
            "form-row": f"{root}question/rows/row/{ROWS // 2}/",
            "form-check": f"{root}check/",
        }
        return [_measured(name, client, address) for name, address in pages.items()]


def _measured(name: str, client: Client, address: str) -> dict[str, object]:
    times, size = [], 0
    for _ in range(RUNS + 1):
        began = perf_counter()
        answer = client.get(address, HTTP_HOST="127.0.0.1", HTTP_ACCEPT_ENCODING="gzip")
        times.append((perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}")
        size = len(answer.content)
    first, *warm = times
    middle = median(warm)
    return {
        "name": name,
        "value": round(middle, 1),
        "unit": "ms",
        "limit": LONGEST_MS,
        "limit_name": f"the longest allowed with {FIELDS} questions and {ROWS} rows",
        "ratio": round(LONGEST_MS / middle, 2),
        "target": 1.0,
        "runs": RUNS,
        "first_ms": round(first, 1),
        "slowest_ms": round(max(warm), 1),
        "bytes": size,
    }


def _definition() -> Definition:
    columns = tuple(Question(name, kind, _ASK) for name, kind in _COLUMNS.items())
    asked = [
        Question(f"q{n}", QuestionType.NUMBER if n % 2 else QuestionType.TEXT, _ASK)
        for n in range(FIELDS)
    ]
    table = Question("rows", QuestionType.TABLE, _ASK, columns=columns, maximum=ROWS)
    whole = Question(
        "whole",
        QuestionType.COMPUTED,
        _ASK,
        value=Expression("sum(answers.rows, 'price')", "value"),
        shown_as=QuestionType.MONEY,
    )
    real = definitions.newest(_SERVICE, at=settings.CLOCK.now())
    return replace(real, facts=(), eligible=(), questions=(*asked, table, whole), fee=None)


@contextmanager
def _only(definition: Definition) -> Iterator[None]:
    """Let every draft follow this definition."""
    kept = definitions.newest
    setattr(definitions, "newest", lambda _service, *, at: definition)  # noqa: B010
    try:
        yield
    finally:
        setattr(definitions, "newest", kept)  # noqa: B010


@contextmanager
def _someone(definition: Definition) -> Iterator[tuple[Client, Draft]]:
    """Give a signed-in browser and a whole draft, as long as this lasts."""
    now = settings.CLOCK.now()
    person = accounts.open_account(Identity(Fin("7BENCH8"), "Ad", "Soyad"), at=now)
    client = Client()
    client.cookies[settings.SESSION_COOKIE] = sessions.begin(
        person=person, assurance="high", device="bench", at=now
    )
    try:
        yield client, _draft(definition, person)
    finally:
        Draft.objects.filter(person=person).delete()
        person.delete()


def _draft(definition: Definition, person: Person) -> Draft:
    now = settings.CLOCK.now()
    draft = drafts.start_draft(person=person, service=definition.service, at=now)
    draft.person = person
    rows = [
        {"day": now.date(), "name": f"Ad {n}", "weight": n, "price": n * 105} for n in range(ROWS)
    ]
    for n in range(FIELDS):
        value: object = n if n % 2 else f"Cavab {n}"
        drafts.answer(draft=draft, question=f"q{n}", value=value, at=now)
    drafts.answer(draft=draft, question="rows", value=rows, at=now)
    return draft
