"""HTTP clients: which proxy they use, and which certificates they trust.

Both come from the environment, in which anything can stand. What cannot be used is one error of `errors.py`
that names the variable, and what is not needed for an address is not looked at.
"""

import os
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from rotor_mcp.config import is_loopback
from rotor_mcp.errors import Misconfigured

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_CERTIFICATE_NAME = re.compile(r"[0-9a-fA-F]{8}\.\d+")
"""How OpenSSL names the files of a folder of certificates: by digest and number."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that requests to an address go through."""

    url: str = field(repr=False)
    """May hold a user name and a password."""
    variable: str
    """The environment variable that names it, or words for the settings of the system."""

    @property
    def address(self) -> str:
        """Host and port, without user name and password."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def __str__(self) -> str:
        return f"{self.address} ({self.variable})"


def open_client(url: str, **options: Any) -> httpx2.AsyncClient:
    """Open a client for one address. It uses no other variables of the environment, and no `.netrc`.

    Args:
        url: the address; the proxy is the one for its scheme and host.
        options: of `httpx2.AsyncClient`. With a `transport`, neither a proxy nor certificates are needed.

    Raises:
        Misconfigured: if the environment names a proxy or certificates that cannot be used.
    """
    if options.get("transport") is None:
        proxy = proxy_for(url)
        # A bare context trusts nobody: it is never used, because nothing here speaks TLS.
        needed = urlsplit(url).scheme == "https" or proxy is not None
        trust = _load_certificates() if needed else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        options |= {"verify": trust, "proxy": _client_proxy(proxy, trust) if proxy else None}
    return httpx2.AsyncClient(trust_env=False, **options)


def proxy_for(url: str) -> Proxy | None:
    """Find the proxy for an address, if there is one. None leads to this machine.

    Raises:
        Misconfigured: if it cannot be used.
    """
    target = urlsplit(url)
    host = target.hostname or ""
    if is_loopback(host) or _bypasses_proxy(host, target.port or {"http": 80}.get(target.scheme, 443)):
        return None
    proxies = getproxies()
    scheme = target.scheme if proxies.get(target.scheme) else "all"
    named = proxies.get(scheme, "").strip()
    if not named:
        return None
    variable = _spelled_variable(f"{scheme}_proxy") or "the proxy in this system's settings"
    return Proxy(_validate_proxy(named, variable), variable)


def _bypasses_proxy(host: str, port: int) -> bool:
    """Whether NO_PROXY, or the system's own list, names a host."""
    if proxy_bypass(f"{host}:{port}"):
        return True
    for entry in getproxies().get("no", "").split(","):
        # Forms that other programs understand and Python does not.
        name = entry.strip().lower()
        if name.startswith("*.") and host.endswith(name[1:]):
            return True
        with suppress(ValueError):
            if ip_address(host) in ip_network(name, strict=False):
                return True
    return False


def _spelled_variable(name: str) -> str | None:
    """The environment variable of that name as it is written there; Python prefers small letters."""
    spellings = [given for given, value in os.environ.items() if given.lower() == name and value]
    return name if name in spellings else next(iter(spellings), None)


def _validate_proxy(named: str, variable: str) -> str:
    """Check the address of a proxy, and complete it.

    Raises:
        Misconfigured: if there can be no such proxy. The text does not hold the address.
    """
    address = named if "://" in named else f"http://{named}"
    scheme, _, rest = address.partition("://")
    scheme = "socks5" if scheme.lower() == "socks" else scheme.lower()
    if scheme not in _PROXY_SCHEMES:
        raise _proxy_error(variable, f"only proxies of the kinds {', '.join(_PROXY_SCHEMES)} can be used")
    try:
        url = httpx2.URL(f"{scheme}://{rest}")
        # An @ behind the host belongs to a password that is not percent-encoded: its host is not the host.
        misread = re.search(r"\s|[/?#].*@", rest)
        valid = bool(url.host) and (url.port is None or 0 < url.port < 65_536) and not misread
    except (httpx2.InvalidURL, ValueError):
        valid = False
    if not valid:
        raise _proxy_error(variable, "it is no address such as http://proxy.example.com:3128")
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise Misconfigured(
            f"{variable} cannot be used: a SOCKS proxy needs the extra rotor-mcp[socks]",
            fix="Install it with pip install 'rotor-mcp[socks]', or name an HTTP proxy.",
        )
    return f"{scheme}://{rest}"


def _proxy_error(variable: str, reason: str) -> Misconfigured:
    return Misconfigured(f"{variable} cannot be used: {reason}", fix=f"Correct {variable}, or unset it.")


def _client_proxy(proxy: Proxy, trust: ssl.SSLContext) -> httpx2.Proxy:
    return httpx2.Proxy(proxy.url, ssl_context=trust if proxy.url.startswith("https:") else None)


def _load_certificates() -> ssl.SSLContext:
    """Load the certificates that are trusted.

    Raises:
        Misconfigured: if they cannot be loaded.
    """
    if file := os.environ.get("SSL_CERT_FILE"):
        _check_certificate_file(file)
    elif folders := os.environ.get("SSL_CERT_DIR"):
        _check_certificate_folders(folders)
    try:
        return httpx2.create_ssl_context()
    except (OSError, ValueError) as exc:
        if os.environ.get("SSLKEYLOGFILE"):
            reason = "SSLKEYLOGFILE names a file that cannot be written"
            raise Misconfigured(reason, fix="Correct SSLKEYLOGFILE, or unset it.") from None
        raise Misconfigured(
            f"TLS cannot be set up on this machine ({type(exc).__name__})",
            fix="Check the installation of Python and OpenSSL, and the variable OPENSSL_CONF if it is set.",
        ) from None


def _check_certificate_file(file: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        reason = "it holds no certificate in PEM form"
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
    else:
        return
    raise Misconfigured(
        f"SSL_CERT_FILE names a file that cannot be read: {reason}",
        fix="Let SSL_CERT_FILE name a file of trusted certificates in PEM form, or unset it.",
    )


def _check_certificate_folders(folders: str) -> None:
    reason = "it holds no certificate under the name that OpenSSL looks for"
    for folder in folders.split(os.pathsep):
        try:
            if any(_CERTIFICATE_NAME.fullmatch(entry.name) for entry in Path(folder).iterdir()):
                return
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
    raise Misconfigured(
        f"SSL_CERT_DIR names a folder that cannot be used: {reason}",
        fix="Let SSL_CERT_DIR name a folder that openssl rehash has prepared, or unset it.",
    )
