"""Parses and strictly validates requests: the body of a write and the query of a listing.

The types define the limits once, for validation and for the OpenAPI document. A client that would fail at
Rotor should fail here too.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    with_config,
)
from pydantic_core import PydanticCustomError, from_json
from typing_extensions import TypedDict

from rotor_mcp.api.models import LEAD_ID, NOTES_LIMIT, PAGE_LIMIT, SERVICE_TYPE_LIMIT
from rotor_mcp.behavior import ASSUMED, Behavior
from rotor_mcp.sandbox import timestamps

_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}",
    re.IGNORECASE | re.ASCII,
)


class InvalidInput(Exception):
    """The request is not valid."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(errors)
        self.errors = errors
        """(field, message) for each error."""


def parse_id(text: str) -> str | None:
    """Return a lead's id as it is stored; None if it is not a UUID."""
    return text.lower() if LEAD_ID.fullmatch(text.lower()) else None


def _check_id(value: str) -> str:
    if (lead_id := parse_id(value)) is None:
        raise PydanticCustomError("id", "Invalid uuid")
    return lead_id


def _check_email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise PydanticCustomError("email", "Invalid email format")
    return value


def _check_instant(value: str) -> str:
    try:
        return timestamps.format_utc(timestamps.parse_utc(value))
    except ValueError:
        raise PydanticCustomError("date", "Invalid date: expected RFC 3339") from None


@with_config(ConfigDict(strict=True, extra="ignore", allow_inf_nan=False))
class LeadInput(TypedDict, total=False):
    """The body of a write. Every field may be left out; none may be null."""

    id: Annotated[
        str,
        AfterValidator(_check_id),
        Field(description="The lead to update", json_schema_extra={"format": "uuid"}),
    ]
    name: str
    phone: Annotated[str, Field(description="Stored as given. Finds the lead that has it, spelled the same")]
    email: Annotated[
        str,
        AfterValidator(_check_email),
        Field(
            description="Finds the lead that has it, in capitals or not, when the phone found none",
            json_schema_extra={"format": "email"},
        ),
    ]
    stage: Annotated[str, Field(description="Any text: stages are each company's own")]
    priority: Literal["low", "medium", "high"]
    projected_value: Annotated[float, Field(ge=0, description="Whole currency units")]
    follow_up_date: Annotated[
        str,
        AfterValidator(_check_instant),
        Field(description="RFC 3339 date-time with an offset, or date", examples=["2026-12-01T15:00:00Z"]),
    ]
    service_type: Annotated[str, Field(max_length=SERVICE_TYPE_LIMIT)]
    source: Annotated[str, Field(description="Read back as lead_source")]
    tags: Annotated[
        list[Annotated[str, Field(min_length=1)]], Field(description="Added to the tags that the lead has")
    ]
    address_street1: Annotated[str, Field(description="Read back as property_street1")]
    address_street2: str
    address_city: str
    address_state: str
    address_zip: str
    address_country: str
    notes: Annotated[str, Field(max_length=NOTES_LIMIT, description="Replaces earlier notes")]


LEAD_INPUT = TypeAdapter(LeadInput)
WRITABLE_TEXTS = frozenset(LeadInput.__annotations__) - {
    "id",
    "priority",
    "projected_value",
    "follow_up_date",
    "tags",
}
"""The fields of a write that may be any text."""
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


# A query has strings only. A listing that is created in Python has typed values.


def _parse_bool(value: object) -> object:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise PydanticCustomError("bool", "Input should be true or false")
        return value == "true"
    return value


def _check_integer(value: object) -> object:
    # pydantic alone would also accept signs, spaces, underscores and 1.0.
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,18}", value):
        raise PydanticCustomError("int", "Input should be a whole number")
    return value


def _split_tags(value: object) -> object:
    if isinstance(value, str):
        return tuple(tag for part in value.split(",") if (tag := part.strip()))
    return value


class Listing(BaseModel):
    """The query of a listing: the filters and the page."""

    model_config = ConfigDict(frozen=True)

    archived: Annotated[
        bool, BeforeValidator(_parse_bool), Field(description="true lists archived leads as well")
    ] = False
    limit: Annotated[int, Field(ge=1, le=PAGE_LIMIT), BeforeValidator(_check_integer)] = 50
    page: Annotated[int, Field(ge=1), BeforeValidator(_check_integer)] = 1
    search: Annotated[
        str, Field(description="Contained in the name, e-mail or phone, in capitals or not; empty: all leads")
    ] = ""
    stage: Annotated[str, Field(description="Exactly this stage; empty: all leads")] = ""
    tags: Annotated[
        tuple[str, ...],
        BeforeValidator(_split_tags),
        WithJsonSchema({"type": "string"}),
        Field(
            description="Separated by commas: leads that have any of them; empty: all leads",
            json_schema_extra={"default": ""},
        ),
    ] = ()


def parse_json(body: bytes) -> dict[str, Any]:
    """Parse a body.

    Raises:
        InvalidInput: if it is not a JSON object in UTF-8.
    """
    try:
        sent = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise InvalidInput([("body", "Invalid JSON")]) from None
    if not isinstance(sent, dict):
        raise InvalidInput([("body", "Input should be an object")])
    return sent


def parse_lead(sent: dict[str, Any], behavior: Behavior = ASSUMED) -> LeadInput:
    """Validate the body of a write.

    Raises:
        InvalidInput: if a field is not valid.
    """
    try:
        lead_input = LEAD_INPUT.validate_python(sent)
    except ValidationError as exc:
        raise invalid_input(exc) from None
    errors = []
    blank = [name for name in lead_input if name in WRITABLE_TEXTS and not str(sent[name]).strip()]
    if behavior.blank_texts == "refused":
        errors += [(name, "Must not be empty") for name in blank]
    is_date = _DATE.fullmatch(str(sent.get("follow_up_date")))
    if "follow_up_date" in lead_input and behavior.follow_up_input == ("date_time" if is_date else "date"):
        errors.append(("follow_up_date", "Invalid date"))
    if errors:
        raise InvalidInput(errors)
    if behavior.blank_texts == "ignored":
        for name in blank:
            lead_input.pop(name)  # type: ignore[misc]  # a name that is only known at run time
    return lead_input


def parse_listing(query: Mapping[str, str], behavior: Behavior = ASSUMED) -> Listing:
    """Parse the query of a listing. Unknown parameters are ignored.

    Raises:
        InvalidInput: if a parameter is not valid.
    """
    try:
        listing = Listing.model_validate(dict(query))
    except ValidationError as exc:
        raise invalid_input(exc) from None
    return listing.model_copy(update={"limit": min(listing.limit, int(behavior.page_cap))})


def invalid_input(exc: ValidationError) -> InvalidInput:
    """Return the error that names each invalid field, without the values that were sent."""
    errors: list[Any] = exc.errors(include_url=False, include_input=False, include_context=False)
    return InvalidInput([(".".join(map(str, error["loc"])) or "body", error["msg"]) for error in errors])
