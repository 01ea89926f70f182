"""A tool call's arguments → its model, or words that say how to mend them."""

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rotor_mcp.models import SENT_NAMES

Arguments = TypeVar("Arguments", bound=BaseModel)


class InvalidArguments(Exception):
    """Arguments that the tool cannot take. `faults` names each, without the value that was given."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def parse(model: type[Arguments], arguments: Mapping[str, Any]) -> Arguments:
    """Read arguments into a tool's model.

    Raises:
        InvalidArguments: if one is missing, unknown or of a form that cannot be read.
    """
    try:
        return model.model_validate(dict(arguments))
    except ValidationError as exc:
        names = list(model.model_fields)
        raise InvalidArguments(list(_faults(exc, names))) from None


def nearest(name: str, names: list[str]) -> str | None:
    """Find the argument that was probably meant."""
    if SENT_NAMES.get(name) in names:
        return SENT_NAMES[name]
    word = name.lower()
    related = [known for known in names if word in known or known in word]
    likeness = {known: SequenceMatcher(None, word, known).ratio() for known in related or names}
    best = max(likeness, key=lambda known: likeness[known])
    return best if related or likeness[best] >= 0.6 else None


def _faults(exc: ValidationError, names: list[str]) -> Iterator[str]:
    for error in exc.errors(include_url=False):
        name = str(error["loc"][0]) if error["loc"] else "arguments"
        match error["type"]:
            case "extra_forbidden":
                meant = nearest(name, names)
                hint = f"did you mean {meant}?" if meant else f"this tool takes {', '.join(names)}"
                yield f"there is no argument {name[:60]}: {hint}"
            case "missing":
                yield f"{name} is missing"
            case _:
                yield f"{name}: {_what_is_wrong(error)}"


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
            return error["msg"].replace("Input should be", "must be")
