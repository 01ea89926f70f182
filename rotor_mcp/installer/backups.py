"""Copies of a client's configuration, kept beside it before it is changed."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path


def create_backup(file: Path, content: bytes) -> Path:
    """Write a copy that no other backup has to make room for, with the permissions of the file itself.

    Raises:
        OSError: if it cannot be written there.
    """
    stamp = f"{datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    for number in count(1):
        backup = file.with_name(f"{file.name}.{stamp}{f'-{number}' if number > 1 else ''}.bak")
        try:
            # Private until it has the permissions of the file: it may hold keys.
            handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        shutil.copymode(file, backup)
        return backup
    raise AssertionError("there is always one more number")


def read_backups(file: Path) -> Iterator[bytes]:
    """What the backups of a file hold, the latest first; those that cannot be read are passed over."""
    for backup in sorted(file.parent.glob(f"{file.name}.*.bak"), reverse=True):
        try:
            yield backup.read_bytes()
        except OSError:
            continue
