"""The command `rotor-mcp check`."""

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, replace
from pathlib import Path

import anyio
import click

from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.cli.options import config_flag, connection, read_settings, sandbox_flag, settings_flags
from rotor_mcp.config import Settings
from rotor_mcp.diagnostics import api_checks, client_checks, local_checks, redis_checks
from rotor_mcp.diagnostics.check import Check, State, crashed_check
from rotor_mcp.installer.host_system import HostSystem

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("ok  ", "green"),
    "note": ("note", "yellow"),
    "failed": ("FAIL", "red"),
    "skipped": ("-   ", "bright_black"),
}


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object after all checks.")
@sandbox_flag
@config_flag
@settings_flags()
def check_(*, as_json: bool, file: str | None, config: str | None, **values: str | None) -> None:
    """Find out what keeps assistants from working with Rotor, and how to fix it.

    It checks this installation, the key's form, the connection to Rotor, the key's scopes, the clock, and the
    clients on this machine: each server in their configurations is started and asked for its tools. If no key
    is set, that of the first client with one is used. It costs one request of the daily 1,000.

    The exit status is 0 if no check failed. A note may be intended.
    """
    sys.exit(0 if anyio.run(_run, file, config, values, as_json) else 1)


async def _run(
    sandbox_file: str | None, config: str | None, given: dict[str, str | None], as_json: bool
) -> bool:
    """Print every check as soon as it is done. Returns whether none failed."""
    diagnosis = _Diagnosis(config, given)
    done: list[Check] = []
    async with aclosing(diagnosis.checks(sandbox_file)) as checks:
        async for check in checks:
            safe = diagnosis.redact(check)
            done.append(safe)
            if not as_json:
                _print_check(safe)
    passed = all(check.state != "failed" for check in done)
    if as_json:
        # ASCII, so that the encoding of the output does not matter.
        click.echo(json.dumps({"passed": passed, "checks": [asdict(check) for check in done]}, indent=2))
    return passed


class _Diagnosis:
    """Runs all checks, and holds the settings that they use."""

    def __init__(self, config: str | None, given: dict[str, str | None]) -> None:
        self._config = config
        self._given = given
        self._settings = Settings()

    def redact(self, check: Check) -> Check:
        redact = self._settings.redact
        return replace(check, finding=redact(check.finding), fix=check.fix and redact(check.fix))

    async def checks(self, sandbox_file: str | None) -> AsyncGenerator[Check, None]:
        """Yield every check as soon as it is done. If one crashes, the others continue."""
        try:
            entries, other_checks = client_checks.find_entries(HostSystem(), Path.cwd())
        except Exception as exc:
            entries, other_checks = [], [crashed_check("clients", exc)]
        try:
            self._settings, transport = connection(sandbox_file, read_settings(self._config, self._given))
        except click.ClickException as exc:
            yield Check("settings", "failed", exc.message, "Correct that, or leave it out.")
        else:
            key_from = self._use_client_key(entries)
            for check in local_checks.run_checks(self._settings, key_from, sandbox=transport is not None):
                yield check
            if self._settings.redis_url is not None:
                yield await redis_checks.check_redis(self._settings)
            async with aclosing(ConnectionPool(self._settings, transport)) as pool:
                async for check in api_checks.run_checks(pool):
                    yield check
        async for check in client_checks.run_checks(entries, self._settings):
            yield check
        for check in other_checks:
            yield check
        if not entries and not other_checks:
            yield Check("clients", "note", "none is on this machine", "rotor-mcp install --help names them.")

    def _use_client_key(self, entries: list[client_checks.ClientEntry]) -> str | None:
        """If no key is set, use the settings of the first client with one. Returns its configuration file."""
        if self._settings.key_trouble and not self._given.get("api_key"):
            for entry in entries:
                if theirs := entry.settings(self._given):
                    self._settings = theirs
                    return str(entry.target.file)
        return None


def _print_check(check: Check) -> None:
    mark, colour = _MARKS[check.state]
    click.echo(f"{click.style(mark, fg=colour)} {check.subject}: {check.finding}")
    if check.fix:
        click.echo(f"     → {check.fix}")
