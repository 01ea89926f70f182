"""One entry of a YAML text is changed, and no other character."""

import difflib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.installer.errors import CannotEdit, ParseError
from rotor_mcp.installer.yaml import Yaml
from tests.installer.samples import GOOSE

YAML = Yaml()
PATH = ("extensions", "rotor")
ENTRY = {"type": "stdio", "cmd": "/opt/rotor-mcp", "args": ["serve"], "envs": {"ROTOR_API_KEY": "rotor_a_b"}}
BLOCK = """\
  rotor:
    type: stdio
    cmd: /opt/rotor-mcp
    args:
    - serve
    envs:
      ROTOR_API_KEY: rotor_a_b
"""

others = st.sampled_from(
    [
        "GOOSE_MODEL: gpt\n",
        'quoted: "a: b # c"\n',
        "text: |\n  extensions:\n    rotor: 1\n",
        "folded: >-\n  a\n\n  b\n",
        "list:\n- a\n-   b: 1\n",
        "flow: {a: [1, 2], b: {}}\n",
        "anchored: &x {a: 1}\n",
        "empty:\n",
    ]
)
gaps = st.sampled_from(["", "\n", "# about what follows\n", "\n\n  # indented\n"])
members = st.lists(
    st.sampled_from(
        [
            "a:\n  cmd: x # last\n",
            "b: {cmd: y}\n",
            "c:\n  description: |\n    two\n    lines\n",
            "d:\n  args:\n  - one\n\n  # inside\n  cmd: z\n",
            "'e f': null\n",
        ]
    ),
    unique=True,
    max_size=3,
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A configuration as Goose or a person writes it, without our entry."""
    before, after = draw(st.lists(others, unique=True, max_size=2)), draw(gaps)
    indent = draw(st.sampled_from(["  ", "    "]))
    found = draw(members)
    section = draw(st.sampled_from(["", "extensions:\n", "extensions: {}\n"]))
    if found:
        lines = "".join(found).splitlines()
        section = "extensions:\n" + "".join(f"{indent}{line}\n" if line else "\n" for line in lines)
    parts = [part for text in before for part in (draw(gaps), text)]
    text = "".join([*parts, draw(gaps), section, after])
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    without_end = text.rstrip("\r\n")
    # The last line break of a text in a block is part of its value.
    return without_end if draw(st.booleans()) and YAML.read(without_end) == YAML.read(text) else text


@given(documents())
def test_an_entry_is_put_in_and_nothing_else_changes(text: str) -> None:
    after = YAML.put(text, PATH, ENTRY)
    value, expected = YAML.read(after), YAML.read(text)
    assert value == {**expected, "extensions": {**expected.get("extensions", {}), "rotor": ENTRY}}
    differences = difflib.ndiff(text.splitlines(), after.splitlines())
    assert {line for line in differences if line.startswith("-")} <= {"- extensions:", "- extensions: {}"}
    assert YAML.put(after, PATH, ENTRY) == after


@given(documents())
def test_an_entry_that_came_goes(text: str) -> None:
    taken = YAML.take(YAML.put(text, PATH, ENTRY), PATH)
    value, expected = YAML.read(taken), YAML.read(text)
    assert {**value, "extensions": None} == {**expected, "extensions": None}
    assert value.get("extensions", {}) == expected.get("extensions", {})
    if expected.get("extensions"):
        assert taken.rstrip("\r\n") == text.rstrip("\r\n")


def test_the_place_of_an_entry() -> None:
    after = YAML.put(GOOSE, PATH, ENTRY)
    assert after == GOOSE.replace("    type: stdio\n\n# last", f"    type: stdio\n{BLOCK}\n# last")
    assert YAML.take(after, PATH) == GOOSE
    changed = YAML.put(after, PATH, {"cmd": "/other"})
    assert changed == after.replace(BLOCK, "  rotor:\n    cmd: /other\n")
    assert YAML.put("", PATH, {"cmd": "x"}) == "extensions:\n  rotor:\n    cmd: x\n"


def test_values_stay_on_their_lines_and_are_quoted_where_they_must_be() -> None:
    entry = {"cmd": "C:\\Program Files\\x: y\\" + "a" * 200, "envs": {"ON": "yes", "N": "08", "É": "é #1"}}
    after = YAML.put("", PATH, entry)
    assert yaml.safe_load(after)["extensions"]["rotor"] == entry
    assert len(after.splitlines()) == 7


@pytest.mark.parametrize(
    "text", ["a: [", "\ta: 1", "a: 1\n b: 2", "a: &a\nb: *c", "- " * 5_000, "a: 1\na: 2"]
)
def test_a_text_that_is_no_yaml(text: str) -> None:
    with pytest.raises(ParseError):
        YAML.read(text)


def test_a_section_in_braces_is_left() -> None:
    text = "extensions: {a: {cmd: x}, rotor: {cmd: y}}\n"
    with pytest.raises(CannotEdit, match="written in a way that this command does not change"):
        YAML.put(text, PATH, ENTRY)
    with pytest.raises(CannotEdit, match="written in a way that this command does not change"):
        YAML.take(text, PATH)


def test_what_is_not_there_is_not_taken() -> None:
    assert YAML.take(GOOSE, PATH) == GOOSE
    assert YAML.take("", PATH) == ""
