"""The command `rotor-mcp check`."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict

import anyio
import click
import httpx2

from rotor_mcp.checks import clients, here, rotor
from rotor_mcp.checks.check import Check, State
from rotor_mcp.clients.catalogue import Machine
from rotor_mcp.config import Settings
from rotor_mcp.exchange import Pool
from rotor_mcp.flags import connection, sandbox_flag, settings_flags

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("ok  ", "green"),
    "note": ("note", "yellow"),
    "failed": ("FAIL", "red"),
    "skipped": ("-   ", "bright_black"),
}

Transport = Callable[[], httpx2.AsyncBaseTransport]


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, when all is done.")
@settings_flags()
@sandbox_flag
def check_(*, as_json: bool, file: str | None, **values: str | None) -> None:
    """Find out what keeps assistants from working with Rotor, and what cures it.

    Looked at are this installation, the key's form, the way to Rotor, what the key may do there, the clock,
    and the clients on this machine: each server that one of them is told to start is started, and asked for
    its tools. Without a key of your own, the key of the first client that has one is used. What is possible
    without a network is done without it. It costs one request of the day's 1,000.

    The exit status is 0 if nothing failed. What is only noted may be meant.
    """
    settings, transport = connection(file, values)
    sys.exit(0 if anyio.run(_run, settings, transport, values, as_json) else 1)


async def _run(
    settings: Settings, transport: Transport | None, given: dict[str, str | None], as_json: bool
) -> bool:
    """Print every check, each as soon as it is known; return whether none failed."""
    connected, others = clients.find(Machine())
    key_from = None
    if settings.key_trouble and not given.get("api_key"):
        for entry in connected:
            if theirs := entry.settings(given):
                settings, key_from = theirs, str(entry.file)
                break
    checks: list[Check] = []
    async for check in _all(settings, transport, key_from, connected, others):
        told = Check(
            check.subject,
            check.state,
            settings.redact(check.finding),
            settings.redact(check.cure) if check.cure else None,
        )
        checks.append(told)
        if not as_json:
            _show(told)
    passed = all(check.state != "failed" for check in checks)
    if as_json:
        report = {"passed": passed, "checks": [asdict(check) for check in checks]}
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    return passed


async def _all(
    settings: Settings,
    transport: Transport | None,
    key_from: str | None,
    connected: list[clients.Connected],
    others: list[Check],
) -> AsyncIterator[Check]:
    for check in here.look(settings, key_from, sandbox=transport is not None):
        yield check
    pool = Pool(settings, transport)
    try:
        async for check in rotor.look(pool):
            yield check
    finally:
        await pool.aclose()
    async for check in clients.look(connected, settings):
        yield check
    for check in others:
        yield check
    if not connected and not others:
        yield Check("clients", "note", "none is on this machine", "rotor-mcp install --help names them.")


def _show(check: Check) -> None:
    mark, colour = _MARKS[check.state]
    click.echo(f"{click.style(mark, fg=colour)} {check.subject}: {check.finding}")
    if check.cure:
        click.echo(f"     → {check.cure}")
