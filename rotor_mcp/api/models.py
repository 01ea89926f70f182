"""A lead: every field of Rotor's Leads API, once, with its meaning, form and limit.

Rotor has two families of names for the same thing: what is sent as `address_city` and `source` is
read back as `property_city` and `lead_source`. Here a field has one name, the one it is sent under.

Values stay what they are in JSON (a date is a string), so that what Rotor said is shown as it was said.
The limits come from Rotor's API reference and from public code of its customers. They hold for what is
sent; what Rotor already stores may break them and is shown all the same.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    TypeAdapter,
)
from pydantic.dataclasses import dataclass as pydantic_dataclass
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema, from_json

from rotor_mcp import dates
from rotor_mcp.sanitize import map_strings, one_line

NOTES_LIMIT = 2_000
SERVICE_TYPE_LIMIT = 100
TEXT_LIMIT = 300
"""Characters of any other text that is sent. Rotor names no limit; no name or street is longer."""
TAG_LIMIT = 100
"""Tags of one lead that are sent at a time."""
MAX_READ_CHARS = 2_000
"""Characters of a text of a lead that are read. What follows is as if it were not there."""
MAX_READ_NOTES_CHARS = 20_000
"""The same of notes: far more than Rotor takes, so that notes which were cut are never written back."""
MAX_READ_TAGS = 500
MAX_READ_AMOUNT = 1e15
"""A larger amount is no amount of money, and sums of such would be infinite."""
PAGE_LIMIT = 1_000
"""Leads that one request to `GET /leads` returns at most."""

READ_NAMES = {
    "address_street1": "property_street1",
    "address_street2": "property_street2",
    "address_city": "property_city",
    "address_state": "property_state",
    "address_zip": "property_zip",
    "address_country": "property_country",
    "source": "lead_source",
}
"""Field → the name under which Rotor's answers carry it, where that is another."""

SENT_NAMES = {read_name: name for name, read_name in READ_NAMES.items()}


# Conversions of what assistants often send in a slightly wrong form, where the meaning is certain.


def is_blank(value: object) -> bool:
    """Whether a value counts as missing: null or blank text."""
    return value is None or (isinstance(value, str) and not value.strip())


def blanks(values: Mapping[str, object]) -> list[str]:
    """Return the arguments that count as missing: null, blank text, and beside blank text 0 and false.

    Gateways that fill in every optional argument send blank text for a string, 0 for a number and false for a
    boolean. A blank text shows that the arguments come from such a gateway.
    """
    blank = [
        name
        for name, value in values.items()
        if value is None or (isinstance(value, str) and not value.strip())
    ]
    if any(isinstance(values[name], str) for name in blank):
        blank += [name for name, value in values.items() if isinstance(value, (int, float)) and value == 0]
    return blank


def _replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which JSON can contain and UTF-8 cannot, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


_AMOUNT = re.compile(r"\$?\s?(\d+|\d{1,3}(?:,\d{3})+)(\.\d+)?")


def _read_amount(value: object) -> object:
    """Read an amount as people write it: `$1,200`."""
    if isinstance(value, str) and (amount := _AMOUNT.fullmatch(value.strip())):
        return amount[1].replace(",", "") + (amount[2] or "")
    return value


def whole_if_it_is(value: float | str | None) -> int | float | str | None:
    """Write 1200 for 1200.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read_list(text: str) -> list[Any] | None:
    """Read a JSON list that came as text; None if it is none."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, list) else None


def read_items(value: object, split: Callable[[str], list[str]]) -> object:
    """Read a list, also one that came as a text: as JSON, or to be split. Leave out blank items."""
    items = value
    if isinstance(value, str):
        items = read_list(value)
        if items is None:
            items = split(value)
    if not isinstance(items, list):
        return items
    return [item for item in items if item is not None and (not isinstance(item, str) or item.strip())]


split_tags = partial(read_items, split=lambda text: text.split(","))
"""Reads tags that came as one string, comma-separated or a JSON list as text; leaves out blank ones."""


_AROUND_AN_ID = re.compile(r"""[\s"'`{}()<>]*(?:(?:id\b|#)[\s:"'`#]*)?([^\s"'`{}()<>….]*)[\s"'`{}()<>….]*""")


def _unwrap_id(value: object) -> object:
    """Remove what is pasted along with an id: quotes, braces, capitals, `id` in front, dots at the end."""
    if isinstance(value, str) and (unwrapped := _AROUND_AN_ID.fullmatch(value.lower())):
        return unwrapped[1]
    return value


# Checks that find a value which Rotor would refuse or misread before it costs a request.


LEAD_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The form of a lead id: a UUID in lower case."""
LEAD_ID_CHARS = 36
MIN_SHORT_ID_CHARS = 8
"""Characters that a short id has at least: the first part of a UUID."""
_ANY_ID = "00000000-0000-0000-0000-000000000000"


def _check_id(value: str) -> str:
    # The beginning of an id is one that any id could complete.
    if len(value) < MIN_SHORT_ID_CHARS or not LEAD_ID.fullmatch(value + _ANY_ID[len(value) :]):
        raise ValueError(
            "not a lead id; one looks like 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e, or short like 182bd5e5: its "
            f"first {MIN_SHORT_ID_CHARS} characters or more. search_leads finds leads by name, phone or "
            "e-mail and gives their ids"
        )
    return value


def _check_email(value: str) -> str:
    name, _, domain = value.partition("@")
    host, _, ending = domain.rpartition(".")
    if not (name and host and ending) or "@" in domain or len(value.split()) != 1:
        raise ValueError("not an e-mail address such as name@example.com")
    return value


def _check_date(value: str) -> str:
    try:
        dates.parse(value)
    except ValueError:
        raise ValueError("not a date such as 2026-12-01, nor a date-time such as 2026-12-01T09:30") from None
    return value


def _check_year(value: str) -> str:
    if dates.parse(_check_date(value)).year not in dates.YEARS:
        raise ValueError(f"the year must be between {dates.YEARS[0]} and {dates.YEARS[-1]}")
    return value


LeadId = Annotated[str, BeforeValidator(_unwrap_id), AfterValidator(_check_id)]
"""A lead id, or a short one: its first characters. A short id has to be resolved before it is used."""
Email = Annotated[str, AfterValidator(_check_email)]
Date = Annotated[str, AfterValidator(_check_year)]
Day = Annotated[str, AfterValidator(_check_date)]
Amount = Annotated[
    float,
    Field(ge=0),
    BeforeValidator(_read_amount),
    PlainSerializer(whole_if_it_is),
]
PriorityName = Literal["low", "medium", "high"]
Priority = Annotated[PriorityName, BeforeValidator(_lower)]
Tags = Annotated[list[str], BeforeValidator(split_tags)]


_CONFIG = ConfigDict(
    str_strip_whitespace=True,
    coerce_numbers_to_str=True,
    allow_inf_nan=False,
    hide_input_in_errors=True,  # it is somebody's name and phone number
)


class Fields(BaseModel):
    """A set of fields, each of which may be missing."""

    model_config = _CONFIG | ConfigDict(extra="forbid")


class LeadFields(Fields):
    """What a caller may write to a lead."""

    name: Annotated[str | None, Field(description="Full name")] = None
    phone: Annotated[str | None, Field(description="In any spelling; kept as given")] = None
    email: Annotated[Email | None, Field(description="E-mail address")] = None
    stage: Annotated[str | None, Field(description="One of the company's stages")] = None
    priority: Annotated[Priority | None, Field(description="How urgent")] = None
    projected_value: Annotated[Amount | None, Field(description="In whole currency units")] = None
    follow_up_date: Annotated[Date | None, Field(description="ISO date or date-time")] = None
    service_type: Annotated[
        str | None, Field(max_length=SERVICE_TYPE_LIMIT, description="Such as Window Cleaning")
    ] = None
    source: Annotated[str | None, Field(description="Where the lead came from")] = None
    tags: Annotated[Tags, Field(description="Added; none is removed")] = []
    address_street1: Annotated[str | None, Field(description="Street and number")] = None
    address_street2: Annotated[str | None, Field(description="Unit or suite")] = None
    address_city: Annotated[str | None, Field(description="City")] = None
    address_state: Annotated[str | None, Field(description="State or province")] = None
    address_zip: Annotated[str | None, Field(description="ZIP or postal code")] = None
    address_country: Annotated[str | None, Field(description="Country")] = None
    notes: Annotated[
        str | None,
        Field(max_length=NOTES_LIMIT, description="Added; 2,000 characters in all"),
    ] = None


def _read_text(value: object, max_chars: int = MAX_READ_CHARS) -> str | None:
    """Read a text or a number; None if there is neither."""
    match value:
        case bool():
            return None
        case int():
            return str(value) if abs(value) <= MAX_READ_AMOUNT else None
        case float():
            return str(value) if math.isfinite(value) else None
        case str():
            return _replace_surrogates(value[:max_chars]).strip() or None
    return None


def _read_id(value: object) -> str | None:
    text = _read_text(value)  # it will stand in lines of ours
    if text and LEAD_ID.fullmatch(text.lower()):
        return text.lower()
    return one_line(text)[:TEXT_LIMIT] or None if text else None


def _read_priority(value: object) -> str | None:
    text = _read_text(value)
    return low if text and (low := text.lower()) in get_args(PriorityName) else text


def _read_number(value: object) -> float | None:
    try:
        number = None if isinstance(value, bool) else float(_read_amount(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) <= MAX_READ_AMOUNT else None


def _read_tags(value: object) -> list[str]:
    items = split_tags(value[:MAX_READ_CHARS] if isinstance(value, str) else value)
    texts = map(_read_text, items[:MAX_READ_TAGS]) if isinstance(items, list) else ()
    return [text for text in texts if text]


@dataclass(frozen=True)
class _OrElse:
    """Reads a value that has not the declared form with a function, instead of refusing it.

    pydantic reads a value of the declared form without calling Python.
    """

    read: Callable[[Any], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        other = core_schema.no_info_plain_validator_function(self.read)
        return core_schema.union_schema([handler(source), other], mode="left_to_right")

    def __get_pydantic_json_schema__(
        self, schema: core_schema.UnionSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(cast("CoreSchema", schema["choices"][0]))


_ReadText = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_READ_CHARS), _OrElse(_read_text)]
_ReadNotes = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=MAX_READ_NOTES_CHARS),
    _OrElse(partial(_read_text, max_chars=MAX_READ_NOTES_CHARS)),
]
_ReadNumber = Annotated[
    float, Field(strict=True, ge=-MAX_READ_AMOUNT, le=MAX_READ_AMOUNT), _OrElse(_read_number)
]
_ReadTags = Annotated[
    list[Annotated[str, Field(strict=True, min_length=1, max_length=MAX_READ_CHARS)]],
    Field(max_length=MAX_READ_TAGS),
    _OrElse(_read_tags),
]


@pydantic_dataclass(
    slots=True,
    config=ConfigDict(
        str_strip_whitespace=True,
        allow_inf_nan=False,
        alias_generator=AliasGenerator(validation_alias=lambda name: READ_NAMES.get(name, name)),
        validate_by_name=True,
    ),
)
class Lead:
    """A lead as Rotor answers it. Reading is lenient: a field is missing where its value has another type.

    Fields that are not declared are dropped, and blank texts are missing. A value beyond a limit on
    writing is kept. A company has many leads: they are small, and read without Python code.
    """

    # The fields of `LeadFields`, in their order, without its limits and forms.
    name: _ReadText | None = None
    phone: _ReadText | None = None
    email: _ReadText | None = None
    stage: _ReadText | None = None
    priority: Annotated[PriorityName, _OrElse(_read_priority)] | None = None
    projected_value: Annotated[_ReadNumber, PlainSerializer(whole_if_it_is)] | None = None
    follow_up_date: _ReadText | None = None
    service_type: _ReadText | None = None
    source: _ReadText | None = None
    tags: _ReadTags = field(default_factory=list)
    address_street1: _ReadText | None = None
    address_street2: _ReadText | None = None
    address_city: _ReadText | None = None
    address_state: _ReadText | None = None
    address_zip: _ReadText | None = None
    address_country: _ReadText | None = None
    notes: _ReadNotes | None = None
    # Fields that only Rotor sets.
    id: Annotated[str, Field(strict=True, pattern=f"^{LEAD_ID.pattern}$"), _OrElse(_read_id)] | None = None
    archived: Annotated[bool, _OrElse(bool)] = False
    archived_at: _ReadText | None = None
    created_at: _ReadText | None = None
    assigned_to: _ReadText | None = None
    """A user id."""
    location: Annotated[list[float], _OrElse(lambda _: None)] | None = None
    """Latitude, longitude."""
    value_score: _ReadNumber | None = None
    """Rotor's own; undocumented."""


LEAD_FIELDS = tuple(declared.name for declared in fields(Lead))
"""The fields of a lead."""
_SENT_NAMES_IN_JSON = (b'"source"', b'"address_')
"""The beginnings of the sent names. Leads that have them are read one by one."""
_PYTHON_BLANKS_IN_JSON = re.compile(rb"\\u001[c-fC-F]")
_PYTHON_BLANKS = re.compile(r"\\x1[c-f]")
"""Four control characters that are blank in Python and not in pydantic, in JSON and in `repr`."""
_LeadOrElse = Annotated[Lead | Any, Field(union_mode="left_to_right")]
_READER = TypeAdapter(Lead).validator
_ANSWER_READER = TypeAdapter(
    dict[str, Annotated[list[_LeadOrElse] | Any, Field(union_mode="left_to_right")]]
).validator


def parse_leads(body: bytes) -> object:
    """Parse the JSON of an answer that holds a list of leads, and read them.

    In lists of the answer, each object is a `Lead`, or yet to be read by `read_lead`.

    Raises:
        ValueError: if it is not a JSON object.
    """
    if any(name in body for name in _SENT_NAMES_IN_JSON) or _PYTHON_BLANKS_IN_JSON.search(body):
        return from_json(body)
    return _ANSWER_READER.validate_json(body)


def read_lead(answer: Mapping[str, Any]) -> Lead:
    """Read a lead of an answer of Rotor. Where it carries both names of a field, the read name counts."""
    if not READ_NAMES.keys().isdisjoint(answer):
        answer = {
            name: value
            for name, value in answer.items()
            if name not in SENT_NAMES or (value is not None and str(value).strip())
        }
    if _PYTHON_BLANKS.search(repr(answer)):
        answer = map_strings(answer, str.strip)
    lead: Lead = _READER.validate_python(answer)
    return lead


class Page(BaseModel):
    """One page of leads, as `GET /leads` answers it."""

    leads: list[Lead]
    total: int | None = None
    has_more: bool
    size: int = 0
    """Bytes of the answer."""
