"""Whether a definition makes sense: every name in it exists, nothing is disclosed by accident."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from pencere.countries import Country
from pencere.kernel.errors import Invalid, Misconfigured
from pencere.kernel.text import Text
from pencere.kernel.yamltext import line_of
from pencere.registers.definition import Definition, read_definition, register_files


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: where, what stands there, why it cannot be, what would be valid."""

    file: Path
    key: str
    value: object
    message: str
    example: object

    def as_error(self) -> Misconfigured:
        """Return it as the error that stops a start."""
        return Misconfigured(
            file=self.file,
            line=line_of(self.file, self.key),
            key=self.key,
            value=self.value,
            example=self.example,
        )


def load_registers(country: Country) -> Mapping[str, Definition]:
    """Return the definitions of a country by code.

    Raises:
        Misconfigured: the first thing wrong.
    """
    definitions, findings = check(country)
    for finding in findings:
        raise finding.as_error()
    return definitions


def check(country: Country) -> tuple[Mapping[str, Definition], list[Finding]]:
    """Read and lint all definitions of a country: those that could be read, all that is wrong."""
    definitions: dict[str, Definition] = {}
    findings: list[Finding] = []
    for path in register_files(country):
        try:
            definition = read_definition(path)
        except Misconfigured as error:
            facts = error.facts
            findings.append(
                Finding(path, str(facts["key"]), facts["value"], "wrong form", facts["example"])
            )
            continue
        findings += lint(definition, country)
        definitions[definition.code] = definition
    return definitions, findings


def lint(definition: Definition, country: Country) -> list[Finding]:
    """Return what is wrong with one definition."""
    problems: list[Finding] = []
    for rule in _RULES:
        for key, value, message, example in rule(definition, country):
            problems.append(Finding(definition.file, key, value, message, example))
    return problems


_Problem = tuple[str, object, str, object]


def _place(definition: Definition, country: Country) -> Iterator[_Problem]:
    expected = f"{definition.file.parent.name}/{definition.file.stem}"
    if definition.code != expected:
        yield "register", definition.code, "is not the file's own name", expected
    if definition.owner not in country.bodies:
        yield "owner", definition.owner, "no such body", next(iter(country.bodies), "none")
    for act in definition.basis:
        if act not in country.acts:
            yield "basis", act, "no such act", next(iter(country.acts), "none")
    if not definition.basis:
        yield "basis", [], "a register needs a legal basis", [next(iter(country.acts), "none")]


def _schema(definition: Definition, country: Country) -> Iterator[_Problem]:
    del country
    try:
        Draft202012Validator.check_schema(definition.schema)
    except SchemaError as error:
        yield f"data.{error.json_path}", error.message, "no valid JSON Schema", {"type": "string"}
        return
    if definition.schema.get("additionalProperties") is not False:
        yield "data.additionalProperties", None, "unknown fields would be let in", False
    properties = definition.schema.get("properties")
    for name, field in properties.items() if isinstance(properties, Mapping) else ():
        if isinstance(field, Mapping):
            yield from _words(f"data.properties.{name}", field)


def _words(place: str, field: Mapping[str, object]) -> Iterator[_Problem]:
    if not _is_text(field.get("x-names")):
        yield f"{place}.x-names", field.get("x-names"), "a field needs its three names", _NAME
    codes, values = field.get("enum"), field.get("x-values")
    for code in codes if isinstance(codes, list) else ():
        if not isinstance(values, Mapping) or not _is_text(values.get(code)):
            yield f"{place}.x-values.{code}", None, "a code needs its three names", _NAME


def _is_text(value: object) -> bool:
    try:
        return isinstance(value, Mapping) and bool(Text.from_mapping(value))
    except Invalid:
        return False


_NAME = {"az": "Adı", "en": "Name", "ru": "Имя"}


def _fields(definition: Definition, country: Country) -> Iterator[_Problem]:
    del country
    known = set(definition.fields)
    example = next(iter(definition.fields), "fin")
    for key in definition.keys.values():
        yield from _unknown(f"keys.{key.name}", key.fields, known, example)
    for purpose, fields in definition.disclosure.items():
        yield from _unknown(f"disclosure.{purpose}", fields, known, example)
        if not fields:
            yield f"disclosure.{purpose}", [], "discloses nothing: leave it out", [example]
    yield from _unknown("extract", definition.extract, known, example)
    for purpose in definition.clerks:
        if purpose not in definition.disclosure:
            yield (
                "clerks",
                purpose,
                "no purpose of this register",
                next(iter(definition.disclosure)),
            )
    if definition.numbering:
        yield from _unknown("numbering.field", [definition.numbering.field], known, example)


def _unknown(place: str, names: Iterable[str], known: set[str], example: str) -> Iterator[_Problem]:
    for name in names:
        if name not in known:
            yield place, name, "no such field", example


def _purposes(definition: Definition, country: Country) -> Iterator[_Problem]:
    example = next(iter(country.purposes), "none")
    for purpose in definition.disclosure:
        if purpose not in country.purposes:
            yield f"disclosure.{purpose}", purpose, "no such purpose", example
    for number, writer in enumerate(definition.writers):
        for purpose in writer.purposes:
            if purpose not in definition.disclosure:
                message = "who writes must be able to read what stands there"
                yield f"writers[{number}].purposes", purpose, message, example


def _subject(definition: Definition, country: Country) -> Iterator[_Problem]:
    del country
    subject = definition.subject
    persons = [key for key in definition.keys.values() if key.is_person]
    if subject is None:
        if persons:
            yield "subject", None, "a key asks about persons", persons[0].fields[0]
        return
    required = definition.schema.get("required")
    if not isinstance(required, list) or subject not in required:
        yield "subject", subject, "must be a required field", subject
    if not any(key.fields == (subject,) for key in persons):
        example = {subject: {"kind": "lookup", "fields": [subject], "person": True}}
        yield "keys", list(definition.keys), "the person's data could not be found", example
    for key in persons:
        if len(key.parts) != 1:
            yield f"keys.{key.name}.fields", key.fields, "a person is one field", [subject]


def _events(definition: Definition, country: Country) -> Iterator[_Problem]:
    del country
    written = sorted({purpose for one in definition.writers for purpose in one.purposes})
    for rule in definition.events:
        for purpose in sorted(rule.purposes - set(written)):
            message = "nobody writes for this purpose, so it never happens"
            yield f"events.{rule.type}.purposes", purpose, message, written


def _merging(definition: Definition, country: Country) -> Iterator[_Problem]:
    del country
    written = sorted({purpose for one in definition.writers for purpose in one.purposes})
    for purpose in sorted(definition.merging - set(written)):
        yield "merging", purpose, "nobody writes for this purpose", written


def _likeness(definition: Definition, country: Country) -> Iterator[_Problem]:
    del country
    likeness = definition.likeness
    if likeness is None:
        return
    blocking = [key.name for key in definition.keys.values() if key.kind == "blocking"]
    for name in sorted(set(likeness.keys) - set(blocking)):
        yield "likeness.keys", name, "is no blocking key", blocking
    if not likeness.keys:
        yield "likeness.keys", [], "nothing would be compared", blocking
    properties = definition.schema.get("properties")
    fields = properties if isinstance(properties, Mapping) else {}
    for each in likeness.comparisons:
        place, kind = f"likeness.compare.{each.field}", fields.get(each.field)
        if not isinstance(kind, Mapping):
            yield place, each.field, "no such field", next(iter(fields), "fin")
        elif (kind.get("format") == "date") != (each.how == "day"):
            yield place, each.how, "a date is compared as a day, and nothing else is", "day"
        elif each.how == "name" and kind.get("type") != "string":
            yield place, each.how, "is no text", "exact"
    if not definition.merging:
        message = "nobody may say that two records are one"
        yield "likeness", list(likeness.keys), message, {"merging": ["a-purpose"]}


def _masks(definition: Definition, country: Country) -> Iterator[_Problem]:
    del country
    writing = {purpose for one in definition.writers for purpose in one.purposes}
    properties = definition.schema.get("properties")
    kinds = properties if isinstance(properties, Mapping) else {}
    for purpose, patterns in definition.masks.items():
        fields = definition.disclosure.get(purpose, ())
        if purpose in writing:
            # What comes back from a writer would be the mask.
            yield f"masks.{purpose}", purpose, "who writes must see what stands there", "another"
        for field in patterns:
            place = f"masks.{purpose}.{field}"
            kind = kinds.get(field)
            if field not in fields:
                yield place, field, "is not disclosed to this purpose", list(fields)
            elif isinstance(kind, Mapping) and kind.get("type") in {"array", "object"}:
                yield place, kind["type"], "only texts and numbers have a mask", "leave it out"


_RULES: tuple[Callable[[Definition, Country], Iterator[_Problem]], ...] = (
    _place,
    _schema,
    _fields,
    _purposes,
    _subject,
    _events,
    _masks,
    _merging,
    _likeness,
)
