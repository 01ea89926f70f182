"""Reads settings from a TOML file, which holds what neither a flag nor a variable gives."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from rotor_mcp.config import ConfigError, environment_variable, is_given
from rotor_mcp.private_file import check_private

CONFIG_VARIABLE = "ROTOR_MCP_CONFIG"
_SECRETS = ("api_key", "redis_url", "state_secret")
_OTHER_VARIABLES = (CONFIG_VARIABLE, "ROTOR_MCP_SANDBOX", "ROTOR_MCP_TOKEN")
"""Variables of this package that belong to no setting."""
_SERVICE_LINK = re.compile(r"(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
"""Ends of variables that Kubernetes sets for a service of the name rotor-mcp."""
_NEARLY = 0.75


@dataclass(frozen=True)
class GivenSettings:
    """The texts of settings by name."""

    values: Mapping[str, str | None]
    sources: Mapping[str, str]
    """What gave a value that is from no variable: the flag, or the line of the file."""


def given_settings(
    values: Mapping[str, str | None], flags: Mapping[str, str], config: str | None, known: Collection[str]
) -> GivenSettings:
    """Return what flags and variables give, and for the rest what the file gives.

    Args:
        values: the texts from flags and variables, None where neither gives one. The file gives no others.
        flags: the flags that gave some of them, and `config`.
        config: the file, if there is one.
        known: the names that may be in the file.

    Raises:
        ConfigError: if the file cannot be used.
    """
    if config is None or not is_given(config):
        return GivenSettings(values, flags)
    source = flags.get("config", CONFIG_VARIABLE)
    try:
        in_file = _read(Path(config), known)
    except OSError as exc:
        raise ConfigError(f"{source}: {config} cannot be read: {exc.strerror}") from None
    except ValueError as exc:
        raise ConfigError(f"{source}: {config}: {exc}") from None
    missing = {
        name: text for name, text in in_file.items() if name in values and not is_given(values[name] or "")
    }
    sources = {name: f"{name} in {config}" for name in missing}
    return GivenSettings({**values, **missing}, {**flags, **sources})


def given_by_environment(known: Collection[str]) -> GivenSettings:
    """Return what the environment gives, and the file that it names.

    Raises:
        ConfigError: if the file cannot be used.
    """
    values = {name: os.environ.get(environment_variable(name)) for name in known}
    return given_settings(values, {}, os.environ.get(CONFIG_VARIABLE), known)


def unknown_variables(environment: Collection[str], known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each variable that has nearly the name of a setting, and that of the setting."""
    variables = {environment_variable(name) for name in known} | {*_OTHER_VARIABLES}
    ends = {variable.removeprefix("ROTOR_MCP_"): variable for variable in variables}
    for variable in sorted({*environment} - variables):
        end = variable.removeprefix("ROTOR_MCP_")
        if end == variable or _SERVICE_LINK.fullmatch(end):
            continue
        for near in get_close_matches(end, ends, 1, _NEARLY):
            yield variable, ends[near]


def _read(file: Path, known: Collection[str]) -> dict[str, str]:
    """Return the settings of a file as texts.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is invalid. The message contains no value.
    """
    import tomllib  # a start without a file does without it

    try:
        found = tomllib.loads(file.read_bytes().decode())
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except tomllib.TOMLDecodeError as exc:
        position = re.search(r"\(at .*\)", str(exc))
        raise ValueError(f"is not TOML {position[0] if position else ''}".strip()) from None
    for name in found:
        if name not in known:
            plain = name.lower().replace("-", "_").removeprefix("rotor_mcp_")
            near = get_close_matches(plain, known, 1)
            raise ValueError(f"there is no setting {name!a}" + (f"; did you mean {near[0]}?" if near else ""))
    texts = {name: _text(name, value) for name, value in found.items()}
    if any(name in texts and (name != "redis_url" or "@" in texts[name]) for name in _SECRETS):
        check_private(file)
    return texts


def _text(name: str, value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
        case list() if all(isinstance(item, str) for item in value):
            return ",".join(value)
        case _:
            raise ValueError(f"{name} must be a text, a number, true or false, or a list of texts")
