"""Whose workplace is kept, what all of them have in common, and which keys are taken out of log lines."""

import gc
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx2
import pytest
from redis.asyncio import Redis

from rotor_mcp.config import Settings
from rotor_mcp.errors import NotAuthorised
from rotor_mcp.tenant_registry import REMEMBERED, Workplaces
from rotor_mcp.tenants import Workplace
from tests.test_secrecy import logged

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
async def workplaces() -> AsyncIterator[Workplaces]:
    settings = Settings.load({"api_key": OWN})
    async with aclosing(Workplaces(settings, lambda: httpx2.MockTransport(rotor))) as opened:
        yield opened


async def visit(workplaces: Workplaces, key: str) -> Workplace:
    """Call with a key, as a caller does."""
    workplace = workplaces.of(key)
    try:
        await workplace.call().rotor.list_leads(limit=1)
    except NotAuthorised:
        pass
    finally:
        workplaces.leave(workplace)
    return workplace


def spent(workplaces: Workplaces) -> dict[str, int]:
    return dict(workplaces.spent_today())


async def test_keys_that_rotor_never_accepted_push_nobody_out(workplaces: Workplaces) -> None:
    acme = (await visit(workplaces, ACME)).name
    for number in range(REMEMBERED + 50):
        await visit(workplaces, f"rotor_x{number}_s3cr3tofnobody")
    assert spent(workplaces) == {acme: 1}
    await visit(workplaces, ACME)
    assert spent(workplaces) == {acme: 2}
    assert len(workplaces._open) == 1, "nothing is kept of the others"


@pytest.mark.parametrize("status", [302, 403, 404, 429])
async def test_a_refusal_is_no_sign_of_a_good_key(status: int, workplaces: Workplaces) -> None:
    workplace = workplaces.of(f"limited-{status}")
    with pytest.raises(Exception, match=r"."):
        await workplace.call().rotor.list_leads(limit=1)
    workplaces.leave(workplace)
    assert spent(workplaces) == {}


async def test_the_most_recent_companies_are_kept(workplaces: Workplaces) -> None:
    own = workplaces.own()
    for number in range(REMEMBERED):
        workplace = workplaces.of(f"rotor_c{number}_s3cr3tofsomebody")
        workplace.pool.note_answer(200)
        workplaces.leave(workplace)
    assert len(spent(workplaces)) == REMEMBERED
    assert own.name not in spent(workplaces)


async def test_settings_and_connections_are_the_same_for_all_keys() -> None:
    gc.collect()
    before = sum(isinstance(each, Redis) for each in gc.get_objects())
    settings = Settings.load({"api_key": OWN, "redis_url": "redis://127.0.0.1:1"})
    async with aclosing(Workplaces(settings, lambda: httpx2.MockTransport(rotor))) as workplaces:
        opened = [workplaces.own(), *(workplaces.of(f"rotor_c{number}_s3cr3t99") for number in range(40))]
        gc.collect()
        clients = sum(isinstance(each, Redis) for each in gc.get_objects()) - before
        assert clients == 1
        assert all(workplace.pool.settings is settings for workplace in opened)
        assert len({id(workplace.pool.http) for workplace in opened}) == 1


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
    key: str, log_format: str, workplaces: Workplaces
) -> None:
    line = "search_leads: done, 3 requests; a warning, a message"
    settings = Settings.load({"api_key": OWN, "log_format": log_format})
    with logged(settings, workplaces.redact) as stderr:
        sent = await visit(workplaces, key)
        logging.getLogger("rotor_mcp.server.dispatch").warning(line)
    assert sent.pool.accepted is False
    if log_format == "json":
        shown = json.loads(stderr.getvalue())
        del shown["time"]
        assert shown == {"level": "warning", "logger": "rotor_mcp.server.dispatch", "message": line}
    else:
        assert stderr.getvalue().rstrip().endswith(f" WARNING rotor_mcp.server.dispatch: {line}")


async def test_every_key_that_works_is_taken_out_of_the_log(workplaces: Workplaces) -> None:
    for key in (ACME, ODD):
        await visit(workplaces, key)
    texts = [OWN, ACME, ODD, "s3cr3tofowner", "s3cr3t_of_acme", "rotor_new_s3cr3tofnew"]
    assert [workplaces.redact(f"<{text}>") for text in texts] == ["<«API key»>"] * 6


async def test_a_caller_is_not_shown_the_key_it_sent(workplaces: Workplaces) -> None:
    for key in (ACME, ODD, "requests of nobody"):
        workplace = workplaces.of(key)
        assert workplace.safe(f"Rotor says: {key}") == "Rotor says: «API key»"
    assert workplaces.of(ACME).safe(f"requests {ODD}") == f"requests {ODD}", "another's key is not guessed at"
