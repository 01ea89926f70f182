from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx2
import pytest

from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.requests import Listing

from .conftest import Clock, in_process

pytestmark = pytest.mark.anyio


def total(sandbox: Sandbox) -> int:
    return sandbox.store.page(Listing(archived=True))[1]


def test_a_company_has_150_leads_or_as_many_as_asked_for(make_sandbox: Callable[..., Sandbox]) -> None:
    default = Sandbox()
    assert total(default) == 150
    default.close()
    assert [total(make_sandbox(leads=count)) for count in (0, 1, 2_000)] == [0, 1, 2_000]


def test_two_sandboxes_in_memory_have_nothing_in_common(make_sandbox: Callable[..., Sandbox]) -> None:
    first, second = make_sandbox(), make_sandbox()
    first.store.upsert({"name": "Ann"}, datetime.now().astimezone())
    assert (total(first), total(second)) == (1, 0)


async def test_a_file_survives_a_restart_and_is_not_seeded_again(
    make_sandbox: Callable[..., Sandbox], tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "leads.sqlite"
    first = make_sandbox(file, leads=20, quota=3)
    async with in_process(first) as client:
        lead = (await client.post("/leads", json={"name": "Ann", "tags": ["VIP"]})).json()
        listed = (await client.get("/leads")).json()
    first.close()

    clock.now += timedelta(hours=1)
    second = make_sandbox(file, leads=30, quota=3)
    async with in_process(second) as client:
        assert (await client.get("/leads")).json() == listed
        assert listed["pagination"]["total"] + 3 == total(second) == 21, "three samples are archived"
        assert (await client.get(f"/leads/{lead['id']}")).status_code == 429


async def test_requests_are_recorded_by_method_and_path(sandbox: Sandbox, wire: httpx2.AsyncClient) -> None:
    await wire.get("/leads?search=Jane%20Doe")
    await wire.post("/leads", json={"name": "Jane Doe"}, headers={"x-api-key": "wrong"})
    await wire.get("/leads/a%20b")
    await wire.get("/nowhere")
    await wire.get(str(wire.base_url.join("/openapi.json")))
    await wire.delete(str(wire.base_url.join("/sandbox/faults")))
    assert sandbox.requests == ["GET /leads", "POST /leads", "GET /leads/a b", "GET /nowhere"]


def test_samples_are_dated_by_the_day_in_utc(make_sandbox: Callable[..., Sandbox]) -> None:
    evening = datetime(2026, 11, 22, 20, tzinfo=timezone(timedelta(hours=-6)))
    sandbox = make_sandbox(leads=150, now=lambda: evening)
    newest = sandbox.store.page(Listing(limit=1))[0][0]
    assert newest["created_at"].startswith("2026-11-22"), "the day before, as it is the 23rd in UTC"


@pytest.mark.parametrize("key", ["secret", "rotor_key"])
def test_a_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="rotor_<keyId>_<keySecret>"):
        Sandbox(keys={FULL_KEY: (), key: ()})
