"""One table of a TOML text is changed, and no other character."""

import tomllib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rotor_mcp.installer.errors import CannotEdit, ParseError
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


# What was reported of other programs that edit such files.
COMMENTED = """# of the file
model = "x"

# of the servers
[mcp_servers.docs]
command = "npx"                # behind a value
startup_timeout_sec = 30
not_known_to_us = "stays"

[mcp_servers.docs.tools.delete]
approval_mode = "approve"
"""
NESTED_IN_LISTS = """[[mcp]]
name = "a"

[mcp.headers]
Authorization = "${A}"

[[mcp]]
name = "b"

[mcp.headers]
Authorization = "${B}"
"""


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Texts with each table at most once, in any order."""
    parts = draw(st.lists(pieces, unique=True, max_size=5))
    text = draw(comments) + "".join(part + draw(comments) for part in ['model = "x"\n', *parts])
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@given(documents())
@example(COMMENTED)
@example(NESTED_IN_LISTS)
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


def test_a_date_is_written_again() -> None:
    server = tomllib.loads("since = 2026-01-02")
    assert tomllib.loads(TOML.show(ROTOR, server))["mcp_servers"]["rotor"] == server


ENTRY = '[mcp_servers.rotor]\ncommand = "/old"\n'
NEW = '[mcp_servers.rotor]\ncommand = "/new"\n'


@pytest.mark.parametrize(
    ("before", "entry", "behind"),
    [
        # tomlkit issue 217: the table around one that was taken out gets a header.
        ("[mcp_servers.docs]\nx = 1\n", ENTRY, "# behind\n"),
        # tomlkit pull requests 558 and 588: what follows a dotted key is taken into a table.
        ("a.b = 1\na.c.d = 2\nz = 3\n", ENTRY, "\n[t]\na.b = 1\nz = 2\n"),
        # tomlkit issue 577: a later part of an array's item cannot be read.
        ("[[y.a]]\n[b.d.x]\n[[y.a.c]]\n", ENTRY, ""),
        # Arrays of tables between other tables are written in another order.
        ("[mcp_servers.docs]\n[[l]]\na = [\n[[1]],\n]\n", ENTRY, "[[l]]\n\n[mcp_servers.z]\n"),
        ("\t[tui]\n\tx = 1\n", ENTRY, "\t# behind\n\t[z]\n"),
        ("", f"{ENTRY}[[mcp_servers.rotor.list]]\nx = 1\n", "# behind\n"),
        ("", f"{ENTRY}# in it\n[mcp_servers.rotor.env]\nA = 1\n", "\n# behind"),
        ("[mcp_servers]\n# before\n", ENTRY, ""),
        ("", "[ 'mcp_servers' . \"rotor\" ] # in it\n", "# behind\n"),
    ],
)
def test_nothing_but_the_table_is_touched(before: str, entry: str, behind: str) -> None:
    text = before + entry + behind
    assert TOML.put(text, ROTOR, {"command": "/new"}) == before + NEW + behind
    assert TOML.take(text, ROTOR) == before + behind


def test_a_table_in_several_places() -> None:
    text = f"{ENTRY}\n[tui]\nx = 1\n\n[mcp_servers.rotor.env]\nA = 1\n# behind\n[mcp_servers.z]\n"
    rest = "\n[tui]\nx = 1\n# behind\n[mcp_servers.z]\n"
    assert TOML.put(text, ROTOR, {"command": "/new"}) == NEW + rest
    assert TOML.take(text, ROTOR) == rest


@pytest.mark.parametrize(
    "text",
    [
        # tomlkit issue 571: it takes this for a table that is there twice.
        f"{ENTRY}[tool.ruff]\n[tool.ruff.lint.a]\n[tool.ruff.lint]\n[other]\n[tool.ruff.lint.b]\n",
        # It writes [l.s] before our table.
        f"[[l]]\n{ENTRY}[a]\n[l.s]\n",
    ],
)
def test_what_tomlkit_does_not_keep_is_left_as_it_is(text: str) -> None:
    with pytest.raises(CannotEdit, match="to be put in by hand"):
        TOML.put(text, ROTOR, {"command": "/new"})
    with pytest.raises(CannotEdit, match="to be put in by hand"):
        TOML.take(text, ROTOR)
    # Where there is no entry yet, nothing is in its way.
    other = ("mcp_servers", "other")
    assert TOML.put(text, other, {}) == f"{text}\n[mcp_servers.other]\n"
    assert TOML.take(text, other) == text
