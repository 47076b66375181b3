"""Pages of a list, and the reading of a query's numbers and days."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TypeVar

from django.http import HttpRequest

from pencere.kernel.dates import parse_date
from pencere.kernel.errors import Invalid

PER_PAGE, MOST = 50, 500
T = TypeVar("T")


def page_of(
    request: HttpRequest, items: Sequence[T], shape: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """Return a page of items with what leads to the others.

    Raises:
        Invalid: `open_data.page`.
    """
    per_page = _number(request, "per_page", PER_PAGE)
    number = _number(request, "page", 1)
    if per_page > MOST:
        raise Invalid("open_data.page", most=MOST)
    pages = max(1, -(-len(items) // per_page))
    begin = (number - 1) * per_page
    query = request.GET.copy()
    query["page"] = str(number + 1)
    following = f"{request.path}?{query.urlencode()}" if number < pages else None
    return {
        "total": len(items),
        "page": number,
        "per_page": per_page,
        "pages": pages,
        "next": following,
        "items": [shape(one) for one in items[begin : begin + per_page]],
    }


def day_of(request: HttpRequest, key: str, otherwise: date) -> date:
    """Return a day of the query.

    Raises:
        Invalid: `date.invalid` or what `parse_date` says.
    """
    given = request.GET.get(key, "").strip()
    return parse_date(given[:20]) if given else otherwise


def _number(request: HttpRequest, key: str, otherwise: int) -> int:
    given = request.GET.get(key, "").strip()
    if not given:
        return otherwise
    if not (given.isascii() and given.isdigit() and len(given) <= 6 and int(given) >= 1):
        raise Invalid("open_data.page", most=MOST)
    return int(given)
