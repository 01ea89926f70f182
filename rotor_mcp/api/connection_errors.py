"""Describes why a connection could not be made."""

import re
import socket
import ssl
from collections.abc import Iterator

import httpx2

from rotor_mcp.api.http_client import Proxy
from rotor_mcp.errors import NotSent


def connect_error(exc: BaseException, host: str, proxy: Proxy | None = None) -> NotSent:
    """Describe why a connection could not be made. The exception's own text is not shown.

    Args:
        exc: what the HTTP client raised.
        host: of the address that was asked for.
        proxy: that the connection was to go through. Then it is the proxy that this machine connects to, and
            only TLS is a matter of the host.
    """
    for cause in _causes(exc):
        match cause:
            case ssl.SSLCertVerificationError():
                return NotSent(f"the TLS certificate of {host} is not trusted on this machine", "certificate")
            case ssl.SSLError():
                return NotSent(f"{host} does not speak TLS as it should", "tls")
    if proxy is not None:
        return NotSent(_refusal_of_proxy(exc, proxy), "proxy")
    for cause in _causes(exc):
        match cause:
            case socket.gaierror():
                return NotSent(f"the host {host} cannot be found", "name")
            case ConnectionRefusedError():
                return NotSent(f"{host} refused the connection", "refusal")
            case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
                return NotSent(f"no connection to {host} in time", "silence")
    return NotSent(f"no connection to {host}")


def _refusal_of_proxy(exc: BaseException, proxy: Proxy) -> str:
    for cause in _causes(exc):
        match cause:
            case socket.gaierror():
                return f"the proxy {proxy} cannot be found"
            case ConnectionRefusedError():
                return f"the proxy {proxy} refused the connection"
            case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
                return f"no connection to the proxy {proxy} in time"
            case httpx2.ProxyError() if status := re.match(r"\d{3}\b", str(cause)):
                return f"the proxy {proxy} does not connect: it answers {status[0]}"
            case httpx2.ProxyError():
                return f"the proxy {proxy} does not connect"
    return f"no connection to the proxy {proxy}"


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all its causes, members of groups included, innermost last."""
    yield exc
    if isinstance(exc, BaseExceptionGroup):
        for member in exc.exceptions:
            yield from _causes(member)
    origin = exc.__cause__ or exc.__context__
    if origin is not None:
        yield from _causes(origin)
