"""Checks that a file with secrets can be used by its owner and its group only.

The group is allowed: Kubernetes mounts secrets for the group of a pod (`fsGroup`), and a service manager
gives a service a group of its own.
"""

import os
import stat
from pathlib import Path

from rotor_mcp.shell_quoting import command_line


def check_private(file: Path) -> None:
    """Check that not every user of this machine may read or write a file. Only POSIX systems are checked.

    Raises:
        OSError: if the file cannot be examined.
        ValueError: if everybody may use it. The message says how to change that.
    """
    if os.name != "posix":
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ValueError(
            f"every user of this machine can use it (mode {mode:04o}), and it holds secrets: run "
            f"`{command_line(['chmod', 'o=', str(file)])}`, or give a mounted secret the mode 0440"
        )
