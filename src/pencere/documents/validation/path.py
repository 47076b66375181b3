"""One certificate: is there a path to an anchor, does it hold, is nothing on it revoked.

Every path within the budget is tried until one holds; when none does, the answer is that of the
path that came furthest. The answer never depends on the order in which material was given.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pencere.documents.validation import certificate as certificates
from pencere.documents.validation import crl, ocsp
from pencere.documents.validation.building import Pool
from pencere.documents.validation.certificate import Certificate
from pencere.documents.validation.indication import Indication, SubIndication
from pencere.documents.validation.limits import MOST_LISTS, Budget
from pencere.documents.validation.material import Material
from pencere.documents.validation.processing import Demands, Path, keys_along, process
from pencere.documents.validation.status import State, Status, Timing, unknown
from pencere.kernel.errors import Invalid, PencereError, Refused


class Checking(StrEnum):
    """Of which certificates the status must be known."""

    ALL = "all"
    LEAF = "leaf"
    NONE = "none"


@dataclass(frozen=True)
class Outcome:
    """What was found. `depth` is where it failed, 0 the certificate itself.

    `code` is empty when it passed. `statuses` are in the order of `path`, without the anchor.
    """

    indication: Indication
    sub_indication: SubIndication | None = None
    code: str = ""
    depth: int | None = None
    path: tuple[Certificate, ...] = ()
    policies: frozenset[str] = frozenset()
    statuses: tuple[Status, ...] = ()
    revoked_at: datetime | None = None
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Say whether it passed."""
        return self.indication is Indication.PASSED


_CHAIN = SubIndication.CHAIN_CONSTRAINTS_FAILURE
_SUB = {
    "path.none": SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
    "path.too_complex": SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
    "path.malformed": SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE,
    "path.expired": SubIndication.OUT_OF_BOUNDS_NO_POE,
    "path.not_yet_valid": SubIndication.OUT_OF_BOUNDS_NO_POE,
    "path.weak_algorithm": SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE,
    "path.revoked": SubIndication.REVOKED_NO_POE,
    "path.authority_revoked": SubIndication.REVOKED_CA_NO_POE,
    "path.no_status": SubIndication.TRY_LATER,
    "evidence.signer_expired": SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE,
    "evidence.expired": SubIndication.TRY_LATER,
    "evidence.too_old": SubIndication.TRY_LATER,
}
_STATUS_CODES = frozenset({"evidence.signer_expired", "evidence.expired", "evidence.too_old"})


@dataclass(frozen=True)
class Question:
    """Everything an answer depends on."""

    anchors: tuple[Certificate, ...]
    material: Material
    timing: Timing
    demands: Demands = field(default_factory=Demands)
    checking: Checking = Checking.ALL


def validate(  # noqa: PLR0913 - the inputs of RFC 5280 section 6.1.1
    certificate: x509.Certificate | bytes,
    *,
    intermediates: Iterable[x509.Certificate | bytes] = (),
    crls: Iterable[bytes] = (),
    ocsps: Iterable[bytes] = (),
    anchors: Iterable[x509.Certificate | bytes],
    at: datetime,
    demands: Demands | None = None,
    checking: Checking = Checking.ALL,
    budget: Budget | None = None,
) -> Outcome:
    """Return whether a certificate may be believed at an instant. Never raises for its inputs."""
    try:
        question = Question(
            tuple(certificates.readable([_der(one) for one in anchors])),
            Material(tuple(_der(one) for one in intermediates), tuple(crls), tuple(ocsps)),
            Timing(at, at),
            demands or Demands(),
            checking,
        )
        return Validator(question, budget or Budget()).validate(
            certificates.load(_der(certificate))
        )
    except PencereError as error:
        return _failed(error)
    except RecursionError:
        return _failed(Refused("path.too_complex"))


class Validator:
    """Answers questions over one set of material. Not for use by several threads at once."""

    def __init__(self, question: Question, budget: Budget, pool: Pool | None = None) -> None:
        self._question = question
        self._budget = budget
        material = question.material
        answers = [_answer(one) for one in material.ocsps[:MOST_LISTS]]
        self._answers = [one for one in answers if one is not None]
        self._lists = crl.Lists(crl.readable(material.crls[:MOST_LISTS]))
        others = certificates.readable(material.certificates)
        self._pool = pool or Pool(question.anchors, others)
        self._responders = tuple(
            one for one in others if one.purposes and ocsp.OCSP_SIGNING in one.purposes
        )
        self._asked_about: set[bytes] = set()
        self._believed: dict[tuple[bytes, bytes, datetime], bool] = {}

    def validate(
        self,
        leaf: Certificate,
        timing: Timing | None = None,
        demands: Demands | None = None,
    ) -> Outcome:
        """Return what is found about a certificate. Never raises for what it holds."""
        when, wanted = timing or self._question.timing, demands or self._question.demands
        best: Outcome | None = None
        try:
            for path in self._pool.paths(leaf, when.control, self._budget):
                self._budget.spend_path()
                found = self._try(path, when, wanted)
                if found.passed:
                    return found
                if best is None or _progress(found) > _progress(best):
                    best = found
        except PencereError as error:
            return best if best is not None and best.code == "path.revoked" else _failed(error)
        return best or _failed(Refused("path.none"))

    def _try(self, path: Path, timing: Timing, demands: Demands) -> Outcome:
        try:
            self._verify_inherited(path)
            policies = process(path, timing.control, demands)
        except PencereError as error:
            return _failed(error, path)
        if self._question.checking is Checking.NONE or len(path) == 1:
            return Outcome(Indication.PASSED, path=path, policies=policies)
        statuses: list[Status] = []
        keys = keys_along(path)
        checked = path[:-1] if self._question.checking is Checking.ALL else path[:1]
        # From the anchor down: who may say something about a certificate must be good itself.
        for depth in reversed(range(len(checked))):
            status = self._status(path, depth, keys, timing)
            statuses.insert(0, status)
            problem = _status_problem(status, depth, timing)
            if problem is not None:
                return Outcome(
                    Indication.INDETERMINATE,
                    _SUB.get(problem, SubIndication.TRY_LATER),
                    problem,
                    depth,
                    path,
                    policies,
                    tuple(statuses),
                    status.revoked_at,
                    status.reason,
                )
        return Outcome(Indication.PASSED, None, "", None, path, policies, tuple(statuses))

    def _verify_inherited(self, path: Path) -> None:
        keys = keys_along(path)
        for place, below in enumerate(path[:-1]):
            above = path[place + 1]
            if (below.inherits_parameters or above.inherits_parameters) and not (
                self._pool.is_signed(below, above, keys[place + 1], self._budget)
            ):
                raise Refused("path.none")

    def _status(self, path: Path, depth: int, keys: list, timing: Timing) -> Status:  # type: ignore[type-arg]
        certificate, issuer = path[depth], path[depth + 1]
        mark = certificate.sha256 + timing.control.isoformat().encode()
        if mark in self._asked_about:
            return unknown("status.circular")
        self._asked_about.add(mark)
        try:
            found = [
                *self._by_answers(certificate, issuer, keys[depth + 1], timing, path),
                self._by_lists(certificate, issuer, keys[depth + 1], timing, path),
            ]
        finally:
            self._asked_about.discard(mark)
        revoked = [one for one in found if one.state is State.REVOKED and one.revoked_at]
        if revoked:
            return min(revoked, key=lambda one: one.revoked_at or timing.now)
        good = [one for one in found if one.state is State.GOOD and one.this_update]
        if good:
            return max(good, key=lambda one: one.this_update or timing.control)
        told = [one for one in found if one.code not in {"crl.none", "ocsp.other_certificate"}]
        return told[0] if told else unknown("status.none")

    def _by_answers(
        self,
        certificate: Certificate,
        issuer: Certificate,
        key: object,
        timing: Timing,
        path: Path,
    ) -> list[Status]:
        asked = ocsp.Asked(
            certificate,
            issuer,
            key,  # type: ignore[arg-type]
            timing,
            self._question.demands.strength,
            self._responders,
            lambda responder, at: self._responder_status(responder, issuer, path, timing, at),
            self._budget.spend_signature,
        )
        return [ocsp.status(one, asked) for one in self._answers]

    def _responder_status(
        self, responder: Certificate, issuer: Certificate, path: Path, timing: Timing, at: datetime
    ) -> Status:
        above = path[path.index(issuer) :]
        control = Timing(at, timing.now, timing.max_age, timing.existed_by)
        return self._status((responder, *above), 0, keys_along((responder, *above)), control)

    def _by_lists(
        self,
        certificate: Certificate,
        issuer: Certificate,
        key: object,
        timing: Timing,
        path: Path,
    ) -> Status:
        asked = crl.Asked(
            certificate,
            issuer,
            key,  # type: ignore[arg-type]
            timing,
            self._question.demands.strength,
            self._pool.named,
            lambda signer, at: self._is_believed(signer, certificate, path, timing, at),
            self._budget.spend_signature,
        )
        return self._lists.status(asked)

    def _is_believed(
        self,
        signer: Certificate,
        about: Certificate,
        path: Path,
        timing: Timing,
        at: datetime,
    ) -> bool:
        """Section 6.3.3 (f): a signer of lists must lead to the same anchor, and be good.

        The status of a signer of indirect lists may stand in its own list (PKITS 4.14.30); that
        it vouches for itself is harmless, since who holds its key can leave out any entry.
        """
        if signer in path[1:]:
            return True
        memo = (signer.sha256, path[-1].sha256, at)
        if memo in self._believed:
            return self._believed[memo]
        if signer.sha256 in self._asked_about:
            return about == signer
        control = Timing(min(at, timing.now), timing.now, timing.max_age, timing.existed_by)
        self._asked_about.add(signer.sha256)
        try:
            believed = any(
                one[-1] == path[-1]
                and self._try(
                    one, control, Demands(strength=self._question.demands.strength)
                ).passed
                for one in self._pool.paths(signer, control.control, self._budget)
            )
        finally:
            self._asked_about.discard(signer.sha256)
        self._believed[memo] = believed
        return believed


def _answer(encoded: bytes) -> ocsp.Answer | None:
    try:
        return ocsp.load(encoded)
    except Invalid:
        return None


def _status_problem(status: Status, depth: int, timing: Timing) -> str | None:
    if status.state is State.GOOD:
        return None
    if status.state is State.REVOKED:
        if status.revoked_at is not None and status.revoked_at > timing.control:
            return None
        return "path.revoked" if depth == 0 else "path.authority_revoked"
    return status.code if status.code in _STATUS_CODES else "path.no_status"


def _failed(error: PencereError, path: Path = ()) -> Outcome:
    code = error.code if error.code.startswith(("path.", "evidence.")) else "path.malformed"
    depth = error.facts.get("depth")
    return Outcome(
        Indication.INDETERMINATE,
        _SUB.get(code, _CHAIN),
        code,
        depth if isinstance(depth, int) else None,
        path,
    )


def _progress(outcome: Outcome) -> tuple[bool, bool, int]:
    """How far a path came: one that holds but for its status tells most."""
    return (
        outcome.code in {"path.revoked", "path.authority_revoked"},
        bool(outcome.statuses),
        len(outcome.path) - (outcome.depth or 0),
    )


def _der(one: x509.Certificate | bytes) -> bytes:
    return one if isinstance(one, bytes) else one.public_bytes(Encoding.DER)


def ders(some: Sequence[x509.Certificate]) -> tuple[bytes, ...]:
    """Return the encodings of certificates."""
    return tuple(one.public_bytes(Encoding.DER) for one in some)
