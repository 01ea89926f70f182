"""One table of a TOML text is changed, and no other character."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.installer.errors import ParseError
from rotor_mcp.installer.toml import Toml
from tests.installer.samples import CODEX, SERVER

TOML = Toml()
ROTOR = ("mcp_servers", "rotor")

pieces = st.sampled_from(
    [
        '[mcp_servers.docs]\ncommand = "docs"\n',
        "[tui]\nx = 1 # one\n",
        "[mcp_servers.\"a.b\".env]\nT = '[mcp_servers.rotor]'\n",
        "[[list]]\na = [\n  [1, 2], # in\n]\n",
        "[texts]\na = \"\"\"\n[mcp_servers.rotor]\n\"\"\"\nb = '''\n[x]\n'''\n",
        "[ spaced . out ]\nb = {c = [1]}\n",
    ]
)
comments = st.sampled_from(["", "\n", "# about what follows\n", "\n\n", "  # more\n\n"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Texts with each table at most once, in any order."""
    parts = draw(st.lists(pieces, unique=True, max_size=5))
    text = draw(comments) + "".join(part + draw(comments) for part in ['model = "x"\n', *parts])
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@given(documents())
def test_a_table_is_put_at_the_end_and_goes_without_a_trace(text: str) -> None:
    after = TOML.put(text, ROTOR, SERVER)
    assert after.startswith(text)
    expected = tomllib.loads(text)
    expected.setdefault("mcp_servers", {})["rotor"] = SERVER
    assert tomllib.loads(after) == expected
    assert after.count("\r\n") in (0, after.count("\n"))
    assert TOML.take(after, ROTOR) == text


@given(documents(), documents())
def test_a_table_among_others_is_replaced_and_taken_out(before: str, behind: str) -> None:
    behind = behind.partition('model = "x"')[2].lstrip("\r\n")
    text = TOML.put(before, ROTOR, SERVER).replace("\r\n", "\n") + f"# about what follows\n{behind}"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a table is in both halves
    after = TOML.put(text, ROTOR, {"command": "/new"})
    expected = tomllib.loads(text)
    expected["mcp_servers"]["rotor"] = {"command": "/new"}
    assert tomllib.loads(after) == expected
    assert f"# about what follows\n{behind}".strip() in after
    assert f"# about what follows\n{behind}".strip() in TOML.take(text, ROTOR)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(-9, 9) | st.booleans()))
def test_what_is_written_is_what_is_read(values: dict[str, Any]) -> None:
    server = {"command": "x", "args": ["a", '"'], "startup_timeout_sec": 1.5, "env": values}
    assert tomllib.loads(TOML.show(ROTOR, server))["mcp_servers"]["rotor"] == server


def test_the_file_of_a_person() -> None:
    after = TOML.put(CODEX, ROTOR, SERVER)
    assert (
        after
        == f"""{CODEX}
[mcp_servers.rotor]
command = "/opt/rotor-mcp"
args = ["serve"]

[mcp_servers.rotor.env]
ROTOR_API_KEY = "rotor_k3y_s3cr3tpart"
"""
    )


@pytest.mark.parametrize("text", ["", "# only this", "model = 1"])
def test_files_without_a_line_at_the_end(text: str) -> None:
    assert tomllib.loads(TOML.put(text, ROTOR, SERVER))["mcp_servers"] == {"rotor": SERVER}


def test_what_cannot_be_read() -> None:
    with pytest.raises(ParseError, match="Invalid value"):
        TOML.put("model = ", ROTOR, SERVER)


def test_what_cannot_be_written_again() -> None:
    with pytest.raises(ParseError, match="it holds a date"):
        TOML.show(ROTOR, tomllib.loads("since = 2026-01-02"))
