"""A file that is written whole or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def open_atomic(file: Path) -> Iterator[BinaryIO]:
    """Write a file beside the place where it belongs, and put it there when the block ends well.

    Only its owner may read it, where the system knows owners. However the block fails, nothing is left of it,
    and a file that was there before is as it was.

    A symbolic link is followed if it belongs to the same user: anybody else could have put it there, to have
    another file overwritten.

    Raises:
        OSError: if it cannot be written there, or is somebody else's link.
    """
    reject_foreign_symlink(file)
    target = file.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".rotor-mcp-")  # which is private: 0600
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(handle)  # else a power failure might leave the name without the data
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def reject_foreign_symlink(file: Path) -> None:
    """Refuse a symbolic link that belongs to another user, where the system knows users.

    Raises:
        OSError: if it is one.
    """
    if os.name == "posix" and file.is_symlink() and file.lstat().st_uid not in (os.getuid(), 0):
        raise OSError(errno.ELOOP, f"{file.name} is a symbolic link of another user")
