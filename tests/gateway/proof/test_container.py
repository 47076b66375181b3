"""Evidence containers of real exchanges, verified with nothing but the country's root."""

import base64
import io
import json
import zipfile
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.gateway.conftest import ask, headers, wait_until
from tests.gateway.court import ORIGIN, stamper

from pencere.documents.examine import examine
from pencere.gateway.proof.asic import Maker, container
from pencere.kernel.clock import SystemClock

META = "META-INF/"


def entries(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def judged(court, content: bytes, years: int = 0) -> tuple:
    at = SystemClock().now() + timedelta(days=365 * years)
    report = examine(content, [court.centre.root], at)
    return report.verdict.value, report.reasons


def remade(court, files: dict[str, bytes], at: int = 0) -> bytes:
    """The container anew, signed and stamped as a node that lies would."""
    data = {name: one for name, one in files.items() if not name.startswith(META)}
    del data["mimetype"]
    maker = Maker(court.keys[at], stamper(court.centre))
    return container(data, maker, SystemClock().now())


def test_the_container_of_an_exchange_is_valid_now_and_in_nine_years(court):
    number = court.exchanged()

    mine, theirs = court.evidence(number), provider_evidence(court, number)

    assert [judged(court, one.body) for one in (mine, theirs)] == [("valid", ())] * 2
    assert [judged(court, one.body, years=9) for one in (mine, theirs)] == [("valid", ())] * 2
    files, others = entries(mine.body), entries(theirs.body)
    assert next(iter(files)) == "mimetype"
    assert {name: files[name] for name in files if name.endswith(("ment.txt", "nce.txt"))} == {
        name: others[name] for name in files if name.endswith(("ment.txt", "nce.txt"))
    }
    assert [files[f"request/{one}"] for one in ("head", "body")] == [
        others[f"request/{one}"] for one in ("head", "body")
    ]
    assert json.loads(others["about.json"])["ledger"]["origin"] == "pencere.az/gateway_agencies"
    assert json.loads(files["about.json"])["ledger"] is None


def provider_evidence(court, number: str):
    """What the other side gives, through an exchange of its own."""
    path = "/r1/AZ/GOV/mia/population/getEvidence"
    found = ask(court.ports[0], "POST", path, headers(), json.dumps({"exchange": number}).encode())
    assert found.status == 200, found.body
    return found


def test_only_who_took_part_is_given_evidence(court):
    number = court.exchanged()

    unknown = court.evidence("nobody-1")
    no_key = ask(
        court.ports[0], "GET", f"/asic?queryId={number}", [("X-Road-Client", "AZ/GOV/idda/portal")]
    )
    of_another = ask(
        court.ports[0], "POST", "/r1/AZ/GOV/mia/population/getEvidence", headers(),
        b'{"exchange": "nobody-1"}',
    )  # fmt: skip
    bad = [
        court.evidence(number, part="all").status,
        court.evidence(number, bodies="perhaps").status,
        ask(court.ports[0], "GET", "/asic", list(no_key_headers())).status,
    ]

    assert (unknown.status, unknown.header("X-Road-Error")) == (
        404, "server.clientproxy.unknown_exchange",
    )  # fmt: skip
    assert no_key.status == 401
    assert (of_another.status, of_another.header("X-Road-Error")) == (
        404, "server.serverproxy.unknown_exchange",
    )  # fmt: skip
    assert bad == [400, 400, 400]


def no_key_headers():
    return [pair for pair in headers() if pair[0] in {"X-Road-Client", "Pencere-Client-Key"}]


def test_parts_can_be_left_out_and_the_rest_still_holds(court):
    number = court.exchanged()

    without = court.evidence(number, bodies="no")
    request_only = court.evidence(number, part="request")
    response_only = court.evidence(number, responseOnly="")

    def parts(answer):
        return sorted(name for name in entries(answer.body) if name.endswith(("/head", "/body")))

    assert parts(without) == ["request/head", "response/head"]
    assert parts(request_only) == ["request/body", "request/head"]
    assert parts(response_only) == ["response/body", "response/head"]
    assert [judged(court, one.body) for one in (without, request_only, response_only)] == [
        ("valid", ())
    ] * 3


def test_every_file_that_is_changed_left_out_or_added_is_found(court):
    files = entries(provider_evidence(court, court.exchanged()).body)
    found = {}
    for name, content in files.items():
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        found[f"changed {name}"] = {**files, name: changed}
        found[f"left out {name}"] = {one: files[one] for one in files if one != name}
    found["added"] = {**files, "request/more": b"more"}
    found["added to the list"] = {**files, "META-INF/more.xml": b"<more/>"}

    verdicts = {what: judged(court, zipped(one))[0] for what, one in found.items()}

    assert [what for what, verdict in verdicts.items() if verdict == "valid"] == []


def named_ledger(court, key) -> dict[str, str]:
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {"origin": ORIGIN, "key": base64.b64encode(spki).decode()}


def test_the_directory_vouches_for_the_key_of_the_ledger_and_not_the_node(court):
    nodes = court.payload(3)["nodes"]
    other = ec.generate_private_key(ec.SECP256R1())
    found = []
    for version, key in ((3, court.log_key.public_key), (4, other.public_key())):
        for clock in court.clocks:
            clock.advance(timedelta(seconds=1))
        nodes[1]["ledger"] = named_ledger(court, key)
        court.publish(version, nodes=nodes)
        wait_until(lambda version=version: court.version(0) == court.version(1) == version)
        for clock in court.clocks:
            clock.advance(timedelta(seconds=1))
        number = court.exchanged(number=f"named-{version}")
        found.append(judged(court, provider_evidence(court, number).body))

    # In the second case the node goes on with a ledger beside the one it told of.
    assert found == [("valid", ()), ("invalid", ("exchange.ledger_other",))]


def zipped(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def changed_values(value, path=()):
    """Every value of a JSON object, one by one, with another in its place."""
    if isinstance(value, dict):
        for key, one in value.items():
            for at, other in changed_values(one, (*path, key)):
                yield at, {**value, key: other}
    elif isinstance(value, list) and value and path[-1] not in {"certificates", "statuses"}:
        for number, one in enumerate(value):
            for at, other in changed_values(one, (*path, number)):
                yield at, [*value[:number], other, *value[number + 1 :]]
    elif isinstance(value, str):
        flipped = "0" if value[-1:] != "0" else "1"
        yield path, value[:-1] + flipped
    elif isinstance(value, bool) or value is None:
        yield path, "0"
    elif isinstance(value, int):
        yield path, value + 1


# What the log says in clear and nobody signed: it is shown, and proves nothing.
NOT_SIGNED = {
    ("made_at",), ("recorded_at",), ("endpoint",), ("actor",),
    ("outcome",), ("fault",),
}  # fmt: skip


def test_a_node_that_signs_a_lie_is_found(court):
    """Each field of about.json, statements and proofs changed, then signed and stamped anew."""
    files = entries(provider_evidence(court, court.exchanged()).body)
    about = json.loads(files["about.json"])
    believed = []
    for path, lie in changed_values(about):
        content = remade(court, {**files, "about.json": json.dumps(lie).encode()}, at=1)
        if judged(court, content)[0] == "valid" and path not in NOT_SIGNED:
            believed.append(path)
    proofs = json.loads(files["ledger/evidence.json"])
    for path, lie in changed_values(proofs):
        content = remade(court, {**files, "ledger/evidence.json": json.dumps(lie).encode()}, at=1)
        if judged(court, content)[0] == "valid":
            believed.append(("ledger", *path))
    for part in ("request", "response"):
        for name in ("statement.txt", "evidence.txt", "head", "body"):
            for at in range(0, len(files[f"{part}/{name}"]), 29):
                content = bytearray(files[f"{part}/{name}"])
                content[at] ^= 1
                lie = remade(court, {**files, f"{part}/{name}": bytes(content)}, at=1)
                if judged(court, lie)[0] == "valid":
                    believed.append((part, name, at))

    assert believed == []
    assert judged(court, remade(court, files, at=1)) == ("valid", ())
