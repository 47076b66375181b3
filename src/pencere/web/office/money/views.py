"""Days of money and one of them, as pages and as a table to download."""

import csv
import io
from datetime import date

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from pencere.kernel.clock import BAKU
from pencere.kernel.dates import format_date, format_instant
from pencere.kernel.money import format_amount
from pencere.web.country import country
from pencere.web.office.money.scope import bodies_of, day_of, keeps_book
from pencere.web.office.who import accountant
from pencere.web.payments.domain import days, seen
from pencere.web.payments.domain.policy import policy
from pencere.web.payments.models import Closing, Difference, Refund
from pencere.web.rules import rule, visit_of
from pencere.web.texts import current_language, t

PAGE = 60
KINDS = {"open": "", "matched": "good", "differing": "bad", "closed": "good"}


@rule(accountant)
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the days, the latest first, and refunds that wait."""
    visit, now, language = visit_of(request), settings.CLOCK.now(), current_language()
    pages = max(1, -(-seen.count_of_days(at=now) // PAGE))
    asked = request.GET.get("page", "1")
    is_number = asked.isascii() and asked.isdigit() and len(asked) < 6
    page = min(max(int(asked), 1), pages) if is_number else 1
    waiting = seen.refunds_that_wait(bodies=bodies_of(visit), at=now)
    facts = {
        "lines": [
            {
                "label": format_date(one.day, language),
                "href": reverse("money_day", args=[one.day.isoformat()]),
                "state": t(f"money.state.{one.state}"),
                "kind": KINDS[one.state],
                "left": one.left,
                "is_next": one.is_next,
            }
            for one in seen.listed(at=now, begin=(page - 1) * PAGE, limit=PAGE)
        ],
        "refunds": [_refund(one, language) for one in waiting[:200]],
        "page": page,
        "pages": pages,
    }
    return render(request, "office/money/pages/days.jinja", facts)


@rule(accountant)
@require_safe
def day(request: HttpRequest, day: str) -> HttpResponse:
    """Show a day: its totals, the bank's lines beside the book's, and what does not fit."""
    return page_of(request, day_of(day))


def page_of(
    request: HttpRequest, wanted: date, *, error: str = "", typed: dict[str, str] | None = None
) -> HttpResponse:
    """Return the page of a day; with an error, what was typed is still in it."""
    visit, language = visit_of(request), current_language()
    bodies, one = bodies_of(visit), seen.one(wanted)
    closing = Closing.objects.filter(day=wanted).select_related("closed_by").first()
    is_over = settings.CLOCK.now() >= days.bounds(wanted)[1] + days.SETTLING
    facts = {
        "day": wanted.isoformat(),
        "title": format_date(wanted, language),
        "state": t(f"money.state.{one.state}"),
        "kind": KINDS[one.state],
        "totals": [
            [account, treasury, format_amount(total, language)]
            for account, treasury, total in seen.totals(day=wanted, bodies=bodies)
        ],
        "rows": [_movement(row, language) for row in seen.movements(day=wanted, bodies=bodies)],
        "is_compared": one.state != "open",
        "differences": [
            _difference(found, visit.person.pk, language)
            for found in seen.differences(day=wanted, bodies=bodies)
        ],
        "closing": closing,
        "closed_at": format_instant(closing.closed_at, language) if closing else "",
        "is_keeper": keeps_book(visit),
        "may_compare": is_over and closing is None,
        "may_close": one.is_next and one.state == "matched" and is_over,
        "limit": format_amount(policy().explain_alone, language),
        "error": error,
        "typed": typed or {"id": "", "words": "", "how": ""},
    }
    return render(request, "office/money/pages/day.jinja", facts, status=422 if error else 200)


@rule(accountant)
@require_safe
def download(request: HttpRequest, day: str) -> HttpResponse:
    """Give the day's movements as CSV: sums in qəpik, times of the country."""
    wanted, bodies = day_of(day), bodies_of(visit_of(request))
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(["at", "movement", "number", "charge", "body", "bank", "book", "matched"])
    for row in seen.movements(day=wanted, bodies=bodies):
        table.writerow(
            [
                row.at.astimezone(BAKU).isoformat(timespec="seconds"), row.movement,
                _cell(row.number), _cell(row.charge), row.body,
                "" if row.bank is None else row.bank, "" if row.book is None else row.book,
                "yes" if row.is_matched else "no",
            ]
        )  # fmt: skip
    answer = HttpResponse(written.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{wanted.isoformat()}.csv"'
    return answer


def _cell(text: str) -> str:
    """Return the bank's text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _movement(row: seen.Row, language: str) -> dict[str, object]:
    return {
        "at": format_instant(row.at, language),
        "movement": t(f"money.movement.{row.movement}"),
        "number": row.number,
        "body": country().body(row.body).names.in_language(language) if row.body else "",
        "bank": "" if row.bank is None else format_amount(row.bank, language),
        "book": "" if row.book is None else format_amount(row.book, language),
        "is_matched": row.is_matched,
    }


def _difference(found: Difference, person: int, language: str) -> dict[str, object]:
    can_correct = found.kind == Difference.Kind.BANK_ONLY and found.movement == "payment"
    how = [{"value": "explain", "label": t("money.explain")}]
    if can_correct:
        how.append({"value": "correct", "label": t("money.correct")})
    proposer = found.proposed_by
    return {
        "id": found.pk,
        "kind": t(f"money.kind.{found.kind}"),
        "movement": t(f"money.movement.{found.movement}"),
        "number": found.number,
        "bank": format_amount(found.bank_amount, language),
        "book": format_amount(found.book_amount, language),
        "is_open": found.explained_at is None,
        "how": how,
        "words": found.words or found.proposed_words,
        "by": found.explained_by.name if found.explained_by is not None else "",
        "proposed_by": proposer.name if proposer is not None else "",
        "said": t(f"money.{found.how}") if found.how else "",
        "may_answer": proposer is not None and proposer.pk != person,
    }


def _refund(refund: Refund, language: str) -> dict[str, object]:
    is_refused = refund.progress == Refund.Progress.REFUSED
    return {
        "id": refund.id,
        "sum": format_amount(refund.amount, language),
        "body": country().body(refund.charge.beneficiary).names.in_language(language),
        "at": format_instant(refund.requested_at, language),
        "state": t("money.refused") if is_refused else t("money.waits"),
        "kind": "bad" if is_refused else "warn",
    }
