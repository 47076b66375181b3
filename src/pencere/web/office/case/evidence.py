"""What the system checked, with what it found: the signature looked at anew, money, files."""

from dataclasses import dataclass
from datetime import datetime

from pencere.kernel.dates import format_instant
from pencere.kernel.errors import Missing, PencereError
from pencere.kernel.money import format_amount
from pencere.services.case import Outcome
from pencere.services.model.casework import Check, CheckKind
from pencere.trust import advanced
from pencere.web.cases.domain.reading import Opened, signature_of
from pencere.web.cases.models import Attachment
from pencere.web.exchange.registers import register
from pencere.web.identity.telephone import mobile_client
from pencere.web.payments.models import Charge
from pencere.web.payments.models.charge import State as ChargeState
from pencere.web.people.vault import vault
from pencere.web.texts import t

STATE = {Outcome.PASSED: "done", Outcome.FAILED: "bad", Outcome.WAITING: "now"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A check: `state` as of a timeline, `tag` for the head of the page, `notes` the evidence."""

    label: str
    state: str
    notes: tuple[str, ...]
    tag: str = ""


def evidence(opened: Opened, language: str, *, at: datetime) -> list[Evidence]:
    """Return the checks done so far, each once, and the registers asked."""
    answered = {
        str(event.facts.get("check")): Outcome(str(event.facts.get("outcome")))
        for event in opened.case.events.filter(kind="checked")
    }
    answered |= dict(opened.machine.checks)
    found: dict[str, Evidence] = {}
    for state in opened.definition.states.values():
        for check in state.checks:
            if check.id in answered and check.id not in found:
                found[check.id] = _of(check, answered[check.id], opened, language, at)
    return [*found.values(), *_registers(opened, language)]


def _of(check: Check, outcome: Outcome, opened: Opened, language: str, at: datetime) -> Evidence:
    label = check.name.in_language(language)
    match check.kind:
        case CheckKind.SIGNATURE if opened.case.signature_sealed is not None:
            return _signature(label, opened, language, at)
        case CheckKind.PAYMENT if opened.case.charge is not None:
            return _payment(label, STATE[outcome], opened, language)
        case CheckKind.FILES:
            return Evidence(label, STATE[outcome], _files(opened))
        case _:
            return Evidence(label, STATE[outcome], ())


def _signature(label: str, opened: Opened, language: str, at: datetime) -> Evidence:
    """Verify the kept signature as anybody could: bytes, certificate, time-stamp."""
    case = opened.case
    content = vault().open_bytes(bytes(case.application_sealed), case.id.bytes)
    try:
        found = advanced.verify(signature_of(case) or b"", content, mobile_client().anchors, at)
    except (PencereError, OSError):
        said = t("office.evidence.signature_bad")
        return Evidence(label, "bad", (said,), t("office.evidence.signature_bad_tag"))
    serial = f"{found.certificate.serial_number:X}"
    grouped = " ".join(serial[i : i + 4] for i in range(0, len(serial), 4))
    who = f"{found.signer.given_name} {found.signer.surname}"
    notes = [
        t("office.evidence.signer", name=who),
        t("office.evidence.certificate", serial=grouped),
    ]
    if found.signed_at is not None:
        day = format_instant(found.signed_at, language)
        notes.append(t("office.evidence.time_stamp", time=day))
    signer = opened.application.get("agent") or opened.application["applicant"]
    if found.signer.fin != signer["fin"]:
        notes.append(t("office.evidence.other_signer"))
        return Evidence(label, "bad", tuple(notes), t("office.evidence.signature_bad_tag"))
    return Evidence(label, "done", tuple(notes), t("office.evidence.signature_good_tag"))


def _payment(label: str, state: str, opened: Opened, language: str) -> Evidence:
    charge = Charge.objects.filter(pk=str(opened.case.charge)).first()
    if charge is None:
        raise Missing("charge.missing")
    amount = format_amount(charge.amount, language)
    if charge.state == ChargeState.REFUNDED:
        return Evidence(label, state, (t("office.evidence.refunded", amount=amount),))
    notes = [amount]
    if charge.settled_at is not None:
        notes.append(t("office.evidence.paid_at", time=format_instant(charge.settled_at, language)))
    tag = t("office.evidence.paid_tag", amount=amount)
    return Evidence(label, state, tuple(notes), tag if state == "done" else "")


def _files(opened: Opened) -> tuple[str, ...]:
    given = [
        str(value["id"])
        for value in opened.answers.values()
        if isinstance(value, dict) and "id" in value
    ]
    return tuple(
        t(
            "office.evidence.file",
            width=one.width,
            height=one.height,
            kilobytes=max(1, one.size_bytes // 1024),
        )
        if one.width
        else t("office.evidence.file_plain", kilobytes=max(1, one.size_bytes // 1024))
        for one in Attachment.objects.filter(case=opened.case, pk__in=given)
    )


def _registers(opened: Opened, language: str) -> list[Evidence]:
    asked = [*opened.application["facts"], *opened.told.asked_at]
    known = [fact for name in asked if (fact := opened.definition.fact(name)) is not None]
    if not known:
        return []
    names = dict.fromkeys(register(fact.register).names.in_language(language) for fact in known)
    label = t("office.evidence.registers", n=len(known))
    return [Evidence(label, "done", tuple(names))]
