"""Tests an API key with Rotor before `rotor-mcp install` writes it."""

from contextlib import aclosing

import anyio
import click

from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.config import Settings
from rotor_mcp.diagnostics.api_checks import check_access


def run_key_test(settings: Settings) -> bool:
    """Print what a request with the key finds. Returns whether no check failed."""
    return anyio.run(_run, settings)


async def _run(settings: Settings) -> bool:
    async with aclosing(ConnectionPool(settings)) as pool:
        checks = await check_access(pool)
    for check in checks:
        click.echo(f"{check.subject}: {check.finding}")
    return all(check.state != "failed" for check in checks)
