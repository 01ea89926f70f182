"""Several processes behind one port, each with its own queue of connections.

With one queue for all, the process that happens to wait first would take most of the connections and keep
them. On Linux each has sockets of its own for the same port, and the kernel spreads what comes over them.
Elsewhere they share them. There is a socket for each address of the host.
"""

import socket
import sys
from collections.abc import Callable
from itertools import chain

import uvicorn
from uvicorn.supervisors import Multiprocess

from rotor_mcp.sockets import listen_on_all


def listeners(host: str, port: int, processes: int) -> list[list[socket.socket]]:
    """Take a port for several processes. Returns the sockets of each.

    Raises:
        OSError: if the port cannot be had.
    """
    if processes == 1 or sys.platform != "linux":
        return [listen_on_all(host, port)] * processes
    first = listen_on_all(host, port, shared=True)
    port = first[0].getsockname()[1]
    return [first, *(listen_on_all(host, port, shared=True) for _ in range(processes - 1))]


class Processes(Multiprocess):
    """uvicorn's processes, which it starts again when one has died; but each with sockets of its own."""

    def __init__(self, config: uvicorn.Config, sockets_of_each: list[list[socket.socket]]) -> None:
        """Take the sockets of each process."""
        super().__init__(config, sockets_of_each[0])
        self._of_each = sockets_of_each

    def init_processes(self) -> None:
        """Start the processes."""
        number, self.processes_num = self.processes_num, 1
        for own in self._of_each:
            self.sockets = own
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
        for listener in chain.from_iterable(self._of_each):
            listener.close()
        super().terminate_all()

    def handle_ttin(self) -> None:
        """Do nothing: how many there are is a setting."""

    handle_ttou = handle_ttin

    def _one_by_one(self, action: Callable[[], None]) -> None:
        """Do something to each process as if there were no other, with its own sockets."""
        processes = self.processes
        for index, own in enumerate(self._of_each):
            self.processes, self.sockets = [processes[index]], own
            action()
            processes[index] = self.processes[0]
        self.processes = processes
