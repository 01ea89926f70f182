"""Changes a token file: the whole change or nothing, and one change after another."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rotor_mcp.atomic_file import open_atomic
from rotor_mcp.private_file import check_private

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]


def edit_token_file(file: Path, change: Callable[[str], str]) -> None:
    """Replace the text of a token file by what `change` makes of it.

    A new file is its owner's only. An existing file keeps its mode, and its owner where that is possible.

    Raises:
        OSError: if the file cannot be read or written.
        ValueError: if everybody can read it, or `change` raises it.
    """
    with _alone(file.resolve().parent):
        before = file.stat() if file.exists() else None
        text = ""
        if before is not None:
            check_private(file)
            text = file.read_bytes().decode()
        changed = change(text)
        with open_atomic(file) as stream:
            if before is not None and os.name == "posix":
                with suppress(PermissionError):  # only root may give a file away
                    os.fchown(stream.fileno(), before.st_uid, before.st_gid)
                os.fchmod(stream.fileno(), stat.S_IMODE(before.st_mode))
            stream.write(changed.encode())


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for other commands that change a file in the folder. The file itself is replaced by a change."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
