"""What the state already has, as the answer of a question: where it comes from, when it fits."""

from collections.abc import Mapping

from pencere.kernel.errors import PencereError
from pencere.services import answers as _answers
from pencere.services.expressions import evaluate, paths
from pencere.services.model.question import Question


def known(question: Question, context: Mapping[str, object]) -> object:
    """Return the answer the state has, None when it has none that fits the question.

    A register that says something else than the question can take (a choice it does not offer)
    is no fault of the applicant: the question is asked as if nothing were known.
    """
    if question.prefill is None:
        return None
    try:
        value = _answers.to_stored(evaluate(question.prefill, context))
        return _answers.from_stored(question, value) if value not in ("", [], {}) else None
    except PencereError:
        return None


def is_locked(question: Question, context: Mapping[str, object]) -> bool:
    """Say whether the state's word is the answer, whatever the applicant types."""
    return question.locked and known(question, context) is not None


def fact_of(question: Question) -> str:
    """Return the id of the fact that a prefilled question reads, "" when it reads none."""
    if question.prefill is None:
        return ""
    read = (path for path in paths(question.prefill.source) if path[0] == "facts")
    return next((path[1] for path in read if len(path) > 1), "")
