"""The ceremony of an installation that shows the platform: real, with approvers it makes itself.

The file is written from `national.yaml`, the approvers' keys lie on this machine, and everything
else is as in a ceremony that people hold. When nothing is due nothing is opened.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import psycopg
import yaml

from pencere.trust.founding.description import Description
from pencere.trust.founding.rite import Place, Rite, refuse_stranger
from pencere.trust.keystore import Keystore
from pencere.trust.quorum import Approval, Approver, Rule, Warrant

APPROVERS = ("approver-1", "approver-2", "approver-3")
NEEDED = 2
_HELD_WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class Demonstration:
    """A place and the keystore of its invented approvers."""

    place: Place
    approvers: Keystore

    def found(self) -> str | None:
        """Make what is not there and renew what ends soon; return the transcript, if any."""
        if self.place.centre.has_key("root"):  # an installation from before the root was apart
            self.place.centre.move("root", self.place.root, self._rule())
        plan = self._due()
        if not plan["keys"] and not plan["certificates"] and not plan["lists"]:
            return None
        content = write_description(
            plan,
            title="Ceremony of the demonstration",
            installation=self.place.issuance.installation,
            people=[{"name": name, "duty": "approver of the demonstration"} for name in APPROVERS],
            rule=self._rule(),
            at=self.place.issuance.clock.now(),
        )
        description = Description.parse(content)
        return Rite(self.place, description, self.approve(description)).hold()

    def approve(self, description: Description) -> Warrant:
        """Return the approvals of as many invented approvers as are needed."""
        statement = description.operation.statement()
        approvals = tuple(
            Approval(name, self.approvers.signer(name).sign(statement))
            for name in APPROVERS[:NEEDED]
        )
        return Warrant(description.operation, approvals)

    def _rule(self) -> Rule:
        found = []
        for name in APPROVERS:
            if not self.approvers.has_key(name):
                self.approvers.create(name)
            found.append(Approver(name, self.approvers.public_key(name)))
        return Rule(NEEDED, tuple(found))

    def _due(self) -> dict[str, Any]:
        """Return the plan without what is there and lasts."""
        place, plan = self.place, national_plan()
        due = [one for one in plan["certificates"] if self._is_due(one["key"])]
        names = {one["key"] for one in due}
        keys = [
            one
            for one in plan["keys"]
            if one["name"] in names
            or (
                not place.keystore(one["name"]).has_key(one["name"])
                and not place.is_certified(one["name"])
            )
        ]
        lists = plan["lists"] if due or self._is_list_due() else []
        return {**plan, "keys": keys, "certificates": due, "lists": lists}

    def _is_due(self, name: str) -> bool:
        if not self.place.is_certified(name):
            return True
        refuse_stranger(self.place, name)
        return self.place.ends_soon(name)

    def _is_list_due(self) -> bool:
        """Say whether the root has revoked since its last list, or half of that one is over."""
        now = self.place.issuance.clock.now()
        with psycopg.connect(self.place.issuance.conninfo) as connection:
            last = connection.execute(
                "select this_update, next_update from trust.crl where issuer = 'root'"
                " order by number desc limit 1"
            ).fetchone()
            if last is None or now > last[0] + (last[1] - last[0]) / 2:
                return True
            since = connection.execute(
                "select from trust.status_event join trust.certificate using (serial)"
                " where issuer = 'root' and at > %s limit 1",
                (last[0],),
            ).fetchone()
        return since is not None


def national_plan() -> dict[str, Any]:
    """Return what the centre consists of."""
    file = resources.files("pencere.trust.founding") / "national.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return content


def write_description(  # noqa: PLR0913 -- the parts of the file, by name
    plan: dict[str, Any],
    *,
    title: str,
    installation: str,
    people: list[dict[str, str]],
    rule: Rule,
    at: datetime,
) -> bytes:
    """Return the file of a ceremony that may be held within a day from `at`."""
    begins = at.astimezone(UTC).replace(microsecond=0)
    content = {
        "ceremony": title,
        "installation": installation,
        "valid": {"from": _text(begins), "until": _text(begins + _HELD_WITHIN)},
        "people": people,
        "quorum": rule.as_json(),
        **plan,
    }
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)
    return f"# {title}. What is approved is the SHA-256 of this file.\n{text}".encode()


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
