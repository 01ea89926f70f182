"""Several processes behind one port, each with its own queue of connections.

With one queue for all, the process that happens to wait first would take most of the connections and keep
them. On Linux each has a socket of its own for the same port, and the kernel spreads what comes over them.
Elsewhere they share one.
"""

import socket
import sys
from collections.abc import Callable

import uvicorn
from uvicorn.supervisors import Multiprocess

from rotor_mcp.listener import listen


def listeners(host: str, port: int, processes: int) -> list[socket.socket]:
    """Take a port for several processes: a socket for each, or one for all.

    Raises:
        OSError: if the port cannot be had.
    """
    if processes == 1 or sys.platform != "linux":
        return [listen(host, port)]
    first = listen(host, port, shared=True)
    port = first.getsockname()[1]
    return [first, *(listen(host, port, shared=True) for _ in range(processes - 1))]


class Processes(Multiprocess):
    """uvicorn's processes, which it starts again when one has died; but each with a socket of its own."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        """Take the sockets: one for each process, or one for all of them."""
        super().__init__(config, sockets)
        self._of_each = sockets if len(sockets) > 1 else sockets * self.processes_num

    def init_processes(self) -> None:
        """Start the processes."""
        number, self.processes_num = self.processes_num, 1
        for own in self._of_each:
            self.sockets = [own]
            super().init_processes()
        self.processes_num = number

    def keep_subprocess_alive(self) -> None:
        """Start those again that have died."""
        self._one_by_one(super().keep_subprocess_alive)

    def restart_all(self) -> None:
        """Put a new process in the place of each."""
        self._one_by_one(super().restart_all)

    def terminate_all(self) -> None:
        """Let them finish. From now on connections are refused, instead of waiting for nobody."""
        for own in self._of_each:
            own.close()
        super().terminate_all()

    def handle_ttin(self) -> None:
        """Do nothing: how many there are is a setting."""

    handle_ttou = handle_ttin

    def _one_by_one(self, action: Callable[[], None]) -> None:
        """Do something to each process as if there were no other, with its own socket."""
        processes = self.processes
        for index, own in enumerate(self._of_each):
            self.processes, self.sockets = [processes[index]], [own]
            action()
            processes[index] = self.processes[0]
        self.processes = processes
