"""What kept a connection from being made."""

import socket
import ssl
from collections.abc import Iterator

import httpx2

from rotor_mcp.errors import NotSent


def no_connection(exc: BaseException, host: str) -> NotSent:
    """Say what kept the connection from being made. The exception's own text is not for showing."""
    for cause in _causes(exc):
        match cause:
            case ssl.SSLCertVerificationError():
                return NotSent(f"the TLS certificate of {host} is not trusted on this machine", "certificate")
            case ssl.SSLError():
                return NotSent(f"{host} does not speak TLS as it should", "tls")
            case socket.gaierror():
                return NotSent(f"the host {host} cannot be found", "name")
            case ConnectionRefusedError():
                return NotSent(f"{host} refused the connection", "refusal")
            case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
                return NotSent(f"no connection to {host} in time", "silence")
            case httpx2.ProxyError():
                return NotSent("the proxy did not connect", "proxy")
    return NotSent(f"no connection to {host}")


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Walk what an exception came from, groups included, innermost last."""
    yield exc
    if isinstance(exc, BaseExceptionGroup):
        for member in exc.exceptions:
            yield from _causes(member)
    origin = exc.__cause__ or exc.__context__
    if origin is not None:
        yield from _causes(origin)
