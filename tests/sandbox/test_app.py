import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import anyio
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotor_mcp.api.models import NOTES_LIMIT, READ_NAMES, SERVICE_TYPE_LIMIT
from rotor_mcp.sandbox import CREATE_ONLY_KEY, FULL_KEY, READ_ONLY_KEY, Sandbox, timestamps
from rotor_mcp.sandbox.requests import Listing

from .conftest import Clock, in_process

pytestmark = pytest.mark.anyio

NOBODY = "00000000-0000-4000-8000-000000000000"
JANE: dict[str, Any] = {
    "name": "Jane Doe",
    "phone": "(763) 555-0100",
    "email": "jane.doe@example.com",
    "address_street1": "118 River Street",
    "address_street2": "Unit 2",
    "address_city": "Delano",
    "address_state": "MN",
    "address_zip": "55328",
    "address_country": "US",
    "source": "Website quote form",
    "stage": "Quoted",
    "service_type": "Window Cleaning",
    "priority": "high",
    "projected_value": 1200,
    "follow_up_date": "2026-12-01T09:00:00-06:00",
    "notes": "24 windows\nDog in the yard",
    "tags": ["Website", "plan: quarterly"],
}
JANE_READ: dict[str, Any] = {
    "id": ANY,
    "archived": False,
    "archived_at": None,
    "assigned_to": None,
    "created_at": "2026-11-22T18:00:00Z",
    "email": "jane.doe@example.com",
    "follow_up_date": "2026-12-01T15:00:00Z",
    "lead_source": "Website quote form",
    "location": None,
    "name": "Jane Doe",
    "notes": "24 windows\nDog in the yard",
    "phone": "(763) 555-0100",
    "priority": "high",
    "projected_value": 1200,
    "property_city": "Delano",
    "property_country": "US",
    "property_state": "MN",
    "property_street1": "118 River Street",
    "property_street2": "Unit 2",
    "property_zip": "55328",
    "service_type": "Window Cleaning",
    "stage": "Quoted",
    "tags": ["Website", "plan: quarterly"],
    "value_score": None,
}
JANE_WRITTEN = (
    JANE_READ
    | {name: JANE[name] for name in READ_NAMES}
    | {"status": "success", "message": "Lead created successfully"}
)

UNAUTHENTICATED = {
    "status": "error",
    "message": "Authentication required. Provide x-api-key header.",
    "error_code": "AUTHENTICATION_REQUIRED",
}
NOT_FOUND = {"status": "error", "message": "Not found"}


def invalid(*errors: tuple[str, str]) -> dict[str, Any]:
    listed = [{"field": field, "message": message} for field, message in errors]
    return {"status": "error", "message": "Validation failed", "errors": listed}


def forbidden(scope: str) -> dict[str, str]:
    return {
        "status": "error",
        "message": f"Forbidden: required scope '{scope}' not granted for this API key",
        "error_code": "INSUFFICIENT_SCOPE",
    }


def exhausted(quota: int) -> dict[str, str]:
    return {
        "status": "error",
        "message": f"Daily API key request limit of {quota} exceeded",
        "error_code": "RATE_LIMIT_EXCEEDED",
    }


def answer(response: httpx2.Response) -> tuple[int, Any]:
    assert response.headers["content-type"] == "application/json"
    return response.status_code, response.json()


# What is answered when all is well, over both ways to the sandbox.


async def test_a_key_is_tested(wire: httpx2.AsyncClient) -> None:
    assert answer(await wire.get("/auth/test")) == (
        200,
        {
            "status": "success",
            "message": "Authentication successful",
            "authenticated": True,
            "company_id": "6f0b6a1e-5d0c-4d5f-9a52-3c1f8e7b2a94",
            "user_id": None,
            "auth_method": "api_key",
            "scopes": ["leads:read", "leads:write"],
            "timestamp": "2026-11-22T18:00:00Z",
        },
    )


async def test_a_lead_is_created_updated_read_and_listed(wire: httpx2.AsyncClient) -> None:
    created = await wire.post("/leads", json=JANE)
    assert answer(created) == (201, JANE_WRITTEN)
    lead_id = created.json()["id"]

    update = {"phone": JANE["phone"], "source": "Nextdoor", "address_city": "Buffalo", "tags": ["VIP"]}
    changed: dict[str, Any] = {"lead_source": "Nextdoor", "property_city": "Buffalo"}
    changed |= {"tags": ["Website", "plan: quarterly", "VIP"]}
    assert answer(await wire.post("/leads", json=update)) == (
        200,
        JANE_WRITTEN
        | changed
        | {"id": lead_id, "source": "Nextdoor", "address_city": "Buffalo"}
        | {"message": "Lead updated successfully"},
    )

    lead = JANE_READ | changed | {"id": lead_id}
    assert answer(await wire.get(f"/leads/{lead_id}")) == (200, {"data": lead, "status": "success"})
    assert answer(await wire.get(f"/leads/{lead_id.upper()}")) == (200, {"data": lead, "status": "success"})
    assert answer(await wire.get("/leads")) == (
        200,
        {
            "data": [lead],
            "pagination": {"has_more": False, "limit": 50, "page": 1, "total": 1},
            "status": "success",
        },
    )


async def test_archived_leads_are_listed_on_demand(make_sandbox: Callable[..., Sandbox]) -> None:
    async with in_process(make_sandbox(leads=150)) as client:
        active = (await client.get("/leads?limit=1000")).json()["data"]
        everyone = (await client.get("/leads?limit=1000&archived=true")).json()["data"]
    archived = [lead for lead in everyone if lead["archived"]]
    assert [lead for lead in everyone if not lead["archived"]] == active
    assert [lead for lead in everyone if lead["archived_at"]] == archived
    assert (len(archived), len(everyone)) == (11, 150)


async def test_the_id_comes_first_and_numbers_stay_whole(client: httpx2.AsyncClient) -> None:
    response = await client.post("/leads", json={"projected_value": 1200.0})
    assert response.text.startswith('{"id":"')
    assert '"projected_value":1200,' in response.text


async def test_a_listing_takes_all_its_parameters(client: httpx2.AsyncClient, clock: Clock) -> None:
    for number in range(5):
        lead = {"name": f"Lead {number}", "stage": "Quoted", "tags": [f"tag {number % 2}"]}
        await client.post("/leads", json=lead)
        clock.now += timedelta(seconds=1)
    query = {"search": "lead", "stage": "Quoted", "tags": "tag 0, tag 9", "archived": "true"}
    page = (await client.get("/leads", params=query | {"limit": "2", "page": "1"})).json()
    assert [lead["name"] for lead in page["data"]] == ["Lead 4", "Lead 2"]
    assert page["pagination"] == {"has_more": True, "limit": 2, "page": 1, "total": 3}
    page = (await client.get("/leads", params=query | {"limit": "2", "page": "2"})).json()
    assert [lead["name"] for lead in page["data"]] == ["Lead 0"]
    assert page["pagination"] == {"has_more": False, "limit": 2, "page": 2, "total": 3}


# What is answered when something is wrong.


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/auth/test"), ("GET", "/leads"), ("GET", "/leads/x"), ("POST", "/leads")]
)
@pytest.mark.parametrize("key", ["", "x", FULL_KEY + "x", FULL_KEY[:-1], "rotor_full_wrong", "schlüssel"])
async def test_a_wrong_key_is_refused(client: httpx2.AsyncClient, method: str, path: str, key: str) -> None:
    response = await client.request(method, path, headers={b"x-api-key": key.encode()}, json={"name": None})
    assert answer(response) == (401, UNAUTHENTICATED)


async def test_a_missing_key_is_refused(client: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    del client.headers["x-api-key"]
    assert answer(await client.post("/leads", json={"name": "Ann"})) == (401, UNAUTHENTICATED)
    assert sandbox.store.page(Listing()) == ([], 0)


@pytest.mark.parametrize("version", ["", "1.0.0", "1.1", "v1.1.0", None])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/auth/test"), ("GET", "/leads"), ("GET", "/leads/x"), ("POST", "/leads")]
)
async def test_the_version_is_required(
    client: httpx2.AsyncClient, method: str, path: str, version: str | None
) -> None:
    del client.headers["rotor-api-version"]
    headers = {} if version is None else {"rotor-api-version": version}
    assert answer(await client.request(method, path, headers=headers, json={})) == (
        400,
        invalid(("rotor-api-version", "Required header: expected 1.1.0")),
    )


async def test_a_key_that_may_only_create_reads_nothing(sandbox: Sandbox) -> None:
    async with in_process(sandbox, x_api_key=CREATE_ONLY_KEY) as client:
        assert (await client.get("/auth/test")).json()["scopes"] == ["leads:write"]
        created = await client.post("/leads", json=JANE)
        assert answer(created) == (201, JANE_WRITTEN)
        assert answer(await client.get("/leads")) == (403, forbidden("leads:read"))
        assert answer(await client.get(f"/leads/{created.json()['id']}")) == (403, forbidden("leads:read"))


async def test_a_key_that_may_only_read_writes_nothing(sandbox: Sandbox) -> None:
    async with in_process(sandbox, x_api_key=READ_ONLY_KEY) as client:
        assert (await client.get("/auth/test")).json()["scopes"] == ["leads:read"]
        assert answer(await client.post("/leads", json=JANE)) == (403, forbidden("leads:write"))
        assert (await client.get("/leads")).json()["data"] == []
        assert answer(await client.get(f"/leads/{NOBODY}")) == (404, NOT_FOUND)


@pytest.mark.parametrize("lead_id", [NOBODY, "jane", "1", "a/b", "%00", "..%2f"])
async def test_an_unknown_lead_is_not_found(client: httpx2.AsyncClient, lead_id: str) -> None:
    assert answer(await client.get(f"/leads/{lead_id}")) == (404, NOT_FOUND)


async def test_a_write_to_an_unknown_lead_creates_nothing(client: httpx2.AsyncClient) -> None:
    assert answer(await client.post("/leads", json=JANE | {"id": NOBODY})) == (404, NOT_FOUND)
    assert (await client.get("/leads")).json()["data"] == []


async def test_every_faulty_field_is_named_and_nothing_is_written(client: httpx2.AsyncClient) -> None:
    faulty = {"name": None, "email": "jane", "notes": "n" * 2_001, "projected_value": "1200", "tags": [""]}
    assert answer(await client.post("/leads", json=JANE | faulty)) == (
        400,
        invalid(
            ("name", "Input should be a valid string"),
            ("email", "Invalid email format"),
            ("projected_value", "Input should be a valid number"),
            ("tags.0", "String should have at least 1 character"),
            ("notes", "String should have at most 2000 characters"),
        ),
    )
    assert (await client.get("/leads")).json()["data"] == []


async def test_a_faulty_query_is_named(client: httpx2.AsyncClient) -> None:
    assert answer(await client.get("/leads", params={"limit": "0", "page": "x", "archived": "1"})) == (
        400,
        invalid(
            ("archived", "Input should be true or false"),
            ("limit", "Input should be greater than or equal to 1"),
            ("page", "Input should be a whole number"),
        ),
    )


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("application/json", b"", ("body", "Invalid JSON")),
        ("application/json", b'{"name": "Ann"', ("body", "Invalid JSON")),
        ("application/json", b"[]", ("body", "Input should be an object")),
        ("text/plain", b"{}", ("content-type", "Expected application/json")),
        ("", b"{}", ("content-type", "Expected application/json")),
        ("application/x-www-form-urlencoded", b"name=Ann", ("content-type", "Expected application/json")),
    ],
)
async def test_a_body_that_is_no_json_is_refused(
    client: httpx2.AsyncClient, content_type: str, body: bytes, error: tuple[str, str]
) -> None:
    response = await client.post("/leads", content=body, headers={"content-type": content_type})
    assert answer(response) == (400, invalid(error))


async def test_json_may_be_declared_with_its_encoding(client: httpx2.AsyncClient) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await client.post("/leads", content=b"{}", headers=headers)).status_code == 201


@pytest.mark.parametrize(
    "path", ["/", "/lead", "/leads/", f"/leads/{NOBODY}/", "/auth", "/customers", "/../sandbox", "//leads"]
)
async def test_a_wrong_path_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    assert answer(await client.get(path)) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/auth/test", {"GET", "HEAD"}),
        ("DELETE", "/leads", {"GET", "HEAD", "POST"}),
        ("PATCH", "/leads", {"GET", "HEAD", "POST"}),
        ("PUT", f"/leads/{NOBODY}", {"GET", "HEAD"}),
        ("DELETE", f"/leads/{NOBODY}", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_not_allowed(
    client: httpx2.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    response = await client.request(method, path)
    assert answer(response) == (405, {"status": "error", "message": "Method not allowed"})
    assert set(response.headers["allow"].split(", ")) == allowed


async def test_a_failing_store_is_a_server_error_and_is_logged(
    client: httpx2.AsyncClient, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.close()
    assert answer(await client.get("/leads")) == (
        500,
        {"status": "error", "message": "Internal server error"},
    )
    (record,) = caplog.records
    assert record.getMessage() == "the sandbox's store failed"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], sqlite3.ProgrammingError)


# The quota.


async def test_every_request_with_a_known_key_is_counted(
    make_sandbox: Callable[..., Sandbox], clock: Clock
) -> None:
    sandbox = make_sandbox(quota=5)
    async with in_process(sandbox) as client:
        await client.get("/auth/test")
        await client.get("/leads", headers={"rotor-api-version": "2"})
        await client.get("/leads", params={"limit": "x"})
        await client.get(f"/leads/{NOBODY}")
        await client.get("/leads", headers={"x-api-key": "unknown"})
        await client.get("/nowhere")
        await client.put("/leads")
        await client.post("/leads", json={"name": None})
        assert answer(await client.get("/auth/test")) == (429, exhausted(5))
        assert answer(await client.post("/leads", json=JANE)) == (429, exhausted(5))
        other_key = await client.get("/leads", headers={"x-api-key": READ_ONLY_KEY})
        assert other_key.json()["data"] == [], "the refused write was done"

        clock.now = clock.now.replace(hour=23, minute=59, second=59)
        assert answer(await client.get("/leads")) == (429, exhausted(5))
        clock.now += timedelta(seconds=1)
        assert (await client.get("/leads")).status_code == 200


# Many at once.


async def test_writes_at_the_same_time_make_one_lead_of_one_person(wire: httpx2.AsyncClient) -> None:
    statuses: list[int] = []

    async def send(number: int) -> None:
        sent = {"phone": "555-0101", "tags": [f"tag {number}"]}
        statuses.append((await wire.post("/leads", json=sent)).status_code)

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(send, number)
    assert sorted(statuses) == [200] * 29 + [201]
    listed = (await wire.get("/leads")).json()
    assert listed["pagination"]["total"] == 1
    assert sorted(listed["data"][0]["tags"]) == sorted(f"tag {number}" for number in range(30))


async def test_waiting_for_the_file_keeps_nobody_else_waiting(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    file = tmp_path / "leads.sqlite"
    sandbox = make_sandbox(file)
    statuses: list[int] = []

    async def send() -> None:
        statuses.append((await client.post("/leads", json=JANE)).status_code)

    with closing(sqlite3.connect(file, isolation_level=None)) as other_program:
        other_program.execute("BEGIN IMMEDIATE")
        async with in_process(sandbox) as client, anyio.create_task_group() as group:
            group.start_soon(send)
            await anyio.sleep(0.2)
            assert statuses == []
            other_program.execute("COMMIT")
    assert statuses == [201]


# Whatever is sent is read back.

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
BODIES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("name", "phone", "stage", "source"), TEXT),
        **dict.fromkeys((name for name in READ_NAMES if name.startswith("address")), TEXT),
        "email": st.from_regex(
            r"[a-zA-Z0-9+_'-]{1,9}(\.[a-z]{1,5})?@([a-z]{1,9}\.){1,2}[a-z]{2,3}", fullmatch=True
        ),
        "service_type": st.text(st.characters(exclude_categories=["Cs"]), max_size=SERVICE_TYPE_LIMIT),
        "notes": st.text(st.characters(exclude_categories=["Cs"]), max_size=NOTES_LIMIT),
        "priority": st.sampled_from(["low", "medium", "high"]),
        "projected_value": st.integers(0, 2**70) | st.floats(0, allow_infinity=False),
        "follow_up_date": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | st.dates().map(str),
        "tags": st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True),
    },
)


@given(body=BODIES)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_what_is_sent_is_read_back_under_the_read_names(body: dict[str, Any]) -> None:
    async def send_and_read() -> tuple[dict[str, Any], dict[str, Any]]:
        async with in_process(sandbox) as client:
            written = await client.post("/leads", json=body)
            assert written.status_code == 201, written.text
            read = await client.get(f"/leads/{written.json()['id']}")
            return written.json(), read.json()["data"]

    sandbox = Sandbox(leads=0)
    try:
        written, read = anyio.run(send_and_read)
    finally:
        sandbox.close()
    expected: dict[str, Any] = {"name": "", "stage": "New Leads", "tags": []} | body
    if "follow_up_date" in body:
        expected["follow_up_date"] = timestamps.format_utc(timestamps.parse_utc(body["follow_up_date"]))
    if "projected_value" in body:
        assert math.isclose(read["projected_value"], expected.pop("projected_value"), rel_tol=1e-15)
    assert {name: read[READ_NAMES.get(name, name)] for name in expected} == expected
    assert {name: written[name] for name in expected} == expected
    unset = set(JANE) - {"projected_value"} - set(expected)
    assert {read[READ_NAMES.get(name, name)] for name in unset} <= {None}
    assert {name: written[name] for name in read} == read
