"""What the shell asks of services: list, check, test, preview, begin a new one, search, measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pencere.countries import Country
from pencere.kernel.errors import Misconfigured
from pencere.kernel.text import LANGUAGES
from pencere.services import forms
from pencere.services.catalogue import Catalogue
from pencere.services.definition import FILE, load
from pencere.services.fees import fee_for
from pencere.services.lints import Finding, Surroundings, lint
from pencere.services.model.definition import Definition
from pencere.services.samples import sample_context
from pencere.services.scaffold import new_service
from pencere.services.search import Hit, Index
from pencere.services.trial import CaseResult, run_cases

__all__ = ["check", "definition_of", "find", "list_services", "new", "preview", "test"]


@dataclass(frozen=True, slots=True)
class Tested:
    """The cases of one service."""

    service: str
    results: tuple[CaseResult, ...]

    @property
    def passed(self) -> bool:
        """Every case went as expected."""
        return all(result.passed for result in self.results)


def list_services(country: Country) -> list[dict[str, object]]:
    """Return `[{"id", "version", "status", "authority", "names"}]`; a page has no version."""
    return [
        {
            "id": entry.id,
            "version": entry.definition.version if entry.definition is not None else None,
            "status": "executable" if entry.is_executable else "information",
            "authority": entry.authority,
            "names": entry.names.as_mapping(),
        }
        for entry in Catalogue.load(country.folder).all
    ]


def definition_of(name: str, country: Country) -> Definition:
    """Return the definition of a service, named by id or folder.

    Raises:
        Misconfigured: as `check`.
    """
    (definition,) = _named([name], country)
    return definition


def check(names: Sequence[str], country: Country) -> list[Finding]:
    """Return what is wrong with services, named by id or folder; none named: all.

    Raises:
        Misconfigured: a file does not fit its schema, or there is no such service.
    """
    around = Surroundings.of(country)
    return [f for each in _named(names, country) for f in lint(each, around)]


def test(names: Sequence[str], country: Country) -> list[Tested]:
    """Run the cases of services, named by id or folder; none named: all.

    Raises:
        Misconfigured: as `check`, or cases.yaml is missing.
    """
    around = Surroundings.of(country)
    return [Tested(d.service, tuple(run_cases(d, around))) for d in _named(names, country)]


def preview(name: str, country: Country, on: date, language: str) -> dict[str, object]:
    """Return a service as the applicant meets it, with believable facts: pages, fee, states.

    Raises:
        Misconfigured: as `check`.
        Invalid: `text.unknown_language`.
    """
    around = Surroundings.of(country)
    definition = definition_of(name, country)
    context = sample_context(definition, around.registers, on)
    answers = context["answers"]
    way = forms.route(definition, answers if isinstance(answers, dict) else {}, context)
    fee = fee_for(definition, context, on, around.law)
    return {
        "id": definition.service,
        "version": definition.version,
        "sha256": definition.sha256,
        "name": definition.names.in_language(language),
        "summary": definition.summary.in_language(language),
        "fee": fee.amount,
        "fee_lines": [
            {"name": line.name.in_language(language), "amount": line.amount, "act": line.act}
            for line in fee.lines
        ],
        "facts": [
            {"id": fact.id, "from": fact.register, "title": fact.title.in_language(language)}
            for fact in definition.facts
        ],
        "questions": [
            {
                "id": question.id,
                "type": question.type.value,
                "ask": question.ask.in_language(language),
                "choices": [choice.label.in_language(language) for choice in question.choices],
                "on_sample_way": question in way,
            }
            for question in definition.questions
        ],
        "states": [
            {
                "id": state.id,
                "name": state.name.in_language(language),
                "final": state.final,
                "actions": {a.id: a.to for a in state.actions},
            }
            for state in definition.states.values()
        ],
    }


def new(service_id: str, authority: str, country: Country) -> Path:
    """Begin a service: write a folder that passes `check` and `test`, and return it.

    Raises:
        Misconfigured: the id is not a word-with-hyphens, is taken, or there is no such body.
    """
    if authority not in country.bodies:
        raise Misconfigured(
            file="bodies.yaml", key="authority", value=authority, example=next(iter(country.bodies))
        )
    act = next(iter(country.acts))
    events = Catalogue.load(country.folder).life_events
    return new_service(country.folder / "services", service_id, authority, act, events[0].id)


def find(text: str, language: str, limit: int, country: Country) -> list[Hit]:
    """Search the catalogue."""
    if language not in LANGUAGES:
        raise Misconfigured(file="--lang", key="language", value=language, example="az")
    return Index(Catalogue.load(country.folder)).search(text, language, limit)


def _named(names: Sequence[str], country: Country) -> list[Definition]:
    services = country.folder / "services"
    folders = [_folder(name, services) for name in names]
    if not names:
        folders = sorted(file.parent for file in services.glob(f"*/{FILE}"))
    return [load(folder) for folder in folders]


def _folder(name: str, services: Path) -> Path:
    for folder in (Path(name), services / name):
        if (folder / FILE).is_file():
            return folder
    raise Misconfigured(file=services / name, key=FILE, value="not there", example="an id")
