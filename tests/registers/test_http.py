"""The service as the gateway's node meets it: real HTTP shapes, hostile bodies, honest refusals."""

import json
from contextlib import asynccontextmanager

import httpx
import pytest

from pencere.registers.app import Config, create_app

pytestmark = pytest.mark.anyio

SECRET = "node-secret"


@asynccontextmanager
async def service(sea):
    app = create_app(Config(sea.url, SECRET, sea.country, sea.clock))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://registers") as client:
            yield client


def headers(sea, **changes: str | None) -> dict[str, str]:
    given: dict[str, str | None] = {
        "Authorization": f"Bearer {SECRET}",
        "X-Road-Client": "IS/GOV/harbour/portal",
        "X-Road-Id": "exchange-1",
        "X-Road-UserId": "IS1MERA11",
        "Pencere-Purpose": "fishing",
        "Pencere-Legal-Basis": "sea-act",
        "Pencere-Case": "HARBOUR-1",
        "Pencere-Person": sea.meri,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return {name: value for name, value in given.items() if value is not None}


BASE = "/v1/sea/fishing-licence"


def new(sea, **data: object) -> dict[str, object]:
    given = {"person": sea.meri, "number": "A-50", "gear": "rod", **data}
    return {"valid_from": "2026-11-22", "reason": "applied", "data": given}


async def test_a_licence_lives_and_ends(sea) -> None:
    async with service(sea) as http:
        made = await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))
        path = f"{BASE}/records/{made.json()['id']}"
        read = await http.get(path, headers=headers(sea))
        body = {"op": "amend", "reason": "gear", "data": {**made.json()["data"], "gear": "net"}}
        amended = await http.put(path, json=body, headers=headers(sea, If_Match='"1"'))
        stale = await http.put(path, json=body, headers=headers(sea, If_Match='"1"'))
        blind = await http.put(path, json=body, headers=headers(sea))
        odd = await http.put(path, json=body, headers=headers(sea, If_Match="1"))
        ended = await http.post(
            f"{path}/annul", json={"reason": "lost"}, headers=headers(sea, If_Match='"2"')
        )
        again = await http.post(
            f"{path}/annul", json={"reason": "lost"}, headers=headers(sea, If_Match='"3"')
        )
        then = await http.get(path, params={"valid_at": "2026-11-21"}, headers=headers(sea))

    data = {"person": sea.meri, "number": "A-50", "gear": "rod"}
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert (
        made.json()
        == read.json()
        == {
            "id": made.json()["id"],
            "version": 1,
            "state": "valid",
            "valid_from": "2026-11-22",
            "data": data,
        }
    )
    assert (amended.status_code, amended.headers["etag"]) == (200, '"2"')
    assert amended.json()["data"]["gear"] == "net"
    assert (stale.status_code, stale.json()) == (
        412,
        {
            "type": "version.stale",
            "message": "The record has changed meanwhile. Read it again and repeat the change.",
            "detail": {"current": 2},
        },
    )
    assert (blind.status_code, blind.json()["type"]) == (428, "version.needed")
    assert (odd.status_code, odd.json()["type"]) == (400, "header.invalid")
    assert (ended.status_code, ended.json()["state"]) == (200, "annulled")
    assert (again.status_code, again.json()["type"]) == (409, "record.annulled")
    assert (then.status_code, then.json()["type"]) == (404, "record.unknown")


async def test_a_purpose_opens_its_fields_and_no_other(sea) -> None:
    async with service(sea) as http:
        await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))
        rescue = headers(sea, Pencere_Purpose="rescue")
        question = {"by": {"person": sea.meri}}
        before = await http.post(f"{BASE}/query", json=question, headers=rescue)
        record = before.json()["records"][0]
        body = {"op": "amend", "reason": "told", "data": {"person": sea.meri, "secret": "x"}}
        await http.put(
            f"{BASE}/records/{record['id']}", json=body, headers={**rescue, "If-Match": '"1"'}
        )
        shown = await http.post(f"{BASE}/query", json=question, headers=headers(sea))
        other = headers(sea, Pencere_Purpose="census")
        closed = await http.post(f"{BASE}/query", json=question, headers=other)

    assert record["data"] == {"person": sea.meri}
    assert shown.json()["records"][0]["data"] == new(sea)["data"]
    assert (closed.status_code, closed.json()["type"]) == (403, "purpose.not_disclosed")


async def test_an_agreement_shows_of_a_purpose_the_fields_it_names_and_no_other(sea) -> None:
    question = {"by": {"person": sea.meri}}
    async with service(sea) as http:
        made = await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))
        path = f"{BASE}/records/{made.json()['id']}"

        async def asked(fields: str, purpose: str = "fishing") -> tuple[int, object]:
            given = headers(sea, Pencere_Fields=fields, Pencere_Purpose=purpose)
            found = await http.post(f"{BASE}/query", json=question, headers=given)
            told = found.json()
            return found.status_code, told["records"][0]["data"] if "records" in told else told[
                "type"
            ]

        queried = await asked("number,secret,person")
        spaced = await asked("gear, number")
        none = await asked("secret")
        empty = await asked("")
        odd = await asked("number;gear")
        read = await http.get(path, headers=headers(sea, Pencere_Fields="gear"))
        body = {"op": "amend", "reason": "told", "data": {"gear": "net"}}
        amended = await http.put(
            path, json=body, headers=headers(sea, Pencere_Fields="gear", If_Match='"1"')
        )
        whole = await http.get(path, headers=headers(sea))

    data = new(sea)["data"]
    assert isinstance(data, dict)
    assert queried == (200, {"person": sea.meri, "number": "A-50"})
    assert spaced == (200, {"number": "A-50", "gear": "rod"})
    assert none == (403, "fields.not_disclosed")
    assert empty == odd == (400, "header.invalid")
    assert read.json()["data"] == {"gear": "rod"}
    assert (amended.status_code, amended.json()["data"]) == (200, {"gear": "net"})
    assert whole.json()["data"] == {**data, "gear": "net"}


async def test_a_register_describes_itself_behind_its_own_address(sea) -> None:
    async with service(sea) as http:
        found = await http.get(f"{BASE}/openapi.json", headers=headers(sea))
        unknown = await http.get("/v1/sea/none/openapi.json", headers=headers(sea))
        stranger = await http.get(f"{BASE}/openapi.json")

    told = found.json()
    assert (found.status_code, told["servers"]) == (200, [{"url": "/v1/sea/fishing-licence"}])
    assert sorted(told["paths"]) == [
        "/numbers", "/query", "/records", "/records/{id}", "/records/{id}/annul",
            "/records/{id}/versions", "/transactions",
    ]  # fmt: skip
    assert [unknown.status_code, stranger.status_code] == [404, 401]


async def test_every_showing_has_its_row_and_every_row_its_showing(sea) -> None:
    async with service(sea) as http:
        made = await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))
        await http.post(f"{BASE}/query", json={"by": {"number": "A-50"}}, headers=headers(sea))
        await http.post(f"{BASE}/query", json={"by": {"number": "A-51"}}, headers=headers(sea))
        await http.get(f"{BASE}/records/{made.json()['id']}", headers=headers(sea))
        refused = headers(sea, Pencere_Purpose="census")
        await http.post(f"{BASE}/query", json={"by": {"number": "A-50"}}, headers=refused)
    rows = await sea.sql(
        "select record::text, version, key, client, actor, purpose, basis, case_number, exchange"
        " from registers.read_log order by id"
    )

    who = ("IS/GOV/harbour/portal", "IS1MERA11", "fishing", "sea-act", "HARBOUR-1", "exchange-1")
    record = made.json()["id"]
    assert [tuple(row) for row in rows] == [
        (record, 1, 1, *who),
        (None, None, 1, *who),
        (record, 1, None, *who),
    ]


@pytest.mark.parametrize(
    ("missing", "status", "code"),
    [
        ("Authorization", 401, "bearer.wrong"),
        ("X-Road-Client", 400, "header.missing"),
        ("X-Road-Id", 400, "header.missing"),
        ("Pencere-Purpose", 400, "header.missing"),
        ("Pencere-Legal-Basis", 400, "header.missing"),
        ("Pencere-Person", 400, "header.missing"),
    ],
)
async def test_without_a_header_nothing_is_shown(sea, missing, status, code) -> None:
    async with service(sea) as http:
        given = headers(sea, **{missing.replace("-", "_"): None})
        answer = await http.post(f"{BASE}/query", json={"by": {"number": "A"}}, headers=given)

    assert (answer.status_code, answer.json()["type"]) == (status, code)
    assert await sea.sql("select from registers.read_log") == []


DEEP = b'{"by":' + b'{"a":' * 5000 + b"1" + b"}" * 5001
HOSTILE = [
    (b"", "json.syntax"),
    (b"[]", "json.not_an_object"),
    (b'{"by":', "json.syntax"),
    (b"\xff\xfe{}", "json.syntax"),
    (b'{"by": {"number": "A"}, "by": {"number": "B"}}', "json.duplicate_key"),
    (b'{"by": {"number": NaN}}', "json.number"),
    (b'{"by": {"number": -Infinity}}', "json.number"),
    (b'{"by": {"number": 1e999}}', "json.number"),
    (b'{"by": {"number": 9007199254740992}}', "json.number"),
    (b'{"by": {"number": ' + b"9" * 5000 + b"}}", "json.number"),
    (b'{"by": {"number": "\\ud800"}}', "json.text"),
    (b'{"by": {"number": "A\\u0000"}}', "json.text"),
    (b'{"by": {"number": "A-50\\n"}}', "json.text"),
    (b'{"by": {"number": ""}}', "key.length"),
    (b'{"by": {"number": "' + b"A" * 1000 + b'"}}', "key.length"),
    (b'{"by": {"number": {"number": "A"}}}', None),
    (b'{"by": {"number": ["A"]}}', "key.not_a_text"),
    (b'{"by": {"number": true}}', "key.not_a_text"),
    (b'{"by": {"person": "1MERA11", "number": "A"}}', "key.one"),
    (b'{"by": "number"}', "operation.invalid"),
    (b'{"by": {"number": "A"}, "fields": ["secret"]}', "operation.superfluous"),
    (b'{"by": {"number": "A"}, "valid_at": "2026-W01-1"}', "operation.invalid"),
    (b'{"by": {"number": "A"}, "valid_at": "20260101"}', "operation.invalid"),
    (b'{"by": {"number": "A"}, "known_at": "2026-01-01"}', "operation.invalid"),
    (b'{"by": {"number": "A"}, "state": "secret"}', "operation.invalid"),
    (DEEP, "json.too_deep"),
    (b'{"by": ' + b"[" * 20 + b"]" * 20 + b"}", "json.too_deep"),
    (b'{"by": {"number": "' + b"A" * 300_000 + b'"}}', "json.too_long"),
]


async def test_hostile_bodies_get_a_clear_answer(sea) -> None:
    async with service(sea) as http:
        for body, code in HOSTILE:
            answer = await http.post(f"{BASE}/query", content=body, headers=headers(sea))
            got = answer.json().get("type")
            assert (got, answer.status_code < 500) == (code, True), body[:60]
        alive = await http.get("/healthz")

    assert alive.json()["healthy"] is True


async def test_a_wrong_field_is_named_and_its_value_is_not_repeated(sea) -> None:
    wrong = new(sea, gear="Dynamite-77", ends="yesterday", crew=3)
    del wrong["data"]["number"]
    async with service(sea) as http:
        census = headers(sea, Pencere_Person=sea.meri)
        del wrong["data"]["crew"]
        answer = await http.post(f"{BASE}/records", json=wrong, headers=census)
        nobody = new(sea, person="mERA11\n")
        unfit = await http.post(f"{BASE}/records", json=nobody, headers=headers(sea))

    assert answer.status_code == 422
    fields = sorted(answer.json()["detail"]["fields"], key=lambda each: each["field"])
    assert fields == [
        {"field": "$.ends", "rule": "format"},
        {"field": "$.gear", "rule": "enum"},
    ]
    assert "Dynamite" not in answer.text
    assert unfit.json()["type"] == "json.text"


async def test_a_transaction_replaces_a_licence_and_may_be_repeated(sea) -> None:
    async with service(sea) as http:
        made = (await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))).json()
        given = {**new(sea)["data"], "ends": "2036-11-22"}
        del given["number"]
        body = {
            "operations": [
                {"op": "annul", "id": made["id"], "version": 1, "reason": "lost"},
                {"op": "create", "valid_from": "2026-11-22", "reason": "lost", "data": given},
            ]
        }
        keyed = headers(sea, Idempotency_Key="case-1-effect-1")
        first = await http.post(f"{BASE}/transactions", json=body, headers=keyed)
        second = await http.post(f"{BASE}/transactions", json=body, headers=keyed)
        keyless = await http.post(f"{BASE}/transactions", json=body, headers=headers(sea))
        number = await http.post(f"{BASE}/numbers", headers=headers(sea, Idempotency_Key="case-9x"))
        same = await http.post(f"{BASE}/numbers", headers=headers(sea, Idempotency_Key="case-9x"))
        short = await http.post(f"{BASE}/numbers", headers=headers(sea, Idempotency_Key="x y"))
        many = {"operations": body["operations"] * 20}
        too_many = await http.post(f"{BASE}/transactions", json=many, headers=keyed)

    assert first.json() == second.json()
    assert [(each["state"], each["data"]["number"]) for each in first.json()["records"]] == [
        ("annulled", "A-50"),
        ("valid", "A-01"),
    ]
    assert (keyless.status_code, keyless.json()["type"]) == (400, "idempotency.needed")
    assert number.json() == same.json() == {"number": "A-02"}
    assert short.json()["type"] == "header.invalid"
    assert too_many.json()["type"] == "operation.count"


@pytest.mark.parametrize("path", ["/v1/sea/whale/query", "/v1/sea/../sea/query", "/v2", "/admin"])
async def test_a_path_that_is_not_there_says_so(sea, path) -> None:
    async with service(sea) as http:
        answer = await http.post(path, json={"by": {"id": "B1"}}, headers=headers(sea))

    assert (answer.status_code, answer.json()["type"].endswith(".unknown")) == (404, True)


async def test_sentences_come_in_the_readers_language(sea) -> None:
    async with service(sea) as http:
        answers = [
            (await http.get("/v1/x", headers=headers(sea, Accept_Language=language))).json()
            for language in ("az-AZ,en;q=0.5", "ru", "fr")
        ]

    assert [each["message"].split()[0] for each in answers] == ["Belə", "Такого", "There"]


_VERBS = ("confirm", "refuse", "undo")


async def test_health_metrics_and_description(sea) -> None:
    async with service(sea) as http:
        await http.post(f"{BASE}/query", json={"by": {"number": "A"}}, headers=headers(sea))
        health, metrics = await http.get("/healthz"), await http.get("/metrics")
        description = (await http.get("/openapi.json")).json()

    assert health.json() == {
        "healthy": True,
        "checks": [{"name": "database", "ok": True, "detail": "answers"}],
    }
    assert 'pencere_registers_calls_total{call="query",status="200"} 1.0' in metrics.text
    calls = ("query", "records", "records/{id}", "records/{id}/annul", "records/{id}/versions",
             "transactions")  # fmt: skip
    expected = [
        f"/v1/sea/{one}/{call}" for one in ("boat", "buoy", "fishing-licence") for call in calls
    ]
    # Only boats may be merged.
    merging = ("candidates", "merges", *(f"merges/{{number}}/{verb}" for verb in _VERBS))
    expected += [f"/v1/sea/boat/{call}" for call in merging]
    assert sorted(description["paths"]) == sorted([*expected, f"{BASE}/numbers"])
    assert json.dumps(description).count(sea.meri) == 0


async def test_no_personal_number_reaches_the_log(sea, caplog) -> None:
    caplog.set_level("DEBUG")
    async with service(sea) as http:
        await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))
        await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))
        juhan = headers(sea, Pencere_Person=sea.juhan)
        await http.post(f"{BASE}/query", json={"by": {"person": sea.meri}}, headers=juhan)
        await sea.sql("alter table registers.read_log drop column basis")
        broken = await http.post(f"{BASE}/query", json={"by": {"number": "A"}}, headers=juhan)

    assert (broken.status_code, broken.json()["type"]) == (500, "internal")
    assert "request_refused code=key.taken" in caplog.text
    assert "incident number=" in caplog.text
    assert sea.meri not in caplog.text
    assert sea.juhan not in caplog.text


async def test_a_database_that_is_gone_is_unavailable_not_wrong(sea) -> None:
    async with service(sea) as http:
        await http.post(f"{BASE}/query", json={"by": {"number": "A"}}, headers=headers(sea))
        await sea.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        answers = [
            await http.post(f"{BASE}/query", json={"by": {"number": "A"}}, headers=headers(sea))
            for _ in range(3)
        ]

    codes = [answer.status_code for answer in answers]
    assert set(codes) <= {200, 503}
    assert codes[-1] == 200


async def test_a_form_that_was_never_published_is_refused(sea) -> None:
    async with service(sea) as http:
        made = await http.post(f"{BASE}/records", json=new(sea), headers=headers(sea))
        path = f"{BASE}/records/{made.json()['id']}"

        async def read(schema: str) -> tuple[int, str]:
            answer = await http.get(path, params={"schema": schema}, headers=headers(sea))
            return answer.status_code, answer.json().get("type", "")

        async def query(schema: object) -> tuple[int, str]:
            body = {"by": {"person": sea.meri}, "schema": schema}
            answer = await http.post(f"{BASE}/query", json=body, headers=headers(sea))
            return answer.status_code, answer.json().get("type", "")

        read_ = [await read(schema) for schema in ("1", "2", "-1", "1" * 40)]
        asked = [await query(schema) for schema in (1, 2, "1", True, -1)]

    unknown, invalid = (400, "schema.unknown"), (400, "operation.invalid")
    assert read_ == [(200, ""), unknown, invalid, invalid]
    assert asked == [(200, ""), unknown, invalid, invalid, unknown]
