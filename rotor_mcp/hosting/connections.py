"""Limits for connections, before a request is complete: uvicorn has none for those that are idle or slow."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 800
"""Connections that a process holds if some of them are idle."""
MAX_BUSY_CONNECTIONS = 1_000
"""Connections that a process holds if none is idle; requests of more get 503. Most systems let a process
open 1,024 files."""
HEAD_TIMEOUT_SECONDS = 15.0
"""For the head of a request: from the start of the connection, or from its first byte."""
SEND_TIMEOUT_SECONDS = 30.0
"""For a client to take what is ready to be sent to it."""


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 with limits.

    When there are too many connections, one that is idle is closed: first those that never sent a request,
    then those that have been idle the longest. Connections with a request in hand are never closed for that.
    """

    max_connections = MAX_CONNECTIONS
    head_timeout_seconds = HEAD_TIMEOUT_SECONDS
    send_timeout_seconds = SEND_TIMEOUT_SECONDS

    _idle_since = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, in the place of an idle one if there are too many."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._start_head_timer()
        if len(self.connections) > self.max_connections:
            self._close_idle_connection()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._stop_head_timer()
        self._stop_send_timer()

    @property
    def is_idle(self) -> bool:
        """Whether no request is in hand. One whose head is not complete counts as none."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Take bytes of a client."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self.is_idle:
            self._stop_head_timer()
        elif self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            # They were the rest of a body that nobody waited for: the connection can be used again.
            self._stop_head_timer()
            if self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
        elif self._head_timer is None:
            self._start_head_timer()

    def on_response_complete(self) -> None:
        """Note that a response was sent."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Stop sending: the client does not take what was sent."""
        super().pause_writing()
        self._stop_send_timer()
        self._send_timer = self.loop.call_later(self.send_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on sending."""
        self._stop_send_timer()
        super().resume_writing()

    def _close_idle_connection(self) -> None:
        open_ones = [one for one in self.connections if not one.transport.is_closing()]
        idle = [
            one for one in open_ones if isinstance(one, LimitedProtocol) and one.is_idle and one is not self
        ]
        if idle and len(open_ones) > self.max_connections:
            min(idle, key=lambda one: (one.cycle is not None, one._idle_since)).transport.abort()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_seconds, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
