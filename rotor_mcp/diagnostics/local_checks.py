"""Checks this machine without a request: the installation, the settings, the key's form, the proxy."""

import platform
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

from rotor_mcp import __version__
from rotor_mcp.api.http_client import proxy_for
from rotor_mcp.config import KEY_PREFIX, Settings, environment_variable
from rotor_mcp.diagnostics.check import Check, crashed_check
from rotor_mcp.errors import Misconfigured
from rotor_mcp.tools.error_text import WHERE_A_KEY_COMES_FROM

_DEFAULT_ADDRESS = str(Settings.model_fields["base_url"].default)


def run_checks(settings: Settings, key_from: str | None, *, sandbox: bool) -> Iterator[Check]:
    """Yield the checks of this machine.

    `key_from` is the client configuration that the key was read from; None if it was given.
    """
    checks: dict[str, Callable[[], Check]] = {
        "rotor-mcp": lambda: Check(
            "rotor-mcp", "ok", f"{__version__}, on Python {platform.python_version()}"
        ),
        "time zone": lambda: _check_time_zone(settings),
        "address": lambda: _check_address(settings, sandbox=sandbox),
        "key": lambda: _check_key(settings, key_from),
    }
    if not sandbox:
        checks["proxy"] = lambda: _check_proxy(settings)
    for subject, run_check in checks.items():
        try:
            yield run_check()
        except Exception as exc:
            yield crashed_check(subject, exc)


def _check_time_zone(settings: Settings) -> Check:
    if settings.timezone:
        return Check("time zone", "ok", f"{settings.zone}, as set")
    if not isinstance(settings.zone, ZoneInfo):
        return Check(
            "time zone",
            "note",
            f"this machine's has no name that is known; its offset of today is used, {settings.zone}",
            f"Set {environment_variable('timezone')} to a name such as America/Chicago, or correct TZ.",
        )
    return Check("time zone", "ok", f"{settings.zone}, this machine's")


def _check_address(settings: Settings, *, sandbox: bool) -> Check:
    if sandbox:
        return Check("address", "ok", "the embedded Rotor, without a network")
    if settings.base_url != _DEFAULT_ADDRESS:
        return Check(
            "address",
            "note",
            f"{settings.base_url}, which is not Rotor's own",
            f"If that is not meant, take {environment_variable('base_url')} away: "
            f"Rotor's is {_DEFAULT_ADDRESS}.",
        )
    return Check("address", "ok", settings.base_url)


def _check_key(settings: Settings, key_from: str | None) -> Check:
    if problem := settings.key_trouble or settings.key_warning:
        return Check("key", "failed", problem, f"{WHERE_A_KEY_COMES_FROM}.")
    origin = f"found in {key_from}, for none is set here" if key_from else "set"
    return Check("key", "ok", f"{origin}; it begins with {KEY_PREFIX}")


def _check_proxy(settings: Settings) -> Check:
    try:
        proxy = proxy_for(settings.base_url)
    except Misconfigured as exc:
        return Check("proxy", "failed", exc.reason, exc.fix)
    if proxy is None:
        return Check("proxy", "ok", "none")
    return Check(
        "proxy",
        "note",
        f"requests go through {proxy}",
        "Clients start the server without the variables of this terminal: if there is no other way out, put "
        "HTTPS_PROXY into the env block of the server's entry, too.",
    )
