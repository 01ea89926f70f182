"""One value of a JSON text is changed, and no other character."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotor_mcp.installer.errors import ParseError
from rotor_mcp.installer.jsonc_edit import Json
from rotor_mcp.installer.jsonc_parse import Grammar
from tests.installer.samples import SERVER

STRICT = Json(Grammar())
JSONC = Json(Grammar(comments=True, trailing_commas=True))

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["//", "/*", "}"])
names = st.sampled_from(["a", "b", "mcpServers", "rotor", "//", '"', "é", "{", ","]) | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(names, values, max_size=4)
gaps = st.sampled_from(
    [
        "",
        "",
        " ",
        "\n",
        "\r\n",
        "\n\t",
        "\n  ",
        " // c, }\n",
        "/* { */",
        "\n// x\r\n ",
        " /* a\n b */ ",
        "\t",
        "\r",
    ]
)


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as somebody may write it, with space, comments and commas anywhere they may be."""

    def gap() -> str:
        return draw(gaps)

    def write(item: Any) -> str:
        if not isinstance(item, dict | list) or (isinstance(item, list) and not item):
            return json.dumps(item, ensure_ascii=draw(st.booleans()))
        pieces = (
            [f"{json.dumps(key)}{gap()}:{gap()}{write(member)}" for key, member in item.items()]
            if isinstance(item, dict)
            else [write(member) for member in item]
        )
        opening, closing = "{}" if isinstance(item, dict) else "[]"
        body = ",".join(f"{gap()}{piece}{gap()}" for piece in pieces)
        if not pieces:
            return opening + gap() + closing
        return opening + body + (f",{gap()}" if draw(st.booleans()) else "") + closing

    return f"{gap()}{write(value)}{gap()}"


@st.composite
def documents(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    value = draw(objects)
    if draw(st.booleans()):
        value |= {"mcpServers": draw(objects)}
    return value, draw(written(value))


@given(documents())
def test_a_text_reads_as_its_value(document: tuple[dict[str, Any], str]) -> None:
    value, text = document
    assert JSONC.read(text) == value


@given(values)
def test_what_json_writes_is_read(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, indent="\t"), json.dumps(value, separators=(",", ":"))):
        assert json.dumps(STRICT.read(text)) == json.dumps(value)


@given(st.text('{}[]",:/*\\\n 1ea-.tru\x01', max_size=12))
def test_what_json_refuses_is_refused(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=lambda _: 1 / 0)
    except ValueError:
        assume(text.strip(" \t\r\n"))
        with pytest.raises(ParseError):
            STRICT.read(text)
    else:
        assert STRICT.read(text) == expected


@given(documents())
def test_an_entry_is_put_in_and_nothing_else_changes(document: tuple[dict[str, Any], str]) -> None:
    value, text = document
    assume(isinstance(value.get("mcpServers", {}), dict))
    after = JSONC.put(text, ("mcpServers", "rotor"), SERVER)
    assert JSONC.read(after) == {**value, "mcpServers": {**value.get("mcpServers", {}), "rotor": SERVER}}
    assert is_spread(text, after) or "rotor" in value.get("mcpServers", {})
    assert JSONC.put(after, ("mcpServers", "rotor"), SERVER) == after


@given(documents())
def test_an_entry_that_came_goes_without_a_trace(document: tuple[dict[str, Any], str]) -> None:
    value, text = document
    servers = value.get("mcpServers")
    assume(isinstance(servers, dict) and servers and "rotor" not in servers)
    after = JSONC.put(text, ("mcpServers", "rotor"), SERVER)
    assert JSONC.take(after, ("mcpServers", "rotor")) == text


@given(documents(), st.integers(0, 3))
def test_any_member_is_taken_out_and_nothing_else(document: tuple[dict[str, Any], str], number: int) -> None:
    value, text = document
    assume(len(value) > number)
    key = list(value)[number]
    after = JSONC.take(text, (key,))
    assert JSONC.read(after) == {name: item for name, item in value.items() if name != key}
    assert is_spread(after, text)


@given(documents(), objects)
def test_a_value_is_replaced(document: tuple[dict[str, Any], str], wanted: dict[str, Any]) -> None:
    value, text = document
    after = JSONC.put(text, ("mcpServers",), wanted)
    assert JSONC.read(after) == {**value, "mcpServers": wanted}


def is_spread(short: str, long: str) -> bool:
    """Whether all characters of one text are in the other, in their order."""
    rest = iter(long)
    return all(character in rest for character in short)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('{"a": 1}', '{"a": 1, "x": {"y": 2}}'),
        ('{"a": 1,}', '{"a": 1, "x": {"y": 2},}'),
        ("{}", '{\n  "x": {\n    "y": 2\n  }\n}'),
        ("", '{\n  "x": {\n    "y": 2\n  }\n}\n'),
        ('{\n    "a": 1\n}', '{\n    "a": 1,\n    "x": {\n        "y": 2\n    }\n}'),
        ('{\r\n\t"a": 1\r\n}\r\n', '{\r\n\t"a": 1,\r\n\t"x": {\r\n\t\t"y": 2\r\n\t}\r\n}\r\n'),
        ('{\n "a": 1, // one\n // end\n}', '{\n "a": 1, // one\n "x": {\n  "y": 2\n },\n // end\n}'),
        ('{\n "a": 1 // one\n}', '{\n "a": 1, // one\n "x": {\n  "y": 2\n }\n}'),
        ("{ /* none */ }", '{ /* none */\n  "x": {\n    "y": 2\n  }\n }'),
    ],
)
def test_the_style_of_the_file_is_kept(text: str, after: str) -> None:
    assert JSONC.put(text, ("x",), {"y": 2}) == after


def test_only_what_differs_in_an_entry_is_touched() -> None:
    text = '{"x": { /* mine */ "a": 1, "b": {"c": 2 /* two */, "d": 3}, "e": 5}}'
    after = JSONC.put(text, ("x",), {"a": 1, "b": {"c": 2, "d": 4}, "f": 6})
    assert after == '{"x": { /* mine */ "a": 1, "b": {"c": 2 /* two */, "d": 4}, "f": 6}}'


def test_true_is_not_one() -> None:
    assert STRICT.put('{"a": 1}', ("a",), True) == '{"a": true}'


def test_an_item_is_put_at_the_end_and_taken_out() -> None:
    text = '{"inputs": [{"id": "a"}]}'
    after = STRICT.put(text, ("inputs", 1), {"id": "b"})
    assert after == '{"inputs": [{"id": "a"}, {"id": "b"}]}'
    assert STRICT.take(after, ("inputs", 1)) == text
    assert STRICT.put("{}", ("inputs", 0), 1) == '{\n  "inputs": [\n    1\n  ]\n}'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1 "b": 2}', "line 1, column 9: there should be a comma or }"),
        ('{\n  "a": 1,\n}', "line 2, column 9: this client reads no comma before }"),
        ("{\r\n // c\r\n}", "line 2, column 2: this client reads no comments"),
        ('{"a": }', "line 1, column 7: there should be a value"),
        ("{a: 1}", "line 1, column 2: there should be a name in double quotes"),
        ('{"a" 1}', "line 1, column 6: there should be a colon"),
        ('{"a": 1}}', "line 1, column 9: something follows the end"),
        ('{"a": "\\x"}', "line 1, column 7: this value cannot be read"),
        ('{"a": NaN}', "line 1, column 7: there should be a value"),
        ('{"a": 1', "line 1, column 8: there should be a comma or }"),
    ],
)
def test_what_is_wrong_with_a_text(text: str, why: str) -> None:
    with pytest.raises(ParseError) as caught:
        STRICT.read(text)
    assert str(caught.value) == why


def test_a_text_that_is_nested_too_deeply() -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        STRICT.read("[" * 100_000)


def test_a_name_that_is_there_twice() -> None:
    with pytest.raises(ParseError, match="in it twice"):
        STRICT.put('{"a": {}, "a": {}}', ("a", "b"), 1)


def test_something_else_on_the_way() -> None:
    with pytest.raises(ParseError, match="there should be an object where 'b' belongs"):
        STRICT.put('{"a": []}', ("a", "b"), 1)


@given(values)
def test_a_list_of_texts_stays_on_one_line(value: Any) -> None:
    text = STRICT.put("{}", ("x",), value)
    assert STRICT.read(text) == json.loads(text) == {"x": value}


def test_the_form_of_lists() -> None:
    assert STRICT.show(("x",), {"a": ["b", "]"], "c": [], "d": [1]}) == (
        '"x": {\n  "a": ["b", "]"],\n  "c": [],\n  "d": [\n    1\n  ]\n}'
    )
