"""The form of log lines, whatever somebody puts into them."""

import ast
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rotor_mcp.config import Settings
from rotor_mcp.log_events import EVENTS, log_fields
from tests.logs import logged
from tests.test_architecture import PACKAGE

LEVELS = {"debug", "info", "warning", "error", "exception", "log"}
"""Methods of a logger; `log_at_once` is a function."""
HOSTILE = 'x"\n{"event": "call_finished"}\r\n2026-11-27 INFO rotor_mcp: \x1b[2J\x9b1A\u2028\u202e\x00\x7f\ud800 é 😀'
values = st.recursive(
    st.text(st.characters(), max_size=300)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(st.text(st.characters(), max_size=2_000), values, values)
@example(HOSTILE, HOSTILE, 10**5_000)
@example("%s %d", "x" * 100_000, [2**53, 2**53 + 1, -(2**64)])
@example("", float("nan"), float("-inf"))
def test_a_json_line_is_one_object_in_printable_ascii(message: str, one: Any, other: Any) -> None:
    with logged(Settings.load({"log_format": "json"})) as stderr:
        token = log_fields.set({"request_id": one})
        logging.getLogger("rotor_mcp.test").warning(
            "%s", message, extra={"event": "library", "reason": other}
        )
        log_fields.reset(token)
        written = stderr.getvalue()
    assert re.fullmatch(r"[ -~]+\n", written)
    line = json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (line["level"], line["event"]) == ("warning", "library")
    assert set(line) == {"time", "level", "event", "message", "request_id", "reason"}
    for text in (line["message"], *strings([line["request_id"], line["reason"]])):
        text.encode()  # without halves of characters


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        assert len(value) <= 201
    for item in value if isinstance(value, list) else []:
        yield from strings(item)


@given(st.text(st.characters(), max_size=2_000))
@example(HOSTILE)
def test_a_text_line_is_one_line(message: str) -> None:
    with logged(Settings.load({"log_format": "text"})) as stderr:
        try:
            raise ValueError(message)  # noqa: TRY301
        except ValueError:
            logging.getLogger("rotor_mcp.test").exception("%s", message)
        lines = stderr.getvalue().split("\n")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ERROR rotor_mcp\.test: ", lines[0])
    assert all(line.startswith("  ") for line in lines[1:-1])
    assert all(line.isprintable() for line in lines)


KEY = "rotor_k3y1d_s3cr3tpart"


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_key_is_in_no_field(log_format: str) -> None:
    with logged(Settings.load({"api_key": KEY, "log_format": log_format})) as stderr:
        for number in range(5):
            said = [KEY if place == number else "nothing" for place in range(5)]
            token = log_fields.set({"request_id": said[0]})
            try:
                exec(f"def {said[1]}(): raise ValueError\n{said[1]}()")
            except ValueError:
                logging.getLogger("rotor_mcp.test").exception(
                    "%s",
                    said[2],
                    extra={"event": "library", "reason": ValueError(said[3]), "rows": [1, [said[4]]]},
                )
            log_fields.reset(token)
        written = stderr.getvalue()
    assert "s3cr3tpart" not in written
    assert written.count("«API key»" if log_format == "text" else r"\u00abAPI key\u00bb") >= (
        2 if log_format == "text" else 5
    )


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_has_no_text_of_an_exception(log_format: str) -> None:
    with logged(Settings.load({"log_format": log_format})) as stderr:
        try:
            try:
                raise KeyError("(612) 555-0142")  # noqa: TRY301
            except KeyError as exc:
                raise ExceptionGroup("Dana", [ValueError("Whitfield")]) from exc
        except ExceptionGroup:
            logging.getLogger("rotor_mcp.test").exception("it broke")
        written = stderr.getvalue()
    for name in ("KeyError", "ValueError", "ExceptionGroup", "test_log_setup.py"):
        assert name in written
    # Lines of the source are in a traceback, with what stands in them.
    assert "Dana\n" not in written.replace("\\n", "\n")
    assert "KeyError: " not in written


def test_a_message_that_does_not_fit_its_arguments_is_written() -> None:
    with logged(Settings.load({"log_format": "json"})) as stderr:
        logging.getLogger("some.library").warning("%d of %d", "one")  # noqa: PLE1206
        line = json.loads(stderr.getvalue())
    assert (line["event"], line["logger"], line["message"]) == (
        "library",
        "some.library",
        "%d of %d (its arguments do not fit)",
    )


def test_extras_of_libraries_are_left_out() -> None:
    with logged(Settings.load({"log_format": "json"})) as stderr:
        logging.getLogger("uvicorn.error").warning(
            "slow", extra={"color_message": "\x1b[1mslow", "event_": 1}
        )
        line = json.loads(stderr.getvalue())
    assert set(line) == {"time", "level", "event", "message", "logger"}


def log_calls(path: Path) -> Iterator[ast.Call]:
    """The calls that write a log line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "log_at_once") or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and (
                getattr(node.func.value, "id", "") == "logger" or "getLogger" in ast.unparse(node.func.value)
            )
        ):
            yield node


def test_every_line_has_an_event_that_is_declared_and_every_event_a_line() -> None:
    found = set()
    standard = {*logging.makeLogRecord({}).__dict__, "message", "asctime"}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "sandbox" in path.parts:  # which knows nothing of this package; its one line counts as a library's
            continue
        for call in log_calls(path):
            extras = [word.value for word in call.keywords if word.arg == "extra"]
            assert extras, f"{path}:{call.lineno}"
            fields = extras[0]
            if isinstance(fields, ast.Dict):
                keys = [ast.literal_eval(key) for key in fields.keys if key is not None]
                assert keys[0] == "event", f"{path}:{call.lineno}"
                assert not standard.intersection(keys), f"{path}:{call.lineno}"
                found.add(ast.literal_eval(fields.values[0]))
            else:
                found |= set(re.findall(r'"event": "(\w+)"', path.read_text("utf-8")))
    assert found == set(EVENTS) - {"library"}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_id_of_a_message_forges_no_line(log_format: str) -> None:
    """Over standard input and output, the client chooses the ids."""
    ids = [HOSTILE.replace("\ud800", ""), "x" * 100_000, 10**4_000, 7]
    call = {"method": "tools/call", "params": {"name": "search_leads", "arguments": {"search": "jane"}}}
    start = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    }
    lone = (
        r'{"jsonrpc": "2.0", "id": "\ud800", "method": "tools/call", "params": {"name": "nobody\n\u001b[2J"}}'
    )
    sys.set_int_max_str_digits(5_000)
    messages = [
        json.dumps(start),
        *(json.dumps({"jsonrpc": "2.0", "id": each, **call}) for each in ids),
        lone,
    ]
    sys.set_int_max_str_digits(4_300)
    ended = subprocess.run(
        [sys.executable, "-m", "rotor_mcp", "--sandbox", "--log-level", "debug", "--log-format", log_format],
        input="\n".join([*messages, ""]).encode(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    written = ended.stderr.decode("ascii" if log_format == "json" else "utf-8")
    assert written.replace("\n", "").isprintable()
    if log_format == "json":
        lines = [json.loads(line) for line in written.splitlines()]
        assert {line["event"] for line in lines} <= set(EVENTS)
        assert all(len(line) < 16_384 for line in written.splitlines())
        assert 7 in [line.get("request_id") for line in lines if line["event"] == "call_finished"]
    else:
        assert all(re.match(r"\d{4}-|  ", line) for line in written.splitlines())
