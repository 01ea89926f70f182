"""`rotor-mcp serve --http --check-config`: what would be served, and what is wrong with the settings."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from pydantic import SecretStr

from rotor_mcp.cli.options import load_connection_settings
from rotor_mcp.config import ConfigError, EnvironmentSettings, Settings, environment_variable
from rotor_mcp.config_file import GivenSettings, unknown_variables
from rotor_mcp.extras import install_hint
from rotor_mcp.hosting import startup, token_file
from rotor_mcp.hosting.access import parse_keys
from rotor_mcp.hosting.settings import PATH, SETTING_NAMES, HostSettings
from rotor_mcp.private_file import check_private
from rotor_mcp.telemetry.environment import check_endpoint, requested_signals


def check_config(sandbox_file: str | None, given: GivenSettings) -> None:
    """Print what would be served, each setting with its source, and what is wrong. Exits with 0 or 1."""
    problems: list[str] = []
    settings = _load(problems, lambda: load_connection_settings(sandbox_file, given))
    host = _load(problems, lambda: HostSettings.load(given.values, given.sources))
    if settings is not None and host is not None:
        for line in _summary(settings, host):
            click.echo(line)
        problems += startup.conflicts(settings, host, in_sandbox=sandbox_file is not None)
        problems += _problems(settings, host)
    _print_values([part for part in (settings, host) if part is not None], given)
    for variable, setting in unknown_variables(os.environ, SETTING_NAMES):
        click.echo(f"Note: {variable} is no setting: is {setting} meant?")
    for problem in problems:
        click.echo(f"Wrong: {settings.redact(problem) if settings else problem}")
    click.echo("The server would not work with these settings." if problems else "Nothing is wrong.")
    sys.exit(1 if problems else 0)


def _load(problems: list[str], load: Callable[[], Any]) -> Any:
    try:
        return load()
    except ConfigError as exc:
        problems.append(str(exc))
        return None


def _summary(settings: Settings, host: HostSettings) -> Iterator[str]:
    """Yield lines that say what would be served."""
    url = f"{host.public_url or f'http://{host.http}'}{PATH}"
    processes = "one process" if host.workers == 1 else f"{host.workers} processes"
    yield f"Address: {host.http}, in {processes}; clients reach it at {url}"
    kinds = [
        *([f"access tokens of {host.oauth_issuer} for {host.audience}"] if host.oauth_issuer else []),
        *([_tokens(host.token_file)] if host.token_file else []),
    ]
    yield f"Callers: {'; '.join(kinds) or 'everybody on this machine'}"
    keys = {
        "server": f"this server's, from {settings.source('api_key')}",
        "file": f"each caller's, from {host.key_file}",
        "header": "each caller's, from the header x-rotor-api-key",
    }
    key = "the sandbox's" if settings.on_sandbox else keys[host.key_from]
    yield f"Rotor: {settings.base_url}; the key is {key}"
    required = "required" if settings.redis_required else "not required"
    yield f"Redis: {f'{_redis_address(settings.redis_url)}, {required}' if settings.redis_url else 'none'}"
    daily = f"{host.daily_requests:,} requests a day" if host.daily_requests else "any number of requests"
    at_once = f"{host.calls_at_once} calls at once, {host.calls_per_minute} in a minute"
    yield f"Limits of a caller: {at_once}, {daily}"
    yield f"Log: from the level {settings.log_level or 'info'}, as {settings.log_format}"
    yield f"Metrics: {f'http://{host.metrics}/metrics' if host.metrics else 'not for Prometheus'}"


def _redis_address(url: SecretStr) -> str:
    """Return the address of Redis without user name and password."""
    parts = urlsplit(url.get_secret_value())
    return parts.path if parts.scheme == "unix" else parts.netloc.rpartition("@")[2]


def _tokens(file: Path) -> str:
    try:
        entries = token_file.parse(file.read_text("utf-8"))
    except (OSError, ValueError):
        return f"tokens of {file}"
    expired = sum(entry.has_expired(datetime.now(UTC)) for entry in entries)
    plain = sum(not entry.hashed for entry in entries)
    return f"{len(entries)} tokens of {file} ({expired} expired, {plain} in plain text)"


def _problems(settings: Settings, host: HostSettings) -> Iterator[str]:
    """Yield what is wrong outside the settings: the key, files, packages. Nothing is written."""
    if host.key_from == "server" and settings.key_trouble:
        yield f"{settings.key_trouble}: the server would start, and not be ready"
    for name, parse in (("token_file", token_file.parse), ("key_file", parse_keys)):
        file: Path | None = getattr(host, name)
        if file is not None and (trouble := _file_trouble(file, parse)):
            yield f"{host.source(name)}: {trouble}"
    if host.audit_file is not None and not _can_append(host.audit_file):
        yield f"{host.source('audit_file')}: {host.audit_file} cannot be written"
    if host.workers > 1 and find_spec("granian") is None:
        yield f"{host.source('workers')}: several processes need another package: {install_hint('workers')}"
    try:
        requested_signals(os.environ)
        if host.metrics is not None:
            check_endpoint(os.environ)
    except ConfigError as exc:
        yield str(exc)


def _file_trouble(file: Path, parse: Callable[[str], object]) -> str | None:
    try:
        check_private(file)
        parse(file.read_text("utf-8"))
    except OSError as exc:
        return f"{file} cannot be read: {exc.strerror}"
    except ValueError as exc:
        return f"{file}: {exc}"
    return None


def _can_append(file: Path) -> bool:
    """Whether a line could be added to a file, which may not exist yet."""
    if file.exists():
        return not file.is_dir() and os.access(file, os.W_OK)
    return os.access(file.absolute().parent, os.W_OK)


def _print_values(parts: list[EnvironmentSettings], given: GivenSettings) -> None:
    """Print each setting that was given, and what gave it. Secrets are not shown."""
    for part in parts:
        for name in type(part).model_fields:
            if name in part.model_fields_set:
                source = given.sources.get(name) or environment_variable(name)
                click.echo(f"{name} = {_shown(getattr(part, name))} ({source})")


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "«hidden»"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
