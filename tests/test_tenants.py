"""Whose workplace is kept, what all of them have in common, and which keys are taken out of log lines."""

import gc
import json
import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx2
import pytest
from redis.asyncio import Redis

from rotor_mcp.config import Settings
from rotor_mcp.errors import NotAuthorised
from rotor_mcp.leads.context import CallContext
from rotor_mcp.server.backend import open_registry
from rotor_mcp.tenants import MAX_IDLE_TENANTS, Tenant, TenantRegistry
from tests.logs import logged

pytestmark = pytest.mark.anyio

OWN = "rotor_own_s3cr3tofowner"
ACME = "rotor_acme_s3cr3t_of_acme"
ODD = "an-odd-key-of-bolt"


def rotor(request: httpx2.Request) -> httpx2.Response:
    """Knows three keys. In front of it is a proxy that lets nobody in who names a certain one."""
    key = request.headers["x-api-key"]
    if key.startswith("limited"):
        return httpx2.Response(int(key.removeprefix("limited-")), json={"message": "not now"})
    if key not in (OWN, ACME, ODD):
        return httpx2.Response(401, json={"message": "Authentication required."})
    return httpx2.Response(200, json={"data": [], "pagination": {"has_more": False, "total": 0}})


@pytest.fixture
async def tenants() -> AsyncIterator[TenantRegistry]:
    settings = Settings.load({"api_key": OWN})
    async with aclosing(open_registry(settings, lambda: httpx2.MockTransport(rotor))) as opened:
        yield opened


async def visit(tenants: TenantRegistry, key: str) -> Tenant:
    """Call with a key, as a caller does."""
    tenant = tenants.for_key(key)
    try:
        await CallContext.begin(tenant).api.list_leads(limit=1)
    except NotAuthorised:
        pass
    finally:
        tenants.leave(tenant)
    return tenant


def spent(tenants: TenantRegistry) -> dict[str, int]:
    return dict(tenants.spent_today())


async def test_keys_that_rotor_never_accepted_push_nobody_out(tenants: TenantRegistry) -> None:
    acme = (await visit(tenants, ACME)).name
    for number in range(MAX_IDLE_TENANTS + 50):
        await visit(tenants, f"rotor_x{number}_s3cr3tofnobody")
    assert spent(tenants) == {acme: 1}
    await visit(tenants, ACME)
    assert spent(tenants) == {acme: 2}
    assert len(tenants._open) == 1, "nothing is kept of the others"


@pytest.mark.parametrize("status", [302, 403, 404, 429])
async def test_a_refusal_is_no_sign_of_a_good_key(status: int, tenants: TenantRegistry) -> None:
    tenant = tenants.for_key(f"limited-{status}")
    with pytest.raises(Exception, match=r"."):
        await CallContext.begin(tenant).api.list_leads(limit=1)
    tenants.leave(tenant)
    assert spent(tenants) == {}


async def test_what_is_not_kept_is_freed_at_once(tenants: TenantRegistry) -> None:
    """Not only when garbage is collected, which a server does rarely."""
    gc.collect()
    gc.disable()
    try:
        gone = weakref.ref((await visit(tenants, "rotor_x_s3cr3tofnobody")).state)
        kept = weakref.ref((await visit(tenants, ACME)).state)
        assert (gone() is None, kept() is None) == (True, False)
    finally:
        gc.enable()


async def test_the_most_recent_companies_are_kept(tenants: TenantRegistry) -> None:
    own = tenants.default
    for number in range(MAX_IDLE_TENANTS):
        tenant = tenants.for_key(f"rotor_c{number}_s3cr3tofsomebody")
        tenant.state.key_accepted = True
        tenants.leave(tenant)
    assert len(spent(tenants)) == MAX_IDLE_TENANTS + 1, "the server's own is kept besides"
    assert own.name in spent(tenants)


async def test_settings_and_connections_are_the_same_for_all_keys() -> None:
    gc.collect()
    before = sum(isinstance(each, Redis) for each in gc.get_objects())
    settings = Settings.load({"api_key": OWN, "redis_url": "redis://127.0.0.1:1"})
    async with aclosing(open_registry(settings, lambda: httpx2.MockTransport(rotor))) as tenants:
        opened = [tenants.default, *(tenants.for_key(f"rotor_c{number}_s3cr3t99") for number in range(40))]
        gc.collect()
        clients = sum(isinstance(each, Redis) for each in gc.get_objects()) - before
        assert clients == 1
        assert all(tenant.pool.settings is settings for tenant in opened)
        assert len({id(tenant.pool.open()) for tenant in opened}) == 1


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    "key",
    [
        "requests",
        "rotor_mcp",
        "rotor_mcp_requests",
        "search_leads",
        "warning",
        "rotor_x_rotor_mcp",
        "message",
    ],
)
async def test_what_is_sent_as_a_key_cannot_make_the_log_unreadable(
    key: str, log_format: str, tenants: TenantRegistry
) -> None:
    line = "search_leads: done, 3 requests; a warning, a message"
    settings = Settings.load({"api_key": OWN, "log_format": log_format})
    with logged(settings, tenants.redact) as stderr:
        sent = await visit(tenants, key)
        logging.getLogger("rotor_mcp.server.dispatch").warning(line)
    assert sent.state.key_accepted is False
    if log_format == "json":
        shown = json.loads(stderr.getvalue())
        del shown["time"]
        assert shown == {
            "level": "warning",
            "event": "library",
            "message": line,
            "logger": "rotor_mcp.server.dispatch",
        }
    else:
        assert stderr.getvalue().rstrip().endswith(f" WARNING rotor_mcp.server.dispatch: {line}")


async def test_every_key_that_works_is_taken_out_of_the_log(tenants: TenantRegistry) -> None:
    for key in (ACME, ODD):
        await visit(tenants, key)
    texts = [OWN, ACME, ODD, "s3cr3tofowner", "s3cr3t_of_acme", "rotor_new_s3cr3tofnew"]
    assert [tenants.redact(f"<{text}>") for text in texts] == ["<«API key»>"] * 6


async def test_a_caller_is_not_shown_the_key_it_sent(tenants: TenantRegistry) -> None:
    for key in (ACME, ODD, "requests of nobody"):
        tenant = tenants.for_key(key)
        assert tenant.safe(f"Rotor says: {key}") == "Rotor says: «API key»"
    assert tenants.for_key(ACME).safe(f"requests {ODD}") == f"requests {ODD}", (
        "another's key is not guessed at"
    )
