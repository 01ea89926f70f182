"""Opens listening sockets."""

import errno
import socket
from ipaddress import IPv6Address, ip_address

_LOOPBACK = "127.0.0.1"
_ADDRESS_UNAVAILABLE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""Errors of binding to an address that this machine does not have."""
_MAX_ATTEMPTS = 10
"""Attempts to find a port that is free on all addresses of a host."""


def listen(host: str = _LOOPBACK, port: int = 0) -> socket.socket:
    """Listen on a port. Connections are queued until they are accepted.

    Args:
        host: address of this machine. `::` includes IPv4 where the system supports dual-stack sockets.
        port: to listen on; 0 for a free one.

    Raises:
        OSError: if the port cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server(
        (host, port),
        family=family,
        dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
    )
    # asyncio sets this only on sockets with an explicit protocol. Without it the second packet of a response
    # waits up to 40 ms for the acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def listen_on_all(host: str, port: int = 0) -> list[socket.socket]:
    """Listen on the same port of every address that a host name resolves to.

    Addresses that this machine does not have are skipped, for example IPv6 where it is disabled.

    Args:
        host: a name or an address.
        port: to listen on; 0 for one that is free on all addresses.

    Raises:
        OSError: if this machine has none of the addresses, or the port is in use on one of them.
    """
    addresses = _addresses(host)
    for _ in range(_MAX_ATTEMPTS if port == 0 else 1):
        try:
            return _listen_on(addresses, port)
        except OSError as exc:
            if exc.errno != errno.EADDRINUSE:
                raise
            taken = exc
    raise taken


def _listen_on(addresses: list[str], port: int) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for address in addresses:
            try:
                listeners.append(listen(address, port))
            except OSError as exc:
                if exc.errno not in _ADDRESS_UNAVAILABLE:
                    raise
                missing = exc
            else:
                port = listeners[0].getsockname()[1]
        if not listeners and missing is not None:
            raise missing
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _addresses(host: str) -> list[str]:
    """Return the addresses of a host. `localhost` has both, although many hosts files name only one."""
    if host.lower() == "localhost":
        return [_LOOPBACK, "::1"]
    try:
        found = ip_address(host)
    except ValueError:
        known = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in known))
    return [found.compressed if isinstance(found, IPv6Address) else host]


def http_url(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
