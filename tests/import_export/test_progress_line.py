"""How far an import or an export is, on terminals of all widths."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from inline_snapshot import snapshot

from rotor_mcp.import_export.progress_line import ProgressLine
from tests.conftest import posix
from tests.import_export.terminals import Terminal

STEPS = [(0, 5_000), (1, 5_000), (1_200, 5_000), (5_000, 5_000)]


@contextmanager
def errors_on_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Put standard error on a terminal."""
    with (
        Terminal(columns) as terminal,
        os.fdopen(terminal.inside, "w", closefd=False) as stream,
        monkeypatch.context() as patch,
    ):
        patch.setattr(sys, "stderr", stream)
        patch.setenv("TERM", "xterm")
        yield terminal


@posix
@pytest.mark.parametrize("columns", [0, 20, 40, 80, 200])
def test_it_fits_and_clears_itself(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 0.0, 0.5, 60.0, 300.0])
    spent = iter([3, 4, 1_300, 5_678])
    with errors_on_a_terminal(columns, monkeypatch) as terminal:
        with ProgressLine(lambda: next(spent), clock=lambda: next(seconds)) as line:
            for done, total in STEPS:
                line.show(done, total)
        lines = terminal.lines()
    assert list(dict.fromkeys(lines)) == SHOWN[columns]
    assert lines[-1] == ""


SHOWN: dict[int, list[str]] = snapshot(
    {
        0: [
            "",
            "0/5,000 leads, 3 requests",
            "1/5,000 leads, 4 requests",
            "1,200/5,000 leads, 1,300 requests, 0:03:10 left",
            "5,000/5,000 leads, 5,678 requests",
        ],
        20: ["", "0/5,000 leads", "1/5,000 leads", "1,200/5,000 leads", "5,000/5,000 leads"],
        40: [
            "",
            "0/5,000 leads, 3 requests",
            "1/5,000 leads, 4 requests",
            "1,200/5,000 leads, 1,300 requests",
            "5,000/5,000 leads, 5,678 requests",
        ],
        80: [
            "",
            "0/5,000 leads, 3 requests",
            "1/5,000 leads, 4 requests",
            "1,200/5,000 leads, 1,300 requests, 0:03:10 left",
            "5,000/5,000 leads, 5,678 requests",
        ],
        200: [
            "",
            "0/5,000 leads, 3 requests",
            "1/5,000 leads, 4 requests",
            "1,200/5,000 leads, 1,300 requests, 0:03:10 left",
            "5,000/5,000 leads, 5,678 requests",
        ],
    }
)


@posix
def test_a_terminal_that_becomes_narrower(monkeypatch: pytest.MonkeyPatch) -> None:
    with errors_on_a_terminal(80, monkeypatch) as terminal:
        with ProgressLine(lambda: 3) as line:
            line.show(1_200, 5_000)
            before = terminal.lines()
            terminal.resize(12)
            line.show(1_201, 5_000)
        lines = terminal.lines()
    assert (before[-1], lines) == (
        "1,200/5,000 leads, 3 requests",
        ["", "1,201/5,000", "1,201/5,000", "", ""],
    )


@posix
def test_nothing_is_shown_where_it_would_be_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with errors_on_a_terminal(80, monkeypatch) as terminal:
        with ProgressLine(lambda: 3, hidden=True) as line:
            line.show(1, 2)
        assert terminal.said() == ""


@posix
def test_a_terminal_that_cannot_replace_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the shell of Emacs."""
    with errors_on_a_terminal(80, monkeypatch) as terminal:
        monkeypatch.setenv("TERM", "dumb")
        with ProgressLine(lambda: 3) as line:
            line.show(1, 2)
        assert terminal.said() == ""


@pytest.mark.parametrize("errors", [io.StringIO(), None], ids=["file", "closed"])
def test_nothing_is_shown_without_a_terminal(
    errors: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", errors)
        with ProgressLine(lambda: 3) as line:
            line.show(1, 2)
    assert errors is None or errors.getvalue() == ""
