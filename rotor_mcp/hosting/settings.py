"""Settings for HTTP, in addition to `config.Settings`."""

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv6Address
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from rotor_mcp.config import (
    ConfigError,
    EnvironmentSettings,
    Settings,
    environment_variable,
    is_loopback,
)
from rotor_mcp.hosting.addresses import ANY_PORT, Authority, Origin, canonical_url

PATH = "/mcp"
"""The path of the MCP endpoint."""
MIN_SECRET_CHARS = 32
"""Characters of a token or secret that cannot be guessed."""
_ADDRESS = re.compile(r"(?:\[([\w:.%]+)\]|([\w.-]+)):(\d{1,5})", re.ASCII)
"""An IPv6 address in brackets, or another address or name, and a port."""
NO_AUTH = (
    "can be reached by others, and nothing asks who they are: set ROTOR_MCP_OAUTH_ISSUER, or for a private "
    "network ROTOR_MCP_TOKEN_FILE; or serve at 127.0.0.1 only"
)
"""Continues the text about an address that is not served without authentication."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _check_web_address(value: str) -> str:
    form = "must be an address such as https://rotor.example.com"
    try:
        url = urlsplit(value)
    except ValueError:
        raise ValueError(form) from None
    if url.scheme not in ("https", "http") or not url.hostname or url.query or url.fragment or url.username:
        raise ValueError(form)
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("must begin with https, unless it is on this machine")
    return value


def _check_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_SECRET_CHARS:
        raise ValueError(f"must have {MIN_SECRET_CHARS} characters or more, which nobody can guess")
    return value


File = TypeVar("File")

WebAddress = Annotated[str, AfterValidator(_check_web_address)]
"""A URL without normalization: the URL of an issuer ends with a slash if its tokens say so."""
NameList = Annotated[tuple[str, ...], BeforeValidator(_split)]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]


class HostSettings(EnvironmentSettings):
    """The settings for HTTP. Read with `HostSettings.load`."""

    model_config = ConfigDict(defer_build=True)  # a start that does not serve HTTP needs only the names

    http: Annotated[
        str,
        Field(
            description="Address and port to serve HTTP at, the same as `--http`. A host name stands for all "
            "addresses that it has on this machine, `localhost` for IPv4 and IPv6"
        ),
    ] = "127.0.0.1:8080"
    workers: Annotated[
        int,
        Field(
            ge=1,
            le=64,
            description="Processes that serve; more than one need ROTOR_MCP_REDIS_URL and the extra workers",
        ),
    ] = 1
    keep_alive: Annotated[
        int,
        Field(
            ge=1,
            le=3_600,
            description="Seconds after which an idle connection is closed; longer than a load balancer in "
            "front keeps idle connections, which is 60 for most",
        ),
    ] = 75
    public_url: Annotated[
        WebAddress | None,
        Field(description="Address under which clients reach this server, such as https://rotor.example.com"),
    ] = None
    allowed_hosts: Annotated[
        NameList,
        Field(
            description="Further host names that clients may call it by, separated by commas, with a port "
            "if only that one is meant, such as rotor.internal or 10.0.0.7:8080"
        ),
    ] = ()
    allowed_origins: Annotated[
        NameList,
        Field(
            description="Origins of web pages that may call it, separated by commas, such as "
            "https://inspector.example.com"
        ),
    ] = ()
    oauth_issuer: Annotated[
        WebAddress | None, Field(description="Issuer of the access tokens that callers must show")
    ] = None
    oauth_audience: Annotated[
        str | None, Field(description="Audience that a token must be for; else the public address with /mcp")
    ] = None
    oauth_scope_claim: Annotated[
        str | None,
        Field(
            description="Claim of a token that holds its scopes, with dots where claims are nested, such as "
            "resource_access.rotor.roles; else the first of scope, scp, permissions and roles that grants one"
        ),
    ] = None
    token_file: Annotated[
        Path | None,
        Field(
            description="File with a line for each caller of a private network, which rotor-mcp token writes"
        ),
    ] = None
    key_from: Annotated[
        Literal["server", "file", "header"],
        Field(
            description="Whose Rotor key a call uses: this server's; the caller's from the key file; "
            "or what the caller sends in the header x-rotor-api-key"
        ),
    ] = "server"
    key_file: Annotated[
        Path | None,
        Field(description='File with the Rotor key of each caller, such as {"token:ann": "rotor_…"}'),
    ] = None
    state_secret: Annotated[
        Secret | None,
        Field(
            description="Secret of all processes and machines of this server, with which they seal what a "
            "client hands back to them; else made of the Rotor key, if there is one. The variable is the "
            "better place for it"
        ),
    ] = None
    calls_at_once: Annotated[int, Field(ge=1, description="Calls of one caller under way in a process")] = 8
    calls_per_minute: Annotated[
        int, Field(ge=1, description="Calls of one caller within a minute in a process")
    ] = 120
    daily_requests: Annotated[
        int | None,
        Field(
            ge=1, description="Requests to Rotor that one caller may spend in a day (UTC), as counted here"
        ),
    ] = None
    metrics: Annotated[
        str | None,
        Field(
            description="Address and port at which Prometheus reads metrics without a token, such as "
            "127.0.0.1:9464; an address that is only reached from inside"
        ),
    ] = None
    rotor_required: Annotated[
        bool,
        Field(description="Be not ready while Rotor cannot be reached; else calls are answered, and say so"),
    ] = False
    log_probes: Annotated[
        bool, Field(description="Log requests of /healthz and /readyz that were answered with 200, too")
    ] = True
    audit_file: Annotated[
        Path | None, Field(description="File to which a line is added for each write; /dev/stdout works too")
    ] = None

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        if url.path.strip("/"):
            raise ValueError("must have no path: the protocol is spoken at /mcp below it")
        try:
            port = Authority.parse(url.netloc).port
        except ValueError:
            port = ANY_PORT
        if port == ANY_PORT:
            raise ValueError("must be an address such as https://rotor.example.com")
        return canonical_url(value)

    @field_validator("allowed_hosts")
    @classmethod
    def _check_allowed_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, entry in enumerate(value, 1):
            try:
                _parse_host(entry)
            except ValueError:
                raise ValueError(
                    f"entry {number} must be a host name or an address, perhaps with a port, such as "
                    "rotor.internal, 10.0.0.7:8080 or [fd00::7]:8080: no scheme, no path, no blank, and no * "
                    "for a name, with which every web page could reach this server"
                ) from None
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _check_allowed_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for number, entry in enumerate(value, 1):
            try:
                _parse_origin(entry)
            except ValueError:
                raise ValueError(
                    f"entry {number} must be a scheme and a host name, perhaps with a port, such as "
                    "https://inspector.example.com or http://localhost:6274: no path, no blank, no null, and "
                    "no * for a name, with which every web page could call this server"
                ) from None
        return value

    @field_validator("http")
    @classmethod
    def _check_http(cls, value: str) -> str:
        _parse_address(value)
        return value

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, value: str | None) -> str | None:
        if value is not None and _parse_address(value)[1] == 0:
            raise ValueError("must name a port, at which Prometheus is to look")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if conflicts := [*self._conflicts()]:
            raise ValueError("; ".join(conflicts))
        return self

    def _conflicts(self) -> Iterator[str]:
        if not self.on_loopback and not self.requires_auth:
            yield f"{self.http} {NO_AUTH}"
        elif self.public_url is None and not (self.on_loopback and self.oauth_issuer is None):
            yield (
                "set ROTOR_MCP_PUBLIC_URL to the address under which clients reach this server: requests for "
                "other names are refused, and so are tokens for another resource"
            )
        if self.key_from == "file" and self.key_file is None:
            yield "ROTOR_MCP_KEY_FROM is file: set ROTOR_MCP_KEY_FILE"
        elif self.key_from == "file" and not self.requires_auth:
            yield (
                "ROTOR_MCP_KEY_FROM is file, but nothing asks who calls: set ROTOR_MCP_OAUTH_ISSUER or "
                "ROTOR_MCP_TOKEN_FILE"
            )
        if self.key_file is not None and self.key_from != "file":
            yield "ROTOR_MCP_KEY_FILE is set: set ROTOR_MCP_KEY_FROM to file, or leave it out"
        if self.oauth_issuer is None:
            for name in ("oauth_audience", "oauth_scope_claim"):
                if getattr(self, name) is not None:
                    yield (
                        f"{environment_variable(name)} is set, but no issuer: set ROTOR_MCP_OAUTH_ISSUER, or "
                        "leave it out"
                    )
        files = [name for name in ("token_file", "key_file", "audit_file") if getattr(self, name) is not None]
        for name, other in combinations(files, 2):
            if _is_same_file(getattr(self, name), getattr(self, other)):
                yield (
                    f"{environment_variable(name)} and {environment_variable(other)} are the same file: each "
                    "needs a file of its own"
                )

    def open_file(self, name: str, open_: Callable[[Path], File]) -> File | None:
        """Open the file of a setting; None if the setting has none.

        Raises:
            ConfigError: if it cannot be used. The message names the setting.
        """
        file: Path | None = getattr(self, name)
        if file is None:
            return None
        try:
            return open_(file)
        except OSError as exc:
            raise ConfigError(f"{self.source(name)}: {file}: {exc.strerror}") from None
        except ValueError as exc:
            raise ConfigError(f"{self.source(name)}: {exc}") from None

    @property
    def host(self) -> str:
        """The address to listen on."""
        return _parse_address(self.http)[0]

    @property
    def port(self) -> int:
        """The port to listen on; 0 takes a free one."""
        return _parse_address(self.http)[1]

    @property
    def metrics_at(self) -> tuple[str, int] | None:
        """The address and the port at which Prometheus reads metrics."""
        return _parse_address(self.metrics) if self.metrics else None

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        return is_loopback(self.host)

    @property
    def requires_auth(self) -> bool:
        """Whether callers must authenticate."""
        return self.oauth_issuer is not None or self.token_file is not None

    @property
    def audience(self) -> str | None:
        """The required audience of an access token."""
        return self.oauth_audience or (f"{self.public_url}{PATH}" if self.public_url else None)

    @property
    def hosts(self) -> list[Authority]:
        """The allowed values of the header `Host`."""
        public = [Authority.parse(urlsplit(self.public_url).netloc)] if self.public_url else []
        local = [Authority(name) for name in ("127.0.0.1", "localhost", "::1")]
        return [*public, *map(_parse_host, self.allowed_hosts), *local]

    @property
    def origins(self) -> list[Origin]:
        """The allowed values of the header `Origin`."""
        public = [Origin.parse(self.public_url)] if self.public_url else []
        local = [Origin("http", name, ANY_PORT) for name in ("127.0.0.1", "localhost", "::1")]
        return [*public, *self.page_origins, *local]

    @property
    def page_origins(self) -> list[Origin]:
        """The origins of web pages on other hosts that may call."""
        return [_parse_origin(entry) for entry in self.allowed_origins]


def _is_same_file(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _parse_address(text: str) -> tuple[str, int]:
    """Parse an address to listen on.

    Raises:
        ValueError: if the text is none.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > 65_535:
        raise ValueError("must be an address and a port, such as 127.0.0.1:8080 or [::]:8080")
    return match[1] or match[2], int(match[3])


def _parse_host(entry: str) -> Authority:
    """Parse an entry of the allowed hosts. An IPv6 address without a port needs no brackets."""
    try:
        return Authority(IPv6Address(entry).compressed)
    except ValueError:
        return Authority.parse(entry)


def _parse_origin(entry: str) -> Origin:
    """Parse an entry of the allowed origins, without the trailing slash that copying a URL adds."""
    return Origin.parse(entry.removesuffix("/"))


SETTING_NAMES = (*Settings.model_fields, *HostSettings.model_fields)
"""The names of all settings, which a configuration file may have."""
