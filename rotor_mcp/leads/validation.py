"""Validates the arguments of a tool call, and parses them into the tool's model."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rotor_mcp.api.models import NOTES_LIMIT, SENT_NAMES, TAG_LIMIT, TEXT_LIMIT, blanks, is_blank
from rotor_mcp.errors import InvalidArguments
from rotor_mcp.leads.requests import Arguments

Model = TypeVar("Model", bound=Arguments)

_ADDED_BY_CLIENTS = re.compile(
    r"(tool|(tool_)?call|session|chat|conversation|thread|run|request|message|trace|span|execution|workflow"
    r"|invocation|correlation|client|agent)_?(id|ids|name|input|type|uuid)|action|tool|chat_?input|metadata"
)
"""Names that agents and workflow programs add to the arguments of every tool, such as `toolCallId`."""
_NAMES_OF_AN_ID = frozenset({"lead_id", "record_id", "uuid", "lead_uuid"})
_USUAL_NAMES = {
    "search": {"phone", "email", "name", "query", "q", "text", "keyword"},
    "has": {"assigned", "assigned_to", "notes"},
    "lacks": {"missing", "without", "unassigned"},
    "order": {"sort", "sort_by"},
    "count_by": {"aggregate", "breakdown"},
    "not_stage": {"exclude_stage", "stage_not"},
    "limit": {"page_size", "per_page", "max_results"},
    "rows": {"phone", "email", "name", "leads", "records"},
}
"""Argument → names under which callers look for it, and which do not resemble it."""

MAX_ARGUMENTS = 60
"""Limit for a call, known or not. No tool takes half as many."""
MAX_FAULTS = 12
"""Limit of the faults reported for one call or row."""
MAX_CHARS = {
    "notes": NOTES_LIMIT,
    "tags": TAG_LIMIT * TEXT_LIMIT,
    "fields": TAG_LIMIT * TEXT_LIMIT,
    "cursor": 2_000,
    "rows": 1_000_000,
    "ids": 10_000,
    "arguments": 1_000_000,
}
"""Argument → maximum length of its text; `TEXT_LIMIT` for any other."""

_TOO_LARGE = 10**TEXT_LIMIT


def parse(model: type[Model], arguments: Mapping[str, Any]) -> Model:
    """Parse arguments into a tool's model.

    Arguments that a client adds to every tool call are ignored, with a remark.

    Raises:
        InvalidArguments: if an argument is missing, unknown or invalid.
    """
    names = list(model.model_fields)
    if len(arguments) > MAX_ARGUMENTS:
        raise InvalidArguments([f"{len(arguments):,} arguments are given, and this tool takes {len(names)}"])
    given = arguments
    if arguments.keys() == {"arguments"} and "arguments" not in names:
        given = _unwrap(arguments["arguments"], names)
    added = [name for name in given if name not in names and _is_added_by_a_client(name)]
    too_long = _length_faults({name: value for name, value in given.items() if name in names})
    given = {name: value for name, value in given.items() if name not in added and name not in too_long}
    blank = blanks(given)
    try:
        taken = model.model_validate({name: value for name, value in given.items() if name not in blank})
    except ValidationError as exc:
        raise InvalidArguments(_ordered(_faults(exc, names, too_long), names)) from None
    if too_long:
        faults = [(name, f"{name}: {fault}") for name, fault in too_long.items()]
        raise InvalidArguments(_ordered(faults, names))
    if blank:
        taken.note_blanks({name: given[name] for name in blank})
    if added:
        taken.remark(f"not arguments of this tool, ignored: {', '.join(name[:60] for name in added)}")
    return taken


def _ordered(faults: Iterable[tuple[str, str]], names: Sequence[str]) -> list[str]:
    """Return the texts of the first faults in the order of the arguments, unknown arguments last."""
    places = {name: place for place, name in enumerate(names)}
    texts = [text for _, text in sorted(faults, key=lambda fault: places.get(fault[0], len(names)))]
    if len(texts) > MAX_FAULTS:
        texts[MAX_FAULTS:] = [f"and {len(texts) - MAX_FAULTS} more"]
    return texts


def read_object(value: object) -> object:
    """Parse a JSON object that was sent as text, as some clients do; anything else is returned unchanged."""
    if isinstance(value, str):
        try:
            read = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return read if isinstance(read, dict) else value
    return value


def _length_faults(given: Mapping[str, object]) -> dict[str, str]:
    """Return argument → why it is too long. Only lengths are examined."""
    faults: dict[str, str] = {}
    for name, value in given.items():
        most = MAX_CHARS.get(name, TEXT_LIMIT)
        match value:
            case str() if len(value) > most:
                faults[name] = f"{len(value):,} characters, at most {most:,} are allowed"
            case int() if abs(value) >= _TOO_LARGE:
                faults[name] = f"a number of more than {TEXT_LIMIT} digits"
            case list() if name != "rows" and len(value) > TAG_LIMIT:
                faults[name] = f"{len(value):,} are given, at most {TAG_LIMIT} are allowed"
            case list() if name != "rows" and any(
                isinstance(item, str) and len(item) > TEXT_LIMIT for item in value
            ):
                faults[name] = f"one of them has more than the {TEXT_LIMIT} characters that are allowed"
    return faults


def _unwrap(inner: object, names: Sequence[str]) -> dict[str, Any]:
    """Return the arguments in an argument named `arguments`, an object or JSON text.

    Raises:
        InvalidArguments: if it is something else.
    """
    inner = read_object(inner)
    if is_blank(inner) or inner == []:  # sent by some clients if there are none
        return {}
    if not isinstance(inner, dict):
        raise InvalidArguments(
            [f"arguments: must be a JSON object, such as {{{json.dumps(names[0])}: …}}, not text or a list"]
        )
    return inner


def _is_added_by_a_client(name: str) -> bool:
    return len(name) <= 60 and _ADDED_BY_CLIENTS.fullmatch(_snake_case(name).strip("_")) is not None


def nearest(name: str, names: Sequence[str]) -> str | None:
    """Return the argument that an unknown name probably means."""
    if SENT_NAMES.get(name) in names:
        return SENT_NAMES[name]
    word = _snake_case(name[:TEXT_LIMIT])
    if word in names:
        return word
    for usual, meant in _USUAL_NAMES.items():
        if word in meant and usual in names:
            return usual
    if word in _NAMES_OF_AN_ID and "id" in names:
        return "id"
    pieces = set(word.split("_"))
    # A name that contains the words of the other is more or less specific. `id` is part of too many names.
    related = [
        known
        for known in names
        if known != "id" and (pieces <= {*known.split("_")} or {*known.split("_")} <= pieces)
    ]
    likeness = {known: SequenceMatcher(None, word, known).ratio() for known in related or names}
    best = max(likeness, key=lambda known: likeness[known])
    return best if related or likeness[best] >= 0.6 else None


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower()


def _faults(
    exc: ValidationError, names: Sequence[str], too_long: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the name of each invalid argument, and why it is invalid."""
    yield from ((name, f"{name}: {fault}") for name, fault in too_long.items())
    for error in exc.errors(include_url=False):
        name = str(error["loc"][0]) if error["loc"] else "arguments"
        if not error["loc"] and too_long:
            continue  # judged without what is too long
        match error["type"]:
            case "extra_forbidden":
                meant = nearest(name, names)
                hint = f"did you mean {meant}?" if meant else f"this tool takes {', '.join(names)}"
                yield name, f"there is no argument {name[:60]}: {hint}"
            case "missing" if name in too_long:
                pass
            case "missing":
                yield name, f"{name} is missing"
            case _:
                yield name, f"{name}: {_what_is_wrong(error)}"


def _what_is_wrong(error: ErrorDetails) -> str:
    facts = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(facts["error"])
        case "string_too_long":
            return f"{len(error['input']):,} characters, at most {facts['max_length']:,} are allowed"
        case "too_long":
            return f"{facts['actual_length']:,} are given, at most {facts['max_length']:,} are allowed"
        case "string_type":
            return "must be text"
        case _:
            return error["msg"].replace("Input should be", "must be").partition(", unable to")[0]
