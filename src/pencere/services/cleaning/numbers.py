"""Numbers by which things are known: telephones, accounts, companies, persons, vehicles."""

from collections.abc import Callable, Mapping

from pencere.kernel.errors import Invalid
from pencere.kernel.identifiers import parse_fin, parse_iban, parse_phone, parse_plate, parse_voen
from pencere.services.cleaning.common import Cleaner, Raw, typed, wrong
from pencere.services.model.question import Question
from pencere.services.places import places_in


def _cleaner(parse: Callable[[str], str], code: str) -> Cleaner:
    def clean(question: Question, raw: Raw, _: Mapping[str, object]) -> object:
        written = typed(raw, question.id)
        if not written:
            return None
        try:
            number = str(parse(written))
        except Invalid as error:
            raise wrong(question, code) from error
        return number if question.look_up is None else {"number": number}

    return clean


phone = _cleaner(parse_phone, "phone.invalid")
iban = _cleaner(parse_iban, "iban.invalid")
company = _cleaner(parse_voen, "voen.invalid")
person = _cleaner(parse_fin, "fin.invalid")
_plate = _cleaner(parse_plate, "plate.invalid")


def plate(question: Question, raw: Raw, context: Mapping[str, object]) -> object:
    """Return a registration plate whose region the country gives out."""
    value = _plate(question, raw, context)
    number = value["number"] if isinstance(value, Mapping) else value
    if number is None:
        return None
    code = str(number).partition("-")[0]
    if code not in places_in(context).plate_codes:
        raise wrong(question, "plate.unknown_region", example=code)
    return value
