import io
import os

import pytest

from rotor_mcp.terminal import fit, text_columns, wrap
from tests.conftest import posix
from tests.import_export.terminals import Terminal

TEXT = "  row 3, invalid: no phone number that could exist\nWorth knowing:"


@pytest.mark.parametrize("stream", [io.StringIO(), None], ids=["file", "closed"])
def test_text_for_no_terminal_stays_as_it_is(stream: io.StringIO | None) -> None:
    assert (text_columns(stream), fit(TEXT, stream)) == (None, TEXT)


@posix
@pytest.mark.parametrize(("columns", "used"), [(80, 79), (200, 199), (41, 40), (20, 40), (0, 79)])
def test_the_columns_of_a_terminal(columns: int, used: int) -> None:
    with Terminal(columns) as terminal, os.fdopen(os.dup(terminal.inside), "w") as stream:
        assert text_columns(stream) == used


@posix
def test_text_is_wrapped_between_words() -> None:
    with Terminal(41) as terminal, os.fdopen(os.dup(terminal.inside), "w") as stream:
        assert (
            fit(TEXT, stream) == "  row 3, invalid: no phone number that\n      could exist\nWorth knowing:"
        )


@pytest.mark.parametrize(
    ("line", "indent", "wrapped"),
    [
        ("", None, ""),
        ("alpha beta gamma", None, "alpha beta\n    gamma"),
        ("alpha beta gamma", "", "alpha beta\ngamma"),
        ("  alpha beta", None, "  alpha\n      beta"),
        ("well-known words", "", "well-known\nwords"),
        ("abcdefghijklmn", "", "abcdefghijk\nlmn"),
    ],
)
def test_a_line_becomes_several(line: str, indent: str | None, wrapped: str) -> None:
    assert wrap(line, 11, indent) == wrapped
