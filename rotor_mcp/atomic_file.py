"""Writes a file atomically: all of it or nothing."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def open_atomic(file: Path) -> Iterator[BinaryIO]:
    """Open a temporary file for writing, and rename it to `file` when the block ends without an exception.

    The file has the mode 0600 where the system supports it. If the block fails, the temporary file is deleted
    and an existing file is unchanged.

    A symbolic link is followed only if this user owns it: another user could have created it to have a
    different file overwritten.

    Raises:
        OSError: if the file cannot be written, or is a symbolic link of another user.
    """
    reject_foreign_symlink(file)
    target = file.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".rotor-mcp-")  # with the mode 0600
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(handle)  # otherwise a power failure could leave an empty file
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def reject_foreign_symlink(file: Path) -> None:
    """Check that a path is no symbolic link of another user. Only POSIX systems are checked.

    Raises:
        OSError: if it is such a link.
    """
    if os.name == "posix" and file.is_symlink() and file.lstat().st_uid not in (os.getuid(), 0):
        raise OSError(errno.ELOOP, f"{file.name} is a symbolic link of another user")
