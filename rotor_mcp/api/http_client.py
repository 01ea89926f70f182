"""Opens HTTP connections with the proxy and the trusted certificates of the environment.

A value that cannot be used raises `Misconfigured`, which names the variable. Variables that a URL does not
need are not read.
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
from rotor_mcp.extras import install_hint

_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_CERTIFICATE_NAME = re.compile(r"[0-9a-fA-F]{8}\.\d+")
"""Names of the files in OpenSSL's directory of certificates: a hash and a number."""


@dataclass(frozen=True)
class Proxy:
    """The proxy for requests to a URL."""

    url: str = field(repr=False)
    """It may contain a user name and a password."""
    variable: str
    """The environment variable that names it, or a text for the settings of the system."""

    @property
    def address(self) -> str:
        """Host and port, without user name and password."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def __str__(self) -> str:
        return f"{self.address} ({self.variable})"


def open_client(url: str, **options: Any) -> httpx2.AsyncClient:
    """Open a client for one URL. It reads no other environment variables, and no `.netrc`.

    Args:
        url: the URL; its scheme and host decide the proxy.
        options: of `httpx2.AsyncClient`.

    Raises:
        Misconfigured: if the environment names a proxy or certificates that cannot be used.
    """
    return httpx2.AsyncClient(transport=open_transport(url), trust_env=False, **options)


def open_transport(url: str) -> httpx2.AsyncHTTPTransport:
    """Open a transport for one URL, whose scheme and host decide the proxy.

    Raises:
        Misconfigured: if the environment names a proxy or certificates that cannot be used.
    """
    proxy = proxy_for(url)
    # An empty context trusts no certificate. It is never used, since this connection has no TLS.
    needed = urlsplit(url).scheme == "https" or proxy is not None
    trust = _load_certificates() if needed else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if proxy is None:
        return httpx2.AsyncHTTPTransport(verify=trust, trust_env=False)
    own_trust = trust if proxy.url.startswith("https:") else None
    through = httpx2.Proxy(proxy.url, ssl_context=own_trust)
    return httpx2.AsyncHTTPTransport(verify=trust, trust_env=False, proxy=through)


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for a URL; None if there is none. Loopback addresses have none.

    Raises:
        Misconfigured: if the proxy cannot be used.
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
    """Whether NO_PROXY, or the system's list of exceptions, names a host."""
    if proxy_bypass(f"{host}:{port}"):
        return True
    for entry in getproxies().get("no", "").split(","):
        # Forms that other programs support and Python does not.
        name = entry.strip().lower()
        if name.startswith("*.") and host.endswith(name[1:]):
            return True
        with suppress(ValueError):
            if ip_address(host) in ip_network(name, strict=False):
                return True
    return False


def _spelled_variable(name: str) -> str | None:
    """Return the name of a variable as the environment spells it; as Python does, it prefers lower case."""
    spellings = [given for given, value in os.environ.items() if given.lower() == name and value]
    return name if name in spellings else next(iter(spellings), None)


def _validate_proxy(named: str, variable: str) -> str:
    """Validate the URL of a proxy, and add a scheme if it has none.

    Raises:
        Misconfigured: if it is not valid. The text does not contain the URL.
    """
    address = named if "://" in named else f"http://{named}"
    scheme, _, rest = address.partition("://")
    scheme = "socks5" if scheme.lower() == "socks" else scheme.lower()
    if scheme not in _PROXY_SCHEMES:
        raise _proxy_error(variable, f"only proxies of the kinds {', '.join(_PROXY_SCHEMES)} can be used")
    try:
        url = httpx2.URL(f"{scheme}://{rest}")
        # An @ after the host is from a password that is not percent-encoded, so the host is not the real one.
        misread = re.search(r"\s|[/?#].*@", rest)
        valid = bool(url.host) and (url.port is None or 0 < url.port < 65_536) and not misread
    except (httpx2.InvalidURL, ValueError):
        valid = False
    if not valid:
        raise _proxy_error(variable, "it is no address such as http://proxy.example.com:3128")
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise Misconfigured(
            f"{variable} cannot be used: a SOCKS proxy needs another package",
            fix=f"Name an HTTP proxy, or {install_hint('socks')}.",
        )
    return f"{scheme}://{rest}"


def _proxy_error(variable: str, reason: str) -> Misconfigured:
    return Misconfigured(f"{variable} cannot be used: {reason}", fix=f"Correct {variable}, or unset it.")


def _load_certificates() -> ssl.SSLContext:
    """Load the trusted certificates.

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
