"""Normalizes host names, origins and URLs for comparison.

Letter case, the default port of the scheme, the trailing dot of a domain name, and the notation of an IPv6
address are ignored.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
ANY_PORT = 0

_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^\[\]:]+)(?::(\d{1,5}|\*))?")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


@dataclass(frozen=True)
class Authority:
    """A host name and an optional port, as in the header `Host`."""

    name: str
    port: int | None = None
    """None if none is given; `ANY_PORT` for `*`."""

    @classmethod
    def parse(cls, text: str) -> "Authority":
        """Parse `name`, `name:port`, `name:*` or `[IPv6]:port`.

        Raises:
            ValueError: if the text has another form.
        """
        match = _AUTHORITY.fullmatch(text)
        if match is None:
            raise ValueError("not a name and a port")
        host, port = match.groups()
        if port is None:
            return cls(_host_name(host))
        number = ANY_PORT if port == "*" else int(port)
        if port != "*" and not 0 < number <= 65_535:
            raise ValueError("not a port")
        return cls(_host_name(host), number)

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        if self.port is None:
            return name
        return f"{name}:{'*' if self.port == ANY_PORT else self.port}"

    def admits(self, given: "Authority") -> bool:
        """Whether the host of a `Host` header matches. Without a port, every port matches."""
        if self.name != given.name:
            return False
        if self.port in (None, ANY_PORT, given.port):
            return True
        # A client omits the default port, and the header does not contain the scheme.
        return given.port is None and self.port in DEFAULT_PORTS.values()


@dataclass(frozen=True)
class Origin:
    """A scheme, a host and a port, as in the header `Origin`."""

    scheme: str
    host: str
    port: int | None
    """The default port of the scheme if none is given; None if the scheme has none; `ANY_PORT` for `*`."""

    @classmethod
    def parse(cls, text: str) -> "Origin":
        """Parse `scheme://name` or `scheme://name:port`.

        Raises:
            ValueError: if the text has another form.
        """
        scheme, separator, rest = text.partition("://")
        if not separator or not _SCHEME.fullmatch(scheme):
            raise ValueError("not an origin")
        authority = Authority.parse(rest)
        port = DEFAULT_PORTS.get(scheme.lower()) if authority.port is None else authority.port
        return cls(scheme.lower(), authority.name, port)

    def admits(self, given: "Origin") -> bool:
        """Whether the origin of an `Origin` header matches."""
        same_host = (self.scheme, self.host) == (given.scheme, given.host)
        return same_host and self.port in (ANY_PORT, given.port)


def canonical_url(text: str) -> str:
    """Return a URL with scheme and host in lower case, without default port and trailing slash.

    Any other text is returned unchanged: an audience need not be a URL.
    """
    try:
        url = urlsplit(text)
        scheme = url.scheme.lower()
        if scheme not in DEFAULT_PORTS or url.username is not None:
            return text
        authority = Authority.parse(url.netloc)
    except ValueError:
        return text
    if authority.port == DEFAULT_PORTS[scheme]:
        authority = Authority(authority.name)
    return url._replace(scheme=scheme, netloc=str(authority), path=url.path.rstrip("/")).geturl()


def _host_name(text: str) -> str:
    if text.startswith("["):
        address = ip_address(text[1:-1])
        if address.version != 6:
            raise ValueError("not an IPv6 address")
        return address.compressed
    name = text.removesuffix(".").encode("idna").decode("ascii").lower()
    if not _NAME.fullmatch(name):
        raise ValueError("not a host name")
    return name
