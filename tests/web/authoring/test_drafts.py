"""Drafts of services: saved with faults, never overwritten unseen, published by two."""

import io
import zipfile

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from pencere.kernel.errors import Conflict, Invalid, Missing, PencereError, Refused
from pencere.web import editions
from pencere.web.authoring.domain import checking, drafts, published, publishing
from pencere.web.authoring.models import DraftSave, Proposal, PublishedVersion, ServiceDraft
from pencere.web.cases.domain import definitions
from pencere.web.catalogue.domain.services import catalogue, find
from pencere.web.people.domain.visit import Visit

pytestmark = pytest.mark.django_db
NAME = "bee-garden"


def begun(author: Visit, service: str = NAME) -> ServiceDraft:
    return drafts.begin(service=service, body="dyp", visit=author, at=settings.CLOCK.now())


def saved(draft: ServiceDraft, author: Visit, text: str, seen: int | None = None) -> ServiceDraft:
    revision = drafts.revision_of(draft, "service.yaml") if seen is None else seen
    return drafts.save(
        draft_id=draft.pk, name="service.yaml", text=text, seen=revision,
        visit=author, at=settings.CLOCK.now(),
    )  # fmt: skip


def proposed(draft: ServiceDraft, author: Visit) -> Proposal:
    draft.refresh_from_db()
    return publishing.propose(
        draft_id=draft.pk, revision=draft.revision, reason="asked for", visit=author,
        at=settings.CLOCK.now(),
    )  # fmt: skip


def published_by(second: Visit, proposal: Proposal) -> PublishedVersion:
    return publishing.publish(proposal_id=proposal.pk, visit=second, at=settings.CLOCK.now())


def refused(act: object) -> str:
    assert callable(act)
    with pytest.raises(PencereError) as caught:
        act()
    return caught.value.code


def test_a_new_draft_is_small_complete_and_without_faults(author: Visit) -> None:
    draft = begun(author)

    texts = drafts.texts_of(draft)
    assert list(texts) == ["service.yaml", "cases.yaml", "decision.typ"]
    assert checking.faults(NAME, "dyp", texts, with_cases=True) == []


def test_the_next_version_begins_with_the_text_of_the_last(author: Visit) -> None:
    texts = drafts.texts_of(begun(author, "driving-licence-replace"))

    assert "\nversion: 3\n" in texts["service.yaml"]
    assert refused(lambda: begun(author, "driving-licence-replace")) == "authoring.open"
    assert refused(lambda: begun(author, "residence-certificate")) == "authoring.body"
    assert refused(lambda: begun(author, "../etc")) == "authoring.id"


def test_a_save_over_what_another_saved_is_refused_with_their_text(
    author: Visit, second: Visit
) -> None:
    draft = begun(author)
    seen = drafts.revision_of(draft, "service.yaml")
    saved(draft, author, "one: 1\n", seen)

    with pytest.raises(drafts.Changed) as changed:
        saved(draft, second, "two: 2\n", seen)

    assert (changed.value.theirs, changed.value.revision) == ("one: 1\n", 4)
    assert drafts.texts_of(draft)["service.yaml"] == "one: 1\n"
    saved(draft, author, "one: 1\n", seen)  # sent twice: the same text is one save
    assert DraftSave.objects.filter(draft=draft).count() == 4


def test_a_draft_of_another_body_is_not_there(author: Visit, stranger: Visit) -> None:
    draft = begun(author)

    with pytest.raises(Missing):
        saved(draft, stranger, "x: 1\n", 0)
    assert drafts.open_drafts(stranger) == []


def test_a_fault_is_named_with_file_and_line_and_may_be_saved_but_not_proposed(
    author: Visit,
) -> None:
    draft = begun(author)
    text = drafts.texts_of(draft)["service.yaml"].replace("type: text\n", "type: teks\n")
    saved(draft, author, text)

    (fault,) = checking.faults(NAME, "dyp", drafts.texts_of(draft))
    line = text[: text.index("type: teks")].count("\n") + 1
    assert (fault.file, fault.line, fault.key) == ("service.yaml", line, "questions.0.type")
    assert refused(lambda: proposed(draft, author)) == "authoring.faults"


def test_two_people_publish_and_everybody_sees_the_service(author: Visit, second: Visit) -> None:
    draft = begun(author)
    proposal = proposed(draft, author)
    assert NAME not in catalogue().entries
    assert refused(lambda: published_by(author, proposal)) == "case.same_person"

    published_by(second, proposal)

    assert definitions.newest(NAME, at=settings.CLOCK.now()).version == 1
    assert catalogue().get(NAME).is_executable
    assert NAME in [hit.id for hit in find("yeni xidmət", "az", 20)]
    assert refused(lambda: published_by(second, proposal)) == "authoring.decided"
    assert refused(lambda: saved(draft, author, "x: 1\n")) == "authoring.ended"


def test_another_process_sees_it_after_it_asks(author: Visit, second: Visit) -> None:
    published_by(second, proposed(begun(author), author))
    editions.put(editions.Edition())
    assert NAME not in catalogue().entries

    published.refresh()

    assert catalogue().get(NAME).is_executable


def test_a_case_stays_with_its_version_when_a_newer_is_published(
    author: Visit, second: Visit
) -> None:
    published_by(second, proposed(begun(author), author))
    published_by(second, proposed(begun(author), author))

    assert definitions.newest(NAME, at=settings.CLOCK.now()).version == 2
    assert definitions.version_of(NAME, 1).version == 1


def test_a_withdrawn_service_takes_no_application_until_a_newer_version(
    author: Visit, second: Visit
) -> None:
    published_by(second, proposed(begun(author), author))
    at = settings.CLOCK.now()
    publishing.withdraw(service=NAME, reason="no bees", visit=author, at=at)

    assert refused(lambda: definitions.newest(NAME, at=at)) == "service.withdrawn"
    assert not catalogue().get(NAME).is_executable
    assert definitions.version_of(NAME, 1).version == 1
    published_by(second, proposed(begun(author), author))
    assert definitions.newest(NAME, at=at).version == 2


def test_what_changed_after_the_author_looked_is_not_proposed(author: Visit) -> None:
    draft = begun(author)
    with pytest.raises(Conflict, match=r"authoring\.changed"):
        publishing.propose(
            draft_id=draft.pk, revision=2, reason="r", visit=author, at=settings.CLOCK.now()
        )


def test_a_version_that_is_not_the_next_is_not_proposed(author: Visit) -> None:
    draft = begun(author)
    saved(draft, author, drafts.texts_of(draft)["service.yaml"].replace("version: 1", "version: 3"))
    assert refused(lambda: proposed(draft, author)) == "authoring.version"


def test_the_database_itself_wants_two_people(author: Visit) -> None:
    proposal = proposed(begun(author), author)
    proposal.decided_by, proposal.is_published = author.person, True
    with pytest.raises(IntegrityError), transaction.atomic():
        proposal.save()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "- " * 100_000,
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "service: !!python/object/apply:os.system [id]\n",
        "{{{",
        "",
        "null",
        "version: 1e999999999\n",
    ],
    ids=["brackets", "hyphens", "aliases", "tag", "braces", "empty", "null", "number"],
)
def test_a_hostile_text_is_a_fault_and_nothing_more(author: Visit, text: str) -> None:
    draft = begun(author)
    saved(draft, author, text)

    assert len(checking.faults(NAME, "dyp", drafts.texts_of(draft))) == 1
    assert refused(lambda: proposed(draft, author)) == "authoring.faults"


@pytest.mark.parametrize(
    "condition",
    ["(" * 5000, "[1].all(a, [1].all(b, [1].all(c, true)))", "__import__('os')", "1 +" * 400 + "1"],
    ids=["brackets", "macros", "python", "long"],
)
def test_a_hostile_condition_is_a_fault(author: Visit, condition: str) -> None:
    draft = begun(author)
    text = drafts.texts_of(draft)["service.yaml"]
    saved(
        draft,
        author,
        text.replace("  - id: request\n", f'  - id: request\n    when: "{condition}"\n'),
    )

    assert checking.faults(NAME, "dyp", drafts.texts_of(draft)) != []


def test_a_file_too_large_or_with_a_forged_name_is_not_saved(author: Visit) -> None:
    draft = begun(author)
    with pytest.raises(Invalid, match=r"authoring\.too_large"):
        saved(draft, author, "x" * (checking.LARGEST_FILE + 1))
    for name in ("../service.yaml", "/etc/passwd", "a/b.typ", "x.py", "service.yaml\n", ".typ"):
        with pytest.raises(Invalid, match=r"authoring\.file"):
            drafts.save(
                draft_id=draft.pk, name=name, text="x", seen=0, visit=author,
                at=settings.CLOCK.now(),
            )  # fmt: skip


def package(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


def test_a_package_comes_in_as_it_went_out(author: Visit) -> None:
    draft = begun(author)
    texts = drafts.texts_of(draft)
    content = drafts.as_package(NAME, texts)
    drafts.drop(draft_id=draft.pk, visit=author, at=settings.CLOCK.now())

    brought = drafts.bring(content=content, body="dyp", visit=author, at=settings.CLOCK.now())

    assert drafts.texts_of(brought) == texts


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a/../../service.yaml": "x"}, "package.name"),
        ({"/etc/service.yaml": "x"}, "package.name"),
        ({"a/service.yaml": "x", "b/service.yaml": "x"}, "package.damaged"),
        ({"a/run.py": "x", "a/service.yaml": "x"}, "package.name"),
        ({"a/service.yaml": "x" * 11_000_000}, "package.damaged"),
        ({"A/service.yaml": "x"}, "authoring.id"),
    ],
)
def test_a_forged_package_is_refused(author: Visit, files: dict[str, str], code: str) -> None:
    at = settings.CLOCK.now()
    assert refused(
        lambda: drafts.bring(content=package(files), body="dyp", visit=author, at=at)
    ) == code  # fmt: skip


def test_nobody_begins_a_service_of_a_body_they_do_not_write_for(stranger: Visit) -> None:
    with pytest.raises(Refused, match=r"authoring\.role"):
        begun(stranger)
