"""Templates: each compiles in three languages with the values its effect gives."""

from collections.abc import Iterator
from datetime import date

from pencere.documents.make import TemplateError, make_pdf
from pencere.kernel.errors import PencereError
from pencere.kernel.text import LANGUAGES
from pencere.services.lints.surroundings import Problem, Rule, Surroundings
from pencere.services.model.definition import Definition
from pencere.services.samples import issued, sample_context

# A code of the right form: templates are tried, nothing is issued.
_URL = "https://localhost/v/00000000000000000000"
_DAY = date(2026, 1, 15)


def _compile(definition: Definition, around: Surroundings) -> Iterator[Problem]:
    context = sample_context(definition, around.registers, _DAY)
    try:
        documents = issued(definition, context, _DAY)
    except PencereError as error:
        yield "documents", error.code, str(error), "values that the facts have"
        return
    for document in documents:
        for language in LANGUAGES:
            try:
                make_pdf(document.template, document.values, language, _URL)
            except TemplateError as error:
                problem = str(error.facts.get("problem"))
                key = f"documents.{document.document}.template"
                yield key, document.template.name, f"{language}: {problem}", "see write-a-document"


TEMPLATE_RULES: tuple[Rule, ...] = (_compile,)
