"""A telephone whose answers a test writes down beforehand."""

from dataclasses import dataclass, field

import pytest
from django.conf import settings

from pencere.kernel.errors import PencereError
from pencere.kernel.identifiers import Fin, Phone
from pencere.web.identity.telephone import Asked, Certified
from pencere.web.people.vault import Identity


@dataclass
class Script:
    """What the telephone does: `answers` are given one by one, the last for ever."""

    answers: list[Certified | PencereError | None] = field(default_factory=lambda: [None])
    refuses: PencereError | None = None
    asked: list[tuple[Fin, Phone, str]] = field(default_factory=list)

    def signs(self, fin: str = "5KQ2R7A", given: str = "Aydan", family: str = "Quliyeva") -> None:
        self.answers = [Certified(Identity(Fin(fin), given, family))]


SCRIPT = Script()


class ScriptedTelephone:
    """A telephone in memory."""

    def ask(self, *, fin: Fin, phone: Phone, language: str) -> Asked:
        if SCRIPT.refuses is not None:
            raise SCRIPT.refuses
        SCRIPT.asked.append((fin, phone, language))
        return Asked({"id": "1"}, "0417")

    def poll(self, session: dict[str, str]) -> Certified | None:
        assert session == {"id": "1"}
        answer = SCRIPT.answers[0]
        if len(SCRIPT.answers) > 1:
            SCRIPT.answers.pop(0)
        if isinstance(answer, PencereError):
            raise answer
        return answer


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(settings, "TELEPHONE", f"{__name__}.ScriptedTelephone")
    monkeypatch.setattr(
        "pencere.web.identity.telephone.import_string", lambda _path: ScriptedTelephone
    )
    SCRIPT.answers, SCRIPT.refuses, SCRIPT.asked = [None], None, []
    return SCRIPT
