"""An audit log that cannot be written: calls go on, and the log says what is missing."""

import json
import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rotor_mcp.events import CallFinished, CallSummary, WriteEvent
from rotor_mcp.hosting.audit import Audit
from rotor_mcp.sandbox import Sandbox
from tests.conftest import posix, text
from tests.hosting.serving import calling, hosted

pytestmark = [posix, pytest.mark.anyio]

DANA = {"name": "Dana", "phone": "612-555-0142"}


def finished(lead: str, writes: int = 1) -> CallFinished:
    summary = CallSummary("upsert_lead", "updated", 2, 0.1)
    return CallFinished("token:ann", "c0mpany", summary, [WriteEvent(lead, ("stage",), "updated")] * writes)


def reported(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_calls_go_on_when_the_disk_is_full(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "audit.jsonl"
    async with hosted(sandbox.transport, {"audit_file": file}) as url, calling(url) as client:
        file.unlink()
        file.symlink_to("/dev/full")
        assert text(await client.call_tool("upsert_lead", DANA)).startswith("Created Dana")
        for stage in ("Quoted", "Won", "Lost"):
            updated = await client.call_tool("upsert_lead", DANA | {"stage": stage})
            assert text(updated).startswith("Updated Dana")
        full = [f"1 writes could not be noted in {file}: No space left on device"]
        assert reported(caplog) == full, "once a minute"
        file.unlink()
        assert text(await client.call_tool("upsert_lead", DANA | {"stage": "New"})).startswith("Updated Dana")
    assert len(file.read_text().splitlines()) == 1
    assert reported(caplog) == [*full, f"3 writes could not be noted in {file}: No space left on device"]


@pytest.mark.parametrize("kind", ["directory", "named pipe", "nowhere"])
def test_a_file_that_becomes_something_else(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A named pipe that nobody reads must not hold up the server."""
    file = tmp_path / "log" / "audit.jsonl"
    file.parent.mkdir()
    audit = Audit(file)
    file.unlink()
    match kind:
        case "directory":
            file.mkdir()
            reason = "Is a directory"
        case "named pipe":
            os.mkfifo(file)
            reason = "No such device or address"
        case _:
            file.parent.rmdir()
            reason = "No such file or directory"

    audit.call_finished(finished("1", writes=2))
    audit.call_finished(finished("2"))
    assert reported(caplog) == [f"2 writes could not be noted in {file}: {reason}"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as if the disk were full there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_line_that_was_cut_spoils_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "audit.jsonl"
    audit = Audit(file)
    audit.call_finished(finished("1"))
    with largest_file(file.stat().st_size + 20):
        audit.call_finished(finished("2"))
    audit.call_finished(finished("3"))
    first, cut, third = file.read_text().splitlines()
    assert [json.loads(line)["lead"] for line in (first, third)] == ["1", "3"]
    assert len(cut) == 20
    assert reported(caplog) == [
        f"1 writes could not be noted in {file}: only a part of the lines could be written"
    ]
