"""Files that change while the server runs, and what is used while one cannot be read."""

import logging
import os
import shutil
import time
from pathlib import Path

import pytest

from rotor_mcp.hosting.reloading_file import FileUnavailable, ReloadingFile
from tests.conftest import posix


def parse(text: str) -> str:
    if not text.startswith("good"):
        raise ValueError("does not begin with good")
    return text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_text("good 1", "utf-8")
    path.chmod(0o600)
    return path


def test_a_change_is_read_even_if_time_and_size_stay(file: Path) -> None:
    watched = ReloadingFile(file, parse)
    before = file.stat()
    file.write_text("good 2", "utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watched.read() == "good 2"


@pytest.mark.parametrize("broken", ["", "bad", "good \udcff"])
def test_invalid_content_is_read_again_when_it_is_mended(file: Path, broken: str) -> None:
    watched = ReloadingFile(file, parse)
    file.write_bytes(broken.encode("utf-8", "surrogateescape"))
    assert watched.read() == "good 1"
    file.write_text("good 2", "utf-8")
    assert watched.read() == "good 2"


@posix
def test_an_unreadable_file_is_read_as_soon_as_it_can_be(file: Path, tmp_path: Path) -> None:
    """What makes it readable again changes nothing about the file itself: a mount, a parent's permissions."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(file)
    watched = ReloadingFile(link, parse)
    directory = tmp_path / "directory"
    directory.mkdir()
    link.unlink()
    link.symlink_to(directory)  # can be looked at, and not be read
    assert watched.read() == "good 1"
    link.unlink()
    link.symlink_to(file)  # the very file that was read at first
    assert watched.read() == "good 1"
    shutil.move(file, tmp_path / "away")
    assert watched.read() == "good 1"
    shutil.move(tmp_path / "away", file)
    file.write_text("good 2", "utf-8")
    assert watched.read() == "good 2"


def test_the_failed_reading_is_not_taken_for_the_new_content(file: Path) -> None:
    """A parser may fail for a moment although the file stays as it is."""
    fails = True

    def moody(text: str) -> str:
        if text != "good 1" and fails:
            raise ValueError("not now")
        return parse(text)

    watched = ReloadingFile(file, moody)
    file.write_text("good 2", "utf-8")
    assert watched.read() == "good 1"
    fails = False
    assert watched.read() == "good 2"


def test_the_last_good_content_is_not_used_for_ever(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = ReloadingFile(file, parse, max_stale_seconds=0)
    file.write_text("bad", "utf-8")
    for _ in range(3):
        with pytest.raises(FileUnavailable, match="content cannot be read"):
            watched.read()
    file.unlink()
    with pytest.raises(FileUnavailable):
        watched.read()
    file.write_text("good 2", "utf-8")
    file.chmod(0o600)
    assert watched.read() == "good 2"
    assert [record.levelno for record in caplog.records if "nobody" in record.message] == [logging.ERROR] * 2


def test_a_failure_is_logged_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = ReloadingFile(file, parse)
    file.write_text("bad", "utf-8")
    for _ in range(5):
        watched.read()
    assert [record.message for record in caplog.records] == [
        f"{file}: does not begin with good: its last good content is used for 30 seconds at most"
    ]


def test_a_token_that_was_revoked_in_a_spoiled_file_is_not_good_because_nobody_looked(file: Path) -> None:
    watched = ReloadingFile(file, parse, max_stale_seconds=0.2)
    assert watched.read() == "good 1"
    file.write_text("bad", "utf-8")
    time.sleep(0.25)
    with pytest.raises(FileUnavailable):
        watched.read()
    file.write_text("good 2", "utf-8")
    assert watched.read() == "good 2"


def test_content_that_was_current_a_moment_ago_is_used(file: Path) -> None:
    watched = ReloadingFile(file, parse, max_stale_seconds=5)
    file.unlink()
    assert watched.read() == "good 1"
