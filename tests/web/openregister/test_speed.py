"""The search stays quick with as many systems as a state has."""

import time
from datetime import UTC, datetime

from pencere.kernel.text import Text
from pencere.web.country import country
from pencere.web.openregister.domain.finding import Question, find
from pencere.web.openregister.domain.records import OpenService, OpenSystem
from pencere.web.openregister.domain.snapshot import Snapshot
from pencere.web.openregister.domain.words import SystemIndex
from pencere.web.stateregister.domain.vocabulary import vocabulary

NOW = datetime(2026, 11, 22, tzinfo=UTC)
COUNT = 5000
WORDS = (
    "reyestr", "sistem", "uçot", "nəqliyyat", "torpaq", "tibb", "təhsil", "vergi", "gömrük",
    "pensiya", "əmək", "kənd", "su", "enerji",
)  # fmt: skip


def made() -> Snapshot:
    bodies, concepts = list(country().bodies), list(vocabulary().concepts)
    systems = {}
    for number in range(COUNT):
        owner = bodies[number % len(bodies)]
        key = f"{owner}/s{number}"
        said = (WORDS[(number * step) % len(WORDS)] for step in (1, 3, 5))
        name = f"{' '.join(said)} {number}"
        text = Text(name, name, name)
        systems[key] = OpenSystem(
            id=key, owner=owner, code=f"s{number}", stage="in-use", names=text, purpose=text,
            version=1, published=NOW, content={"kind": "system"}, content_all={},
            services=(OpenService(key, "one", text, {"code": "one"}),),
            concepts=frozenset(concepts[(number + more) % len(concepts)] for more in range(4)),
            acts=frozenset(), classes=frozenset(),
        )  # fmt: skip
    return Snapshot((), systems, {}, NOW, SystemIndex(systems.values()), {}, {})


def test_five_thousand_systems_are_searched_in_a_fraction_of_a_second() -> None:
    begun = time.process_time()
    now = made()
    building = time.process_time() - begun
    questions = ["torpaq 4711", "neqliyyat", "reyestr uçot vergi", "", "zzzz"]
    times = []
    for words in questions:
        begun = time.process_time()
        found = find(Question(words=words, body=""), now, "az")
        times.append(time.process_time() - begun)

    assert building < 20
    assert max(times) < 2.0
    assert len(found.systems) == 0
    assert find(Question(words="4711"), now, "az").systems[0].code == "s4711"
