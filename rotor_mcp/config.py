"""Settings, each an environment variable and a flag, declared once."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Annotated, Literal, Self, get_args
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo

from rotor_mcp.behavior import read_answers
from rotor_mcp.extras import install_hint
from rotor_mcp.sanitize import Replacements, replace_all

KEY_PREFIX = "rotor_"
SANDBOX_URL = "https://sandbox.invalid/open-api"
"""The address of the embedded Rotor, which has none: no request to it can reach a network."""
_UNEXPANDED = re.compile(r"\s*(\$\{[^}]*\}|\$\w+|%\w+%)\s*")
_UNANSWERED = re.compile(r"\s*\$\{user_config\.\w+\}\s*")
"""What desktop clients hand on if somebody left a field blank (modelcontextprotocol/mcpb#250)."""
_MIN_SECRET_CHARS = 8
"""Shorter texts are not redacted: they would occur in ordinary words."""
_KEY_PLACEHOLDER = "«API key»"
"""Replaces a key. No key can contain it, so that a replacement cannot create another occurrence of a key."""
_WELL_FORMED_KEY = re.compile(
    KEY_PREFIX + r"[A-Za-z0-9-]+_[A-Za-z0-9_.~+/=!@#$%^&*?|-]{" + str(_MIN_SECRET_CHARS) + ",}"
)
"""`rotor_<keyId>_<keySecret>`, up to a blank, a quote, a bracket or a comma."""


LogLevel = Literal["debug", "info", "warning", "error"]


class ConfigError(Exception):
    """A setting is invalid; the message names it and says what is allowed."""


@dataclass(frozen=True)
class Credentials:
    """A Rotor API key."""

    key: str = field(repr=False)
    warning: str | None = field(default=None, compare=False)
    """What is unusual about the form of the key, if anything."""

    def redact(self, text: str) -> str:
        """Replace the key and its secret part in a text."""
        return replace_all(text, self.secrets)

    @cached_property
    def secrets(self) -> Replacements:
        """The key and the text after each of its underscores, the longest first: a secret may have some."""
        secrets, rest = [self.key], self.key
        while self.key.startswith(KEY_PREFIX) and "_" in rest:
            rest = rest.partition("_")[2]
            secrets.append(rest)
        return tuple((secret, _KEY_PLACEHOLDER) for secret in secrets if len(secret) >= _MIN_SECRET_CHARS)


def redact_well_formed_keys(text: str) -> str:
    """Replace everything in a text that has the form of a Rotor API key."""
    return _WELL_FORMED_KEY.sub(_KEY_PLACEHOLDER, text) if KEY_PREFIX in text else text


class EnvironmentSettings(BaseModel):
    """Settings that come from environment variables and flags."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)

    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, values: Mapping[str, str | None], sources: Mapping[str, str] | None = None) -> Self:
        """Read settings by field name. Blank values and unexpanded `${…}` count as missing.

        Args:
            values: the texts of the settings, by field name. Other names are ignored.
            sources: the flags or lines of a file that gave some of them, by field name. What is said about
                such a setting names its source instead of the environment variable.

        Raises:
            ConfigError: if a setting is invalid.
        """
        sources = sources or {}
        given = {
            name: value
            for name, value in values.items()
            if value and value.strip() and name in cls.model_fields
        }
        expanded = {name: value for name, value in given.items() if name == "api_key" or is_given(value)}
        try:
            settings = cls.model_validate(expanded)
        except ValidationError as exc:
            texts = []
            for fault in exc.errors(include_input=False, include_url=False, include_context=False):
                name = str(fault["loc"][0]) if fault["loc"] else None
                if name is None or fault["type"] == "value_error":
                    expected = fault["msg"].removeprefix("Value error, ")
                else:
                    expected = _expected(cls.model_fields[name])
                texts.append(
                    f"{sources.get(name) or environment_variable(name)}: {expected}" if name else expected
                )
            raise ConfigError("; ".join(texts)) from None
        settings._sources = sources
        return settings

    def source(self, name: str) -> str:
        """Return the flag or the line of a file that gave a setting, or its environment variable."""
        return self._sources.get(name) or environment_variable(name)


class Settings(EnvironmentSettings):
    """The settings of a server.

    `Settings.load` reads them; `server.backend.load_settings` also reads the keychain if `keychain` is set.
    """

    api_key: Annotated[
        SecretStr | None,
        Field(
            description="Rotor API key, `rotor_<keyId>_<keySecret>`. "
            "As a flag it can be seen in the list of processes; the variable is the better place"
        ),
    ] = None
    keychain: Annotated[
        bool,
        Field(
            description="Take the API key from this system's keychain if none is given. "
            "`rotor-mcp install --keychain` puts it there"
        ),
    ] = False
    base_url: Annotated[str, Field(description="Address of Rotor's API; plain http only on this machine")] = (
        "https://api.getrotor.com/open-api"
    )
    timeout: Annotated[
        float, Field(gt=0, le=600, description="Seconds that one tool call may take in all, retries included")
    ] = 25.0
    timezone: Annotated[
        str | None,
        Field(
            description="Time zone that decides which day it is, such as America/Chicago; else the machine's"
        ),
    ] = None
    search_requests: Annotated[
        int, Field(ge=1, le=100, description="Requests, of 1,000 leads each, that one search may spend")
    ] = 5
    search_memory: Annotated[
        float, Field(ge=0, le=600, description="Seconds for which a search remembers what it read")
    ] = 30.0
    batch_requests: Annotated[
        int, Field(ge=1, le=1_000, description="Requests that one call of `upsert_leads` may spend")
    ] = 100
    phone_region: Annotated[
        str,
        Field(description="Country of phones without a country code, such as CA"),
    ] = "US"
    read_only: Annotated[bool, Field(description="Offer no tool that writes")] = False
    view: Annotated[
        bool,
        Field(description="Offer a view of the results to clients that show one in the chat (MCP Apps)"),
    ] = True
    assume: Annotated[
        str | None,
        Field(
            description="What is known of how Rotor behaves: `NAME=ANSWER`, separated by commas, or the "
            "report of `rotor-mcp probe`. The embedded Rotor behaves so"
        ),
    ] = None
    redis_url: Annotated[
        SecretStr | None,
        Field(
            description="Redis or Valkey, 7 or newer, that all servers of a company share, "
            "such as `redis://:<password>@<host>:6379/0`. The variable is the better place for it, too"
        ),
    ] = None
    redis_required: Annotated[
        bool,
        Field(
            description="Refuse writes, and be not ready, until the Redis that is named could be used once "
            "since the start"
        ),
    ] = True
    log_level: Annotated[
        LogLevel | None,
        Field(
            description="Least severe line written to stderr; else info over HTTP, and warning over standard "
            "input and output"
        ),
    ] = None
    log_format: Annotated[Literal["text", "json"], Field(description="Form of the lines on stderr")] = "text"

    _keychain_trouble: str | None = PrivateAttr(default=None)

    def with_kept_key(self, key: str | None, trouble: str | None = None) -> Self:
        """Return these settings with the key from the keychain, or with the reason why there is none."""
        if key and trouble is None:
            return self.model_copy(update={"api_key": SecretStr(key.strip())})
        self._keychain_trouble = trouble or "there is no key for it there. Run rotor-mcp install --keychain"
        return self

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        check_secret_address(value, "https://api.getrotor.com/open-api", "API key")
        return value.rstrip("/")

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ValueError, OSError, KeyError):
                raise ValueError("must be a time zone's name, such as America/Chicago or UTC") from None
        return value

    @field_validator("phone_region")
    @classmethod
    def _check_phone_region(cls, value: str) -> str:
        if not re.fullmatch("[A-Za-z]{2}", value):
            raise ValueError("must be a country's two letters, such as US or CA")
        return value.upper()

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return value
        form = "must be an address such as redis://<host>:6379/0, rediss://<host> or unix:///<path>"
        try:
            url = urlsplit(value.get_secret_value())
            complete = url.path if url.scheme == "unix" else url.hostname and url.port != 0
        except ValueError:
            raise ValueError(form) from None
        if url.scheme not in ("redis", "rediss", "unix") or not complete:
            raise ValueError(form)
        if find_spec("redis") is None:
            raise ValueError(f"needs another package: {install_hint('redis')}")
        from redis.asyncio import Redis

        try:
            Redis.from_url(value.get_secret_value()).connection_pool.make_connection()  # type: ignore[no-untyped-call]
        except Exception:
            raise ValueError("has options that the Redis client does not know") from None
        return value

    @field_validator("assume")
    @classmethod
    def _check_assume(cls, value: str | None) -> str | None:
        if value is not None:
            read_answers(value)
        return value

    @cached_property
    def assumed(self) -> dict[str, str]:
        """What is known of how Rotor behaves: question → answer."""
        return read_answers(self.assume) if self.assume else {}

    @property
    def local(self) -> bool:
        """Whether the API is on this machine."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def on_sandbox(self) -> bool:
        """Whether the leads are the samples of an embedded Rotor."""
        return self.base_url == SANDBOX_URL

    @cached_property
    def key(self) -> str | None:
        """The API key, if it is valid in an HTTP header."""
        return None if self.key_trouble or self.api_key is None else self.api_key.get_secret_value()

    @cached_property
    def credentials(self) -> Credentials | None:
        """The API key with its warning, as requests carry it."""
        return None if self.key is None else Credentials(self.key, self.key_warning)

    @cached_property
    def key_trouble(self) -> str | None:
        """Why no key can be sent; None if one can. The text contains no part of the key."""
        variable = self.source("api_key")
        value = self.api_key.get_secret_value() if self.api_key else ""
        if self._keychain_trouble:
            return f"{self.source('keychain')} is set, but {self._keychain_trouble}"
        if not value or _UNANSWERED.fullmatch(value):
            return f"{variable} is not set"
        if _UNEXPANDED.fullmatch(value):
            return f"{variable} holds the name of a variable, not its value: this client does not expand it"
        if not is_sendable(value):
            return f"{variable} holds a space, a line break or another character that no key has"
        return None

    @cached_property
    def key_warning(self) -> str | None:
        """What is unusual about the form of a key that can be sent."""
        variable = self.source("api_key")
        if self.key and not self.key.startswith(KEY_PREFIX):
            return (
                f"{variable} looks like another product's key: "
                f"Rotor's begin with {KEY_PREFIX}, and other products use the same variable"
            )
        if self.key and not re.fullmatch(f"{KEY_PREFIX}[^_]+_.+", self.key):
            return f"{variable} is not of the form {KEY_PREFIX}<keyId>_<keySecret>: was it copied as a whole?"
        return None

    @property
    def is_utc_by_default(self) -> bool:
        """Whether no time zone is set, and the machine says UTC, which is nobody's local time."""
        return self.timezone is None and set(time.tzname) == {"UTC"}

    @cached_property
    def zone(self) -> tzinfo:
        """The time zone that decides which day it is."""
        if self.timezone:
            return ZoneInfo(self.timezone)
        import tzlocal  # only needed without the setting

        try:
            return tzlocal.get_localzone()
        except (ValueError, KeyError, OSError):
            # TZ is not the name of a zone: only the C library can parse it, and returns the current offset.
            return datetime.now().astimezone().tzinfo or UTC

    def redact(self, text: str) -> str:
        """Replace the API key, its secret part and the password of Redis in a text."""
        return replace_all(text, self.secrets)

    @cached_property
    def secrets(self) -> Replacements:
        """The texts that must not be shown, and their replacements."""
        return (*self._given_key.secrets, *((password, "«password»") for password in self._passwords))

    @cached_property
    def _given_key(self) -> Credentials:
        """The given key, even if it cannot be sent; empty if it only names a variable."""
        value = self.api_key.get_secret_value() if self.api_key else ""
        return Credentials("" if _UNEXPANDED.fullmatch(value) else value)

    @cached_property
    def _passwords(self) -> tuple[str, ...]:
        """The password of Redis, percent-encoded as in the URL, and decoded."""
        if self.redis_url is None:
            return ()
        password = urlsplit(self.redis_url.get_secret_value()).password or ""
        return tuple(form for form in (password, unquote(password)) if len(form) >= _MIN_SECRET_CHARS)


def _expected(field: FieldInfo) -> str:
    """Return what is said about a value that is not of a setting's type: what is expected."""
    kinds = set(get_args(field.annotation)) or {field.annotation}
    if bool in kinds:
        return "must be true or false"
    if kinds & {int, float}:
        limits = {name: getattr(limit, name) for limit in field.metadata for name in limit.__slots__}
        kind = "whole number" if int in kinds else "number"
        return expected_number(kind, limits.get("ge"), limits.get("le"), above=limits.get("gt"))
    return f"must be {one_of(choices(field))}"


def expected_number(kind: str, low: float | None, high: float | None, *, above: float | None = None) -> str:
    """Return what is said about a value that is no number, or beyond a limit: which numbers can be used.

    Args:
        kind: `number` or `whole number`.
        low: the lowest, if there is one.
        high: the highest, if there is one.
        above: a number that is too low, instead of the lowest.
    """
    if above is not None:
        limits = f" above {above:,}" + (f", {high:,} at most" if high is not None else "")
    elif low is not None:
        limits = f" from {low:,} to {high:,}" if high is not None else f", {low:,} or more"
    else:
        limits = f", {high:,} or less" if high is not None else ""
    return f"must be a {kind}{limits}"


def choices(field: FieldInfo) -> tuple[str, ...]:
    """Return the values that a setting can have, if they are a few words; else none."""
    annotation = field.annotation
    return tuple(
        word
        for part in (annotation, *get_args(annotation))
        for word in get_args(part)
        if isinstance(word, str)
    )


def one_of(words: Sequence[str]) -> str:
    """Return words as a choice: `a, b or c`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def environment_variable(field: str) -> str:
    """Return the environment variable of a setting."""
    return f"ROTOR_{field.upper()}" if field in ("api_key", "base_url") else f"ROTOR_MCP_{field.upper()}"


def is_given(value: str) -> bool:
    """Whether a text is a value: neither blank nor an unexpanded variable, as some clients hand on."""
    return bool(value.strip()) and not _UNEXPANDED.fullmatch(value)


def is_sendable(key: str) -> bool:
    """Whether a text can be an API key: printable ASCII without blanks, and not an unexpanded variable."""
    return re.fullmatch(r"[!-~]{1,500}", key) is not None and not _UNEXPANDED.fullmatch(key)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_secret_address(address: str, example: str, secret: str) -> None:
    """Check an address to which a secret is sent: https, or plain http on this machine.

    Raises:
        ValueError: if it is no such address; the message says what is allowed.
    """
    try:
        url = urlsplit(address)
        is_address = url.scheme in ("https", "http") and url.hostname and url.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(f"must be an address such as {example}")
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must hold no user name, password, query or fragment")
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise ValueError(f"must begin with https: over http anybody on the way could read the {secret}")
