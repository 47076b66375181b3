"""`pencere trusted-list`: show our list, load and show those of other countries."""

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from pencere.cli.commands.verify import certificates, content, instant
from pencere.cli.options import installation_of, parser, subparsers
from pencere.documents.validation.trust_store import TrustStore
from pencere.trust.trusted_list import TrustedList, load


def run(arguments: Sequence[str]) -> int:
    """Load or show; a list that is not believed is an error."""
    options = parser("trusted-list", "Trusted lists of trust services (ETSI TS 119 612).")
    actions = subparsers(
        options,
        [
            ("load", "verify a list of another country and use it in validation"),
            ("show", "verify a list and show its services (default: our own)"),
        ],
    )
    actions["load"].add_argument("file", metavar="FILE")
    actions["show"].add_argument("file", metavar="FILE", nargs="?")
    for name, action in actions.items():
        action.add_argument(
            "--signer",
            metavar="CERT",
            action="append",
            required=name == "load",
            default=None if name == "load" else [],
            help="certificate that signs the list, PEM or DER; may be given again",
        )
        action.add_argument("--at", metavar="INSTANT", help="as of then, ISO 8601")
        action.add_argument("--json", action="store_true", help="for machines")
    given = options.parse_args(arguments)
    found = _load(given) if given.action == "load" else _show(given)
    print(json.dumps(as_json(found), ensure_ascii=False, indent=1) if given.json else _words(found))
    return 0


def _load(given: Namespace) -> TrustedList:
    signers = [one for name in given.signer for one in certificates(name, "--signer")]
    store = TrustStore(installation_of(given).pki)
    return store.load(content(given.file, "FILE"), signers, instant(given.at))


def _show(given: Namespace) -> TrustedList:
    store = TrustStore(installation_of(given).pki)
    signers = [one for name in given.signer for one in certificates(name, "--signer")]
    file = given.file or str(store.pki / "tsl.xml")
    anchors = [] if signers else store.anchors()
    return load(content(file, "FILE"), at=instant(given.at), signers=signers, anchors=anchors)


def as_json(found: TrustedList) -> dict[str, Any]:
    """Return a list as JSON can hold it."""
    return {
        "territory": found.territory,
        "operator": found.operator,
        "sequence": found.sequence,
        "issued_at": found.issued_at.isoformat(),
        "next_update": None if found.next_update is None else found.next_update.isoformat(),
        "services": [
            {
                "provider": one.provider,
                "name": None if one.name is None else one.name.en,
                "type": one.type,
                "certificates": len(one.certificates),
                "statuses": [
                    {"status": period.status, "since": period.since.isoformat()}
                    for period in one.periods
                ],
            }
            for one in found.services
        ],
        "pointers": list(found.pointers),
    }


def _words(found: TrustedList) -> str:
    lines = [f"{found.territory} {found.sequence}, {found.operator}, until {found.next_update}"]
    for one in found.services:
        newest = one.periods[0]
        kind, status = one.type.rpartition("Svctype/")[2], newest.status.rpartition("/")[2]
        lines.append(
            f"  {kind}  {status} since {newest.since:%Y-%m-%d}  {one.name.en if one.name else ''}"
        )
    return "\n".join(lines)
