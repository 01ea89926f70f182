"""`rotor-mcp check`: a line for each thing that must be right before a client is connected."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import anyio
import click
import httpx2

from rotor_mcp import __version__, failures
from rotor_mcp.client import LeadsClient
from rotor_mcp.config import KEY_PREFIX, Settings
from rotor_mcp.errors import RotorError
from rotor_mcp.exchange import Pool

READ_SCOPE = "leads:read"
"""Known from Rotor's own words on a 403. The name of the scope for writing is not documented."""


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and whether a server could work with it."""

    subject: str
    finding: str
    passed: bool = True


def run(settings: Settings, transport: Callable[[], httpx2.AsyncBaseTransport] | None) -> bool:
    """Print every check; return whether all passed."""
    return anyio.run(_run, settings, transport)


async def _run(settings: Settings, transport: Callable[[], httpx2.AsyncBaseTransport] | None) -> bool:
    passed = True
    async for check in _checks(settings, transport):
        passed &= check.passed
        mark = click.style("ok  ", fg="green") if check.passed else click.style("FAIL", fg="red")
        click.echo(settings.redact(f"{mark} {check.subject}: {check.finding}"))
    return passed


async def _checks(
    settings: Settings, transport: Callable[[], httpx2.AsyncBaseTransport] | None
) -> AsyncIterator[Check]:
    yield Check("rotor-mcp", __version__)
    yield Check("time zone", settings.zone_name)
    yield Check("address", settings.base_url)
    yield _key(settings)
    if settings.key is not None:
        pool = Pool(settings, transport)
        try:
            yield await _access(pool)
        finally:
            await pool.aclose()


def _key(settings: Settings) -> Check:
    if settings.key_trouble:
        return Check("key", f"{settings.key_trouble}. {failures.WHERE_A_KEY_COMES_FROM}.", passed=False)
    return Check(
        "key", settings.key_warning or f"set, and begins with {KEY_PREFIX}", not settings.key_warning
    )


async def _access(pool: Pool) -> Check:
    rotor = LeadsClient(pool)
    try:
        scopes = (await rotor.access()).scopes
    except RotorError as exc:
        return Check("access", failures.failed(exc, rotor.requests), passed=False)
    held = ", ".join(scopes) or "none named"
    if scopes and READ_SCOPE not in scopes:
        return Check(
            "access",
            f"Rotor accepts the key, with the scopes: {held}. Without {READ_SCOPE} leads can be neither "
            "searched nor read, and upsert_lead writes without looking first. 1 request spent.",
            passed=False,
        )
    return Check("access", f"Rotor accepts the key, with the scopes: {held}. 1 request spent.")
