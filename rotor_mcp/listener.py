"""A port on which something is served."""

import socket

_LOOPBACK = "127.0.0.1"


def listen(host: str = _LOOPBACK, port: int = 0, *, shared: bool = False) -> socket.socket:
    """Take a port, a free one if it is 0. From now on connections queue up for whoever serves.

    Args:
        host: address of this machine.
        port: to take.
        shared: whether other sockets may take the same port, if they want to share it as well.

    Raises:
        OSError: if the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, reuse_port=shared)
    # asyncio does this only for sockets that name their protocol. Without it the second packet of an answer
    # waits 40 ms for the first to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(listener: socket.socket) -> str:
    """The web address of a port."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
