"""Limits on idle and slow connections, which uvicorn lacks."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 800
"""Connections of a process beyond which idle ones are closed."""
MAX_BUSY_CONNECTIONS = 1_000
"""Connections of a process beyond which requests get 503. Most systems let a process open 1,024 files."""
HEAD_TIMEOUT_SECONDS = 15.0
"""Time to receive the head of a request, from the start of the connection or from its first byte."""
SEND_TIMEOUT_SECONDS = 30.0
"""Time for a client to read data that is ready to be sent."""


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 with timeouts and a limit on connections.

    Beyond the limit an idle connection is closed: first those that never sent a request, then the longest
    idle. A connection with a request in progress is not closed.
    """

    max_connections = MAX_CONNECTIONS
    head_timeout_seconds = HEAD_TIMEOUT_SECONDS
    send_timeout_seconds = SEND_TIMEOUT_SECONDS

    _idle_since = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._start_head_timer()
        if len(self.connections) > self.max_connections:
            self._close_idle_connection()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._stop_head_timer()
        self._stop_send_timer()

    @property
    def is_idle(self) -> bool:
        """Whether no request is in progress. A request begins when its head is complete."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self.is_idle:
            self._stop_head_timer()
        elif self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            # The rest of a body that was not read: the connection can be used again.
            self._stop_head_timer()
            if self.timeout_keep_alive_task is None:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
        elif self._head_timer is None:
            self._start_head_timer()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start the timeout of a client that does not read."""
        super().pause_writing()
        self._stop_send_timer()
        self._send_timer = self.loop.call_later(self.send_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_send_timer()
        super().resume_writing()

    def _close_idle_connection(self) -> None:
        others = [c for c in self.connections if not c.transport.is_closing() and c is not self]
        idle = [c for c in others if isinstance(c, LimitedProtocol) and c.is_idle]
        if idle and len(others) >= self.max_connections:
            min(idle, key=lambda c: (c.cycle is not None, c._idle_since)).transport.abort()

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
