# ruff: noqa: E501 - a table reads better on long lines
"""What a wrong definition gets: which file, which key, what it holds, what would be valid."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pencere.countries import Country
from pencere.kernel.errors import Misconfigured
from pencere.services.definition import load
from pencere.services.lints import Surroundings, lint
from pencere.services.model.definition import Definition

Spoil = Callable[[str, str], Path]


def test_equal_content_has_an_equal_hash(permit: Definition) -> None:
    assert load(permit.folder).sha256 == permit.sha256


def test_a_changed_template_is_another_version_of_the_content(permit: Definition) -> None:
    template = permit.folder / "permit.typ"
    template.write_text(template.read_text("utf-8") + "\n", "utf-8")

    assert load(permit.folder).sha256 != permit.sha256


@pytest.mark.parametrize(
    ("old", "new", "key", "value"),
    [
        ("en: Net permit, ", "", "names.en", "missing"),
        ("assurance: low", "assurance: lowest", "assurance", "lowest"),
        ("type: number,", "type: integer,", "questions.0.type", "integer"),
        ("authority: harbour", "authorty: harbour", "authorty", "unknown key"),
        ("version: 2", "version: two", "version", "two"),
        ("1 year", "one year", "retention.granted", "one year"),
        ("in_force: 2026-01-01", "in_force: 2026-13-01", "in_force", "2026-13-01"),
        ("service: net-permit", "service: nets", "service", "nets"),
        ("template: permit.typ", "template: paper.typ", "documents.permit.template", "paper.typ"),
    ],
)
def test_a_wrong_key_is_named_with_its_value_and_an_example(
    spoilt: Spoil, old: str, new: str, key: str, value: object
) -> None:
    folder = spoilt(old, new)

    with pytest.raises(Misconfigured) as caught:
        load(folder)

    facts = caught.value.facts
    assert (facts["file"], facts["key"], facts["value"]) == (
        str(folder / "service.yaml"),
        key,
        value,
    )
    assert facts["example"]


def test_a_key_that_stands_twice_is_refused(spoilt: Spoil) -> None:
    folder = spoilt("version: 2", "version: 2\nversion: 3")

    with pytest.raises(Misconfigured) as caught:
        load(folder)

    assert caught.value.facts["value"] == "the key 'version' stands twice"


def test_a_file_that_is_not_yaml_is_named_with_its_line(permit: Definition) -> None:
    (permit.folder / "service.yaml").write_text("service: x\nversion: }\nin_force: y\n", "utf-8")

    with pytest.raises(Misconfigured) as caught:
        load(permit.folder)

    assert (caught.value.facts["line"], caught.value.facts["key"]) == (2, "(file)")


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("to: granted, four_eyes", "to: grated, four_eyes", "case.states.review.actions.grant.to", "no such state"),
        ("instead: rod-permit", "instead: bow-permit", "eligible.0.instead", "no such service in the catalogue"),
        ("answers.length > 10", "answers.lenght > 10", "questions.1.when", "no such name in answers, or not known yet"),
        ("answers.length > 10", "answers.length >", "questions.1.when", "syntax"),
        ("answers.length > 10", "now() > today", "questions.1.when", "unknown_function now"),
        ("facts.permit.gear == 'net'", "facts.permit.secret == 'net'", "eligible.0.when", "facts.permit has no such field"),
        ("purpose: fishing\n    title", "purpose: census\n    title", "facts.permit.purpose", "the register does not know it"),
        ("rule: net.fee", "rule: net.tax", "fee.rule", "no such rule"),
        ("act: sea-act}]\nterm", "act: land-act}]\nterm", "basis.0.act", "no such act"),
        ("waits_for: [paper]", "waits_for: [papyrus]", "case.states.granted.effects.2.waits_for", "is no effect before this one"),
        ("waits_for: [permit], values", "values", "case.states.granted.effects.1.values.number", "no such name in effects, or not known yet"),
        ("after: {days: 3, to: refused}", "queue: q", "case.states.waiting.after", "the clock could stand for ever"),
        ("gear: net, ends", "geer: net, ends", "case.states.granted.effects.0.create", "no such field"),
        ("ru: Разрешение на сеть", "ru: Permit", "names.ru", "is not in Russian"),
        ("- {id: payment, kind: payment, failed: refused, name: {az: Ödəniş, en: Payment, ru: Оплата}}\n        ", "", "term.from", "no state checks the payment"),
        ("reasons: [{id: storm, act: sea-act, text: {az: Tufan, en: Storm, ru: Шторм}}]", "danger: true", "case.states.review.actions.refuse.reasons", "a refusal gives reasons"),
        ("refused: 6 months", "lapsed: 6 months", "retention", "how long are such cases kept"),
        ("#facts.number", "#facts.numbr", "documents.permit.template", "az: dictionary does not contain key"),
    ],
)  # fmt: skip
def test_a_definition_that_could_go_wrong_is_not_published(
    spoilt: Spoil,
    island_folder: Path,
    *,
    old: str,
    new: str,
    key: str,
    message: str,
) -> None:
    if old.startswith("#"):
        template = island_folder / "services" / "net-permit" / "permit.typ"
        template.write_text(template.read_text("utf-8").replace(old, new), "utf-8")
        folder = template.parent
    else:
        folder = spoilt(old, new)
    around = Surroundings.of(Country.load_folder(Path(__file__).parent / "island"))

    findings = lint(load(folder), around)

    assert [f for f in findings if f.key == key and f.message.startswith(message)], findings


def test_a_state_nobody_reaches_is_found(spoilt: Spoil) -> None:
    lost = "  states:\n    lost: {name: {az: İ, en: L, ru: Б}, after: {days: 1, to: lost}}\n"
    folder = spoilt("  states:\n", lost)
    around = Surroundings.of(Country.load_folder(Path(__file__).parent / "island"))

    found = [(f.key, f.message) for f in lint(load(folder), around)]

    assert found == [("case.states.lost", "cannot be reached")]


def test_a_case_that_could_never_end_is_found(spoilt: Spoil) -> None:
    spoilt(", silence: accept, silence_to: granted", "")
    folder = spoilt("after: {days: 3, to: refused}", "after: {days: 3, to: waiting}")
    service = folder / "service.yaml"
    text = service.read_text("utf-8").replace(
        "answer: {name: {az: Cavab, en: Answer, ru: Ответ}, by: applicant, to: review}",
        "answer: {name: {az: Cavab, en: Answer, ru: Ответ}, by: applicant, to: waiting}",
    )
    service.write_text(text, "utf-8")
    around = Surroundings.of(Country.load_folder(Path(__file__).parent / "island"))

    found = [(f.key, f.message) for f in lint(load(folder), around)]

    assert found == [("case.states.waiting", "no way from here to a final state")]
