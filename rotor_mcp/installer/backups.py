"""Backups of a client's configuration, written beside it before it is changed."""

import os
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path


def create_backup(file: Path, content: bytes) -> Path:
    """Write a backup that only its owner can read. It never overwrites another one.

    Raises:
        OSError: if it cannot be written.
    """
    stamp = f"{datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    for number in count(1):
        backup = file.with_name(f"{file.name}.{stamp}{f'-{number}' if number > 1 else ''}.bak")
        try:
            # It may contain keys, also those of other servers.
            handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        return backup
    raise AssertionError("there is always one more number")


def read_backups(file: Path) -> Iterator[bytes]:
    """Yield the contents of a file's backups, latest first. Those that cannot be read are skipped."""
    for backup in sorted(file.parent.glob(f"{file.name}.*.bak"), reverse=True):
        try:
            yield backup.read_bytes()
        except OSError:
            continue
