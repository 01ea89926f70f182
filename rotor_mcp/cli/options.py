"""What several commands have in common: a flag for each setting, the sandbox, and the way to Rotor.

Each setting is a flag and an environment variable; the flag wins. Both give a text, which the settings check.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from rotor_mcp.behavior import ASSUMED, Behavior
from rotor_mcp.config import (
    SANDBOX_URL,
    ConfigError,
    EnvironmentSettings,
    Settings,
    choices,
    environment_variable,
    expected_number,
    is_given,
)
from rotor_mcp.config_file import CONFIG_VARIABLE, GivenSettings, given_settings
from rotor_mcp.hosting.settings import SETTING_NAMES
from rotor_mcp.server.backend import load_sandbox, load_settings

if TYPE_CHECKING:
    from rotor_mcp.api.pool import TransportFactory
    from rotor_mcp.sandbox import Sandbox

SANDBOX_VARIABLE = "ROTOR_MCP_SANDBOX"
IN_MEMORY = ":memory:"
_OTHER_FILES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".xlsx", ".xls", ".ods")
"""Endings of files to import and to export, which no sandbox has."""

Command = Callable[..., Any]
Flag = Callable[[Command], Command]


def is_interactive() -> bool:
    """Whether a person can be asked: standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def together(flags: Sequence[Flag]) -> Flag:
    """Make one decorator of several, in their order."""

    def add(command: Command) -> Command:
        for flag in reversed(flags):
            command = flag(command)
        return command

    return add


def complete_words(words: Sequence[str]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return what completes the value of a flag in the shell, given the words that it takes."""
    return lambda _ctx, _param, incomplete: [word for word in words if word.startswith(incomplete)]


def _complete_file(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    return [CompletionItem(incomplete, type="file")]


class WholeNumber(click.IntRange):
    """A whole number within limits."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{expected_number('whole number', self.min, self.max)}, not '{value}'", param, ctx)


class _FlagText(click.types.BoolParamType):
    """The text of a flag without a value, and of its environment variable as it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        return str(value).lower() if isinstance(value, bool) else value


class SettingOption(click.Option):
    """The flag of a setting. Its value is a text, which the settings check: `true` or `false` for a pair."""

    def __init__(self, declarations: Sequence[str], *, field: FieldInfo, **attributes: Any) -> None:
        words = choices(field)
        kinds = {field.annotation, *get_args(field.annotation)}
        metavar = "NUMBER" if kinds & {int, float} else "FILE" if Path in kinds else "TEXT"
        self._field = field
        super().__init__(
            declarations,
            type=_FlagText() if field.annotation is bool else str,
            default=None,
            help=f"{field.description}.",
            show_envvar=True,
            metavar="|".join(words) or metavar,
            shell_complete=_complete_file if Path in kinds else complete_words(words),
            **attributes,
        )

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Add the default, which the settings have and not the flag."""
        extra = super().get_help_extra(ctx)
        if self._field.default not in (None, ()):
            extra["default"] = default_text(self._field)
        return extra


def default_text(field: FieldInfo) -> str:
    """Return the default of a setting as its environment variable would have it."""
    if isinstance(field.default, float):
        return f"{field.default:g}"
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


def flag_names(name: str, field: FieldInfo) -> tuple[str, ...]:
    """Return the flag of a setting, or the pair `--name` and `--no-name` if it is true or false."""
    flag = name.replace("_", "-")
    return (f"--{flag}", f"--no-{flag}") if field.annotation is bool else (f"--{flag}",)


def settings_flags(*left_out: str, of: type[EnvironmentSettings] = Settings) -> Flag:
    """A flag for each setting of a model, except those named."""
    return together(
        [
            click.option(
                "/".join(flag_names(name, field)),
                name,
                cls=SettingOption,
                field=field,
                envvar=environment_variable(name),
            )
            for name, field in of.model_fields.items()
            if name not in left_out
        ]
    )


config_flag = click.option(
    "--config",
    metavar="FILE",
    envvar=CONFIG_VARIABLE,
    show_envvar=True,
    type=click.Path(),
    help="TOML file with settings that neither a flag nor a variable gives.",
)


def read_settings(config: str | None, values: Mapping[str, str | None]) -> GivenSettings:
    """Return what the flags, the variables and the configuration file give.

    Raises:
        click.UsageError: if the file cannot be used.
    """
    try:
        return given_settings(values, given_flags(), config, SETTING_NAMES)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None


def _sandbox_file(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Read the variable as yes or no: clients fill it in from a tick box. FILE is for the flag only.

    Raises:
        click.UsageError: if it is neither, or the flag took the file that another argument was meant to be.
    """
    source = context.get_parameter_source(parameter.name or "")
    if value is not None and source is ParameterSource.COMMANDLINE and value.lower().endswith(_OTHER_FILES):
        raise click.UsageError(
            f"--sandbox takes {value} for its own file. Put --sandbox last, or write --sandbox=FILE"
        )
    if value is None or source is not ParameterSource.ENVIRONMENT:
        return value
    wanted = click.BOOL.str_to_bool(value) if is_given(value) else False
    if wanted is None:
        raise click.UsageError(f"{SANDBOX_VARIABLE}: must be true or false")
    return IN_MEMORY if wanted else None


def given_flags() -> dict[str, str]:
    """Return the flags on the command line of the present command, by name; none outside a command."""
    context = click.get_current_context(silent=True)
    if context is None:
        return {}
    return {
        option.name: option.opts[0]
        for option in context.command.params
        if isinstance(option, click.Option)
        and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
    }


sandbox_flag = click.option(
    "--sandbox",
    "file",
    is_flag=False,
    flag_value=IN_MEMORY,
    envvar=SANDBOX_VARIABLE,
    show_envvar=True,
    callback=_sandbox_file,
    metavar="[FILE]",
    type=click.Path(),
    help="Use an embedded Rotor with sample leads instead of the real one: no key, no network. "
    "Its leads live in FILE, or without one as long as this process. The variable is true or false.",
)


def load_connection_settings(sandbox_file: str | None, given: GivenSettings) -> Settings:
    """Return the settings of a server or a command, on the sandbox or not.

    Raises:
        ConfigError: if a setting cannot be used.
    """
    values = dict(given.values)
    if sandbox_file is not None:
        # No real key comes near a sandbox, and no request of a sandbox near the network.
        values |= {"api_key": load_sandbox().FULL_KEY, "base_url": SANDBOX_URL}
        values.pop("redis_url", None)  # every sandbox has this key, and leads of its own
    return load_settings(values, given.sources)


def connection(sandbox_file: str | None, given: GivenSettings) -> "tuple[Settings, TransportFactory | None]":
    """Return the settings, and what carries the requests: None for the network, or a sandbox.

    Raises:
        click.UsageError: if a setting cannot be used.
        click.ClickException: if the file cannot be used as a sandbox.
    """
    try:
        settings = load_connection_settings(sandbox_file, given)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None
    if sandbox_file is None:
        return settings, None
    return settings, open_sandbox(sandbox_file, Behavior.of(settings.assumed)).transport


def open_sandbox(
    file: str, behavior: Behavior = ASSUMED, *, leads: int = 150, quota: int = 1_000
) -> "Sandbox":
    """Open the embedded Rotor that a file holds, or create one.

    Raises:
        click.ClickException: if the file cannot be used.
    """
    import sqlite3  # takes as long to load as the rest of this module

    try:
        sandbox: Sandbox = load_sandbox().Sandbox(file, leads=leads, quota=quota, behavior=behavior)
    except (ValueError, sqlite3.Error) as exc:
        raise click.ClickException(f"{file} cannot be used as a sandbox: {exc}") from None
    return sandbox
