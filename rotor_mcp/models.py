"""A lead: every field of Rotor's Leads API, once, with its meaning, form and limit.

Rotor has two families of names for the same thing: what is sent as `address_city` and `source` is
read back as `property_city` and `lead_source`. Here a field has one name, the one it is sent under.

Values stay what they are in JSON (a date is a string), so that what Rotor said is shown as it was said.
The limits come from Rotor's API reference and from public code of its customers. They hold for what is
sent; what Rotor already stores may break them and is shown all the same.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from rotor_mcp import dates
from rotor_mcp.sanitize import map_strings

NOTES_LIMIT = 2_000
SERVICE_TYPE_LIMIT = 100
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


# What assistants often send slightly wrong, and whose meaning is certain.


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _without_halves(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can hold but no text, by the sign for the unreadable."""
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


def _split_tags(value: object) -> object:
    """Read tags that came as one string, comma-separated or a JSON list as text; leave out blank ones."""
    tags = value
    if isinstance(value, str):
        try:
            tags = json.loads(value)
        except (ValueError, RecursionError):
            tags = None
        if not isinstance(tags, list):
            tags = value.split(",")
    return [tag for tag in tags if not _is_blank(tag)] if isinstance(tags, list) else tags


def _unwrap_id(value: object) -> object:
    """Take off what comes along when an id is pasted: quotes, braces, capitals."""
    return value.strip(" \t\r\n\"'`{}()<>").lower() if isinstance(value, str) else value


# What would be refused or misread, caught before it costs a request.


def _check_id(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
        raise ValueError(
            "not a lead id; one looks like 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e. "
            "search_leads finds leads by name, phone or e-mail and gives their ids"
        )
    return value


def _check_email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise ValueError("not an e-mail address such as name@example.com")
    return value


def _check_date(value: str) -> str:
    try:
        dates.parse(value)
    except ValueError:
        raise ValueError("not a date such as 2026-12-01, nor a date-time such as 2026-12-01T09:30") from None
    return value


LeadId = Annotated[
    str, BeforeValidator(_unwrap_id), AfterValidator(_check_id), Field(json_schema_extra={"format": "uuid"})
]
Email = Annotated[str, AfterValidator(_check_email), Field(json_schema_extra={"format": "email"})]
Date = Annotated[
    str, AfterValidator(_check_date), Field(json_schema_extra={"pattern": r"^\d{4}-\d{2}-\d{2}"})
]
Day = Annotated[str, AfterValidator(_check_date), Field(json_schema_extra={"format": "date"})]
Amount = Annotated[
    float,
    Field(ge=0),
    BeforeValidator(_read_amount),
    PlainSerializer(whole_if_it_is),
]
Priority = Annotated[Literal["low", "medium", "high"], BeforeValidator(_lower)]
Tags = Annotated[list[str], BeforeValidator(_split_tags)]


class _Fields(BaseModel):
    """A set of fields, each of which may be missing. Null and blank count as missing."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        coerce_numbers_to_str=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,  # it is somebody's name and phone number
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_blanks(cls, data: object) -> object:
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if not _is_blank(value)}
        return data


class LeadFields(_Fields):
    """What a caller may write to a lead."""

    name: Annotated[str | None, Field(description="Full name, such as Jane Doe")] = None
    phone: Annotated[str | None, Field(description="In any spelling; kept as given")] = None
    email: Annotated[Email | None, Field(description="E-mail address")] = None
    stage: Annotated[str | None, Field(description="Pipeline stage, one of the company's own")] = None
    priority: Annotated[Priority | None, Field(description="How urgent")] = None
    projected_value: Annotated[
        Amount | None, Field(description="What the work may bring, in whole currency units")
    ] = None
    follow_up_date: Annotated[
        Date | None, Field(description="When to get back to them: ISO date, or date-time")
    ] = None
    service_type: Annotated[
        str | None, Field(max_length=SERVICE_TYPE_LIMIT, description="Such as Window Cleaning")
    ] = None
    source: Annotated[str | None, Field(description="Where the lead came from, such as Referral Program")] = (
        None
    )
    tags: Annotated[Tags, Field(description="Tags to add; none is removed")] = []
    address_street1: Annotated[str | None, Field(description="Street and number")] = None
    address_street2: Annotated[str | None, Field(description="Unit or suite")] = None
    address_city: Annotated[str | None, Field(description="City")] = None
    address_state: Annotated[str | None, Field(description="State or province")] = None
    address_zip: Annotated[str | None, Field(description="ZIP or postal code")] = None
    address_country: Annotated[str | None, Field(description="Country")] = None
    notes: Annotated[
        str | None, Field(max_length=NOTES_LIMIT, description="Free text; added to the notes there are")
    ] = None


_LIMIT_ERRORS: dict[str, type | tuple[type, ...]] = {
    "string_too_long": str,
    "literal_error": str,
    "value_error": str,
    "greater_than_equal": (int, float),
}
"""pydantic's name of a broken limit → the type of a value that can be shown all the same."""


class Lead(LeadFields):
    """A lead as Rotor answers it. Fields we do not know are dropped, missing ones are fine."""

    model_config = ConfigDict(extra="ignore")

    id: str | None = None
    archived: bool = False
    archived_at: str | None = None
    created_at: str | None = None
    assigned_to: Annotated[str | None, Field(description="User id")] = None
    location: Annotated[list[float] | None, Field(description="Latitude, longitude")] = None
    value_score: Annotated[float | None, Field(description="Rotor's own; undocumented")] = None

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Bring the two families of names together, and keep values that break a limit on writing.

        A value of a type that the field cannot have is left out.
        """
        if not isinstance(data, dict):
            return handler(data)
        data = dict(data)
        for name, read_name in READ_NAMES.items():
            # Where an answer carries both, the read name is what is stored.
            if not _is_blank(stored := data.pop(read_name, None)):
                data[name] = stored
        try:
            return handler(data)
        except ValidationError as exc:
            broken = {str(error["loc"][0]): error["type"] for error in exc.errors(include_url=False)}
        for name in [name for name, kind in broken.items() if kind == "string_unicode"]:
            # Left out, a field would seem empty, and a write would replace what stands there.
            data[name] = map_strings(data[name], _without_halves)
            del broken[name]
        lead = handler({name: value for name, value in data.items() if name not in broken})
        beyond_a_limit = {
            name: data[name]
            for name, kind in broken.items()
            if kind in _LIMIT_ERRORS and isinstance(data[name], _LIMIT_ERRORS[kind])
        }
        return lead.model_copy(update=beyond_a_limit)


class UpsertLead(LeadFields):
    """The arguments of `upsert_lead`."""

    id: Annotated[LeadId | None, Field(description="Lead to update; may then change anything")] = None
    replace_notes: Annotated[bool, Field(description="Replace the notes instead of adding to them")] = False
    dry_run: Annotated[bool, Field(description="Only show what would happen")] = False
    confirm: Annotated[str | None, Field(description="Token of a plan that the user approved")] = None

    _blank: tuple[str, ...] = PrivateAttr(default=())
    _notes_to_add: tuple[str, ...] = PrivateAttr(default=())

    @property
    def notes_to_add(self) -> tuple[str, ...]:
        """The notes, in the parts that came together from several rows; each is added if it is not there."""
        return self._notes_to_add or ((self.notes,) if self.notes else ())

    def with_notes(self, parts: tuple[str, ...]) -> Self:
        """The same with notes that came together from several rows."""
        arguments = self.model_copy(update={"notes": "\n".join(parts)})
        arguments._notes_to_add = parts
        return arguments

    @property
    def blank(self) -> tuple[str, ...]:
        """Fields that were given without a value."""
        return self._blank

    @model_validator(mode="wrap")
    @classmethod
    def _note_blanks(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        arguments = handler(data)
        if isinstance(data, dict):
            arguments._blank = tuple(name for name, value in data.items() if _is_blank(value))
        return arguments

    @model_validator(mode="after")
    def _check_that_somebody_is_meant(self) -> Self:
        if not (self.id or self.phone or self.email or self.name):
            raise ValueError("give at least a phone, an e-mail, a name or an id: nobody is meant otherwise")
        return self


ROWS_LIMIT = 100
"""Leads that one call writes at most. For more there is `rotor-mcp import`."""


def _read_rows(value: object) -> object:
    """Read rows that came as a JSON list in a string, which some clients make of them."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


class ForAllRows(_Fields):
    """What is given once for many rows."""

    stage: Annotated[str | None, Field(description="For rows without")] = None
    source: Annotated[str | None, Field(description="For rows without")] = None
    tags: Annotated[Tags, Field(description="For all rows")] = []

    def give(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Give it to the arguments of one row, before they are read."""
        given = dict(row)
        for name, value in (("stage", self.stage), ("source", self.source)):
            if value is not None and _is_blank(given.get(name)):
                given[name] = value
        tags = _split_tags(given.get("tags") or [])
        if self.tags and isinstance(tags, list):
            given["tags"] = [*tags, *(tag for tag in self.tags if tag not in tags)]
        return given


class UpsertLeads(ForAllRows):
    """The arguments of `upsert_leads`. Each row is read by itself, so that a bad one stops no other."""

    rows: Annotated[
        list[Any],
        BeforeValidator(_read_rows),
        Field(
            max_length=ROWS_LIMIT,
            description="Arguments of upsert_lead",
            json_schema_extra={"items": {"type": "object"}},
        ),
    ]
    dry_run: Annotated[bool, Field(description="Only show the plan")] = False

    @field_validator("rows")
    @classmethod
    def _check_rows(cls, value: list[Any]) -> list[Any]:
        if not value:
            raise ValueError("give at least one")
        return value


SortOrder = Literal["newest", "oldest", "follow_up", "value", "name"]
CountedBy = Literal["stage", "source", "priority", "tag"]


class SearchLeads(_Fields):
    """The arguments of `search_leads`."""

    search: Annotated[str | None, Field(description="Part of name, e-mail or phone")] = None
    stage: Annotated[str | None, Field(description="Stage")] = None
    tags: Annotated[Tags, Field(description="Any of these")] = []
    all_tags: Annotated[bool, Field(description="All of tags")] = False
    archived: Annotated[Literal["exclude", "include", "only"], Field(description="Archived ones")] = "exclude"
    created_from: Annotated[Day | None, Field(description="Created")] = None
    created_to: Annotated[Day | None, Field(description="Created")] = None
    follow_up_from: Annotated[Day | None, Field(description="Follow-up")] = None
    follow_up_to: Annotated[Day | None, Field(description="Follow-up")] = None
    overdue: Annotated[bool, Field(description="Follow-up before today")] = False
    needs_action: Annotated[bool, Field(description="Follow-up due, or new without one")] = False
    priority: Annotated[Priority | None, Field(description="Priority")] = None
    source: Annotated[str | None, Field(description="Part of it")] = None
    service_type: Annotated[str | None, Field(description="Part of it")] = None
    address_city: Annotated[str | None, Field(description="City")] = None
    address_state: Annotated[str | None, Field(description="State")] = None
    address_zip: Annotated[str | None, Field(description="Its start")] = None
    assigned: Annotated[bool | None, Field(description="To anybody")] = None
    value_from: Annotated[Amount | None, Field(description="Projected value")] = None
    value_to: Annotated[Amount | None, Field(description="Projected value")] = None
    has_phone: Annotated[bool | None, Field(description="Phone known")] = None
    has_email: Annotated[bool | None, Field(description="E-mail known")] = None
    order: Annotated[SortOrder, Field(description="follow_up: most overdue first")] = "newest"
    count_by: Annotated[CountedBy | None, Field(description="Count all matches by this")] = None
    fields: Annotated[list[str], BeforeValidator(_split_tags), Field(description="Only these fields")] = []
    limit: Annotated[int, Field(ge=0, le=100, description="Leads shown")] = 20
    cursor: Annotated[str | None, Field(description="From the last result, to go on")] = None

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, value: list[str]) -> list[str]:
        unknown = [name for name in value if name not in Lead.model_fields]
        if unknown:
            raise ValueError(
                f"there is no field {', '.join(unknown)}; there are {', '.join(Lead.model_fields)}"
            )
        return value


class GetLead(_Fields):
    """The arguments of `get_lead`."""

    id: Annotated[LeadId, Field(description="The lead's id")]
    notes_from: Annotated[int, Field(ge=0, description="Character of the notes to begin with")] = 0


class Page(BaseModel):
    """One page of leads, as `GET /leads` answers it."""

    leads: list[Lead]
    total: int | None = None
    has_more: bool
