"""Proxies that stand for the rest of the network: whatever host is asked for, they answer in its place."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import trustme

Handler = Callable[[socket.socket], None]

ANSWER = b'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"status":"success"}'


def until(connection: socket.socket, end: bytes) -> bytes:
    """Receive until the end is there, or nothing comes any more."""
    received = b""
    while not received.endswith(end):
        if not (part := connection.recv(1)):
            break
        received += part
    return received


class Rotor:
    """Speaks TLS as one host, behind proxies of two kinds, and notes what was asked for."""

    def __init__(self, authority: trustme.CA, host: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host).configure_cert(self._context)
        self.asked: list[str] = []

    def behind_socks(self, connection: socket.socket) -> None:
        """Answer behind a SOCKS5 proxy that asks for no password."""
        connection.recv(1)
        connection.recv(connection.recv(1)[0])
        connection.sendall(b"\x05\x00")
        connection.recv(4)
        host = connection.recv(connection.recv(1)[0]).decode()
        port = int.from_bytes(connection.recv(2), "big")
        self.asked.append(f"{host}:{port}")
        connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        self._answer(connection)

    def behind_http(self, connection: socket.socket) -> None:
        """Answer behind an HTTP proxy."""
        request = until(connection, b"\r\n\r\n").decode()
        self.asked.append(" ".join(request.split()[:2]))
        self.asked += [line for line in request.splitlines() if line.lower().startswith("proxy-auth")]
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secure:
            self.asked.append(until(secure, b"\r\n\r\n").decode().splitlines()[0])
            secure.sendall(ANSWER)


def answering(head: bytes) -> Handler:
    """An HTTP proxy that answers every request to connect in the same way."""

    def handle(connection: socket.socket) -> None:
        until(connection, b"\r\n\r\n")
        connection.sendall(head + b"\r\ncontent-length: 0\r\n\r\n")

    return handle


def refusing_socks(connection: socket.socket) -> None:
    """A SOCKS5 proxy that cannot reach the host."""
    connection.recv(1)
    connection.recv(connection.recv(1)[0])
    connection.sendall(b"\x05\x00")
    connection.recv(300)
    connection.sendall(b"\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00")
