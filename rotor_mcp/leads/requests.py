"""Models of the requests: the arguments of `upsert_lead` and `search_leads`.

The fields of a lead and their limits are in `api/models.py`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from rotor_mcp.api.models import (
    NOTES_LIMIT,
    SENT_NAMES,
    SERVICE_TYPE_LIMIT,
    Amount,
    Date,
    Day,
    Fields,
    Lead,
    LeadFields,
    LeadId,
    Priority,
    Tags,
    is_blank,
    read_items,
    split_tags,
)
from rotor_mcp.errors import InvalidArguments


@dataclass(frozen=True)
class Given:
    """How arguments were given, in addition to their values."""

    blank: tuple[str, ...] = ()
    """Arguments that were given without a value."""
    remarks: tuple[str, ...] = ()
    """Texts for the caller about how the arguments were interpreted."""
    only_if_blank: frozenset[str] = frozenset()
    """Fields that were given for all rows: they do not replace a value of a lead that was found."""
    notes: tuple[str, ...] = ()
    """The notes of each merged row; each is added unless the lead has it."""


class Arguments(Fields):
    """The arguments of a tool."""

    _given: Given = PrivateAttr(default_factory=Given)

    @property
    def given(self) -> Given:
        """How the arguments were given."""
        return self._given

    def remark(self, text: str) -> None:
        """Add a remark."""
        self._given = replace(self._given, remarks=(*self._given.remarks, text))

    def note_blanks(self, blank: Mapping[str, object]) -> None:
        """Record the arguments that were given without a value, and what was given."""
        self._given = replace(self._given, blank=tuple(blank))


class UpsertRequest(LeadFields, Arguments):
    """The arguments of `upsert_lead`."""

    id: Annotated[LeadId | None, Field(description="Whole or short id of the lead to update")] = None
    replace_notes: Annotated[bool, Field(description="Replace the notes")] = False
    dry_run: Annotated[bool, Field(description="Only show the plan")] = False
    confirm: Annotated[str | None, Field(description="Token of a plan that the user approved")] = None

    def with_values(
        self, values: Mapping[str, Any], *, notes: tuple[str, ...] = (), only_if_blank: Iterable[str] = ()
    ) -> Self:
        """Return a copy with other values; for `notes` and `only_if_blank` see `Given`."""
        joined = {"notes": "\n".join(notes)} if notes else {}
        arguments = self.model_copy(update={**values, **joined})
        arguments._given = replace(
            self._given,
            blank=tuple(name for name in self._given.blank if name not in values),
            only_if_blank=frozenset(only_if_blank),
            notes=notes,
        )
        return arguments

    @model_validator(mode="after")
    def _check_that_somebody_is_meant(self) -> Self:
        if not (self.id or self.phone or self.email or self.name):
            raise ValueError("give at least a phone, an e-mail, a name or an id: nobody is meant otherwise")
        return self


class SharedFields(Arguments):
    """Fields that are given once for many leads: all that can be written but name, phone and e-mail."""

    stage: Annotated[str | None, Field(description="For all leads")] = None
    priority: Annotated[Priority | None, Field(description="For all leads")] = None
    projected_value: Annotated[Amount | None, Field(description="For all leads")] = None
    follow_up_date: Annotated[Date | None, Field(description="For all leads")] = None
    service_type: Annotated[str | None, Field(max_length=SERVICE_TYPE_LIMIT, description="For all leads")] = (
        None
    )
    source: Annotated[str | None, Field(description="For all leads")] = None
    tags: Annotated[Tags, Field(description="Added to all leads")] = []
    address_street1: Annotated[str | None, Field(description="For all leads")] = None
    address_street2: Annotated[str | None, Field(description="For all leads")] = None
    address_city: Annotated[str | None, Field(description="For all leads")] = None
    address_state: Annotated[str | None, Field(description="For all leads")] = None
    address_zip: Annotated[str | None, Field(description="For all leads")] = None
    address_country: Annotated[str | None, Field(description="For all leads")] = None
    notes: Annotated[str | None, Field(max_length=NOTES_LIMIT, description="Added to all leads")] = None

    @property
    def shared(self) -> dict[str, Any]:
        """The fields that were given, with their values."""
        return {
            name: value
            for name in SharedFields.model_fields
            if name in self.model_fields_set and (value := getattr(self, name)) not in (None, [])
        }

    def fill(self, row: UpsertRequest) -> UpsertRequest:
        """Return the arguments of a row, completed by those for all rows.

        A value of the row takes precedence; tags and notes are added to its own.

        Raises:
            InvalidArguments: if both notes together exceed Rotor's limit.
        """
        shared = self.shared
        if not shared:
            return row
        missing = {
            name: value
            for name, value in shared.items()
            if name not in (*row.model_fields_set, "tags", "notes")
        }
        added: dict[str, Any] = {}
        if self.tags:
            added["tags"] = list(dict.fromkeys([*row.tags, *self.tags]))
        notes = tuple(dict.fromkeys(text for text in (row.notes, self.notes) if text)) if self.notes else ()
        if len("\n".join(notes)) > NOTES_LIMIT:
            raise InvalidArguments(
                [f"notes: with those for all rows more than {NOTES_LIMIT:,} characters; shorten one of them"]
            )
        return row.with_values(missing | added, notes=notes, only_if_blank=missing)


SortOrder = Literal["newest", "oldest", "follow_up", "value", "name"]
CountedBy = Literal[
    "stage",
    "source",
    "priority",
    "tag",
    "service_type",
    "city",
    "assigned_to",
    "created_month",
    "created_week",
    "created_day",
    "follow_up_month",
    "follow_up_day",
]
MAX_COUNTED_BY = 2


def _read_words(value: object) -> object:
    """Read words that came as one text or as a JSON list in a text; leave out blank ones.

    A text is one word: a stage may contain a comma.
    """
    return read_items(value, lambda text: [text])


Words = Annotated[list[str], BeforeValidator(_read_words)]


def _read_counted_by(value: object) -> object:
    """Read what is counted by as a list, also from names of fields: tags, address_city."""
    names = split_tags(value)
    if not isinstance(names, list):
        return names
    return [
        _COUNTED_FIELDS.get(name.strip(), name.strip()) if isinstance(name, str) else name for name in names
    ]


_COUNTED_FIELDS = {"tags": "tag", "address_city": "city", "lead_source": "source", "property_city": "city"}
"""Name of a field → what it is counted by."""


def _check_fields(names: list[str]) -> list[str]:
    """Return the names of fields, each once; what Rotor answers under another name is read as well.

    Raises:
        ValueError: if there is no such field.
    """
    known = [SENT_NAMES.get(name, name) for name in names]
    unknown = [name for name in known if name not in Lead.model_fields]
    if unknown:
        raise ValueError(f"there is no field {', '.join(unknown)}; there are {', '.join(Lead.model_fields)}")
    return list(dict.fromkeys(known))


FieldNames = Annotated[list[str], BeforeValidator(split_tags), AfterValidator(_check_fields)]


_USUAL_FIELDS = [
    name
    for name in Lead.model_fields
    if name not in ("address_street2", "address_country", "archived_at", "location", "value_score")
]
"""The fields that `fields` names; the others may be asked for as well."""


class SearchRequest(Arguments):
    """The arguments of `search_leads`."""

    search: Annotated[str | None, Field(description="Part of a name, e-mail or phone, in any spelling")] = (
        None
    )
    stage: Annotated[Words, Field(description="In any of these stages")] = []
    not_stage: Annotated[Words, Field(description="In none of these stages")] = []
    tags: Annotated[Tags, Field(description="With any of these tags")] = []
    all_tags: Annotated[bool, Field(description="With all the tags")] = False
    archived: Annotated[Literal["exclude", "include", "only"], Field(description="Archived leads")] = (
        "exclude"
    )
    created_from: Annotated[
        Day | None, Field(description="Created on or after this day (YYYY-MM-DD, company's time zone)")
    ] = None
    created_to: Annotated[Day | None, Field(description="Created on or before this day")] = None
    follow_up_from: Annotated[Day | None, Field(description="Follow-up on or after this day")] = None
    follow_up_to: Annotated[Day | None, Field(description="Follow-up on or before this day")] = None
    overdue: Annotated[bool, Field(description="Follow-up before today")] = False
    needs_action: Annotated[
        bool,
        Field(
            description="Follow-up today or earlier, or created within 2 days without a follow-up; "
            "in any stage"
        ),
    ] = False
    priority: Annotated[Priority | None, Field(description="How urgent")] = None
    source: Annotated[str | None, Field(description="Part of the source")] = None
    service_type: Annotated[str | None, Field(description="Part of the service type")] = None
    address_city: Annotated[str | None, Field(description="City")] = None
    address_state: Annotated[str | None, Field(description="State or province")] = None
    address_zip: Annotated[str | None, Field(description="Start of the postal code")] = None
    value_from: Annotated[Amount | None, Field(description="Value at least this")] = None
    value_to: Annotated[Amount | None, Field(description="Value at most this")] = None
    has: Annotated[FieldNames, Field(description="Fields that must have a value")] = []
    lacks: Annotated[FieldNames, Field(description="Fields that must be empty, such as follow_up_date")] = []
    duplicates: Annotated[
        bool,
        Field(description="Only leads that share a phone or e-mail, in groups"),
    ] = False
    order: Annotated[
        SortOrder | None,
        Field(description="Default newest, with a follow-up filter follow_up: most overdue first"),
    ] = None
    count_by: Annotated[
        list[CountedBy],
        BeforeValidator(_read_counted_by),
        Field(
            description="Count all matches and their value by one or two of these; limit 0 gives counts alone"
        ),
    ] = []
    fields: Annotated[FieldNames, Field(description=f"Only these: {', '.join(_USUAL_FIELDS)}")] = []
    limit: Annotated[int, Field(ge=0, le=100, description="Leads shown")] = 20
    cursor: Annotated[str | None, Field(description="From the last result")] = None

    @property
    def sorted_by(self) -> SortOrder:
        """The order: most overdue first where follow-ups are asked for, and otherwise newest first."""
        about_follow_ups = self.overdue or self.needs_action or self.follow_up_from or self.follow_up_to
        return self.order or ("follow_up" if about_follow_ups else "newest")

    def note_blanks(self, blank: Mapping[str, object]) -> None:
        """Record the arguments that were given without a value, and add a remark about unused zeros."""
        super().note_blanks(blank)
        fields = type(self).model_fields
        if not_used := [
            f"{name} {json.dumps(value)}"
            for name, value in blank.items()
            if name in fields and not is_blank(value) and value != fields[name].default
        ]:
            self.remark(
                f"not used, because other arguments are blank text: {', '.join(not_used)}. To filter by it, "
                "leave blank arguments out"
            )

    @field_validator("count_by")
    @classmethod
    def _check_count_by(cls, value: list[CountedBy]) -> list[CountedBy]:
        if len(set(value)) != len(value) or len(value) > MAX_COUNTED_BY:
            raise ValueError(f"give one or two different ones, not {', '.join(value)}")
        return value

    @field_validator("has", "lacks")
    @classmethod
    def _check_that_it_may_be_missing(cls, value: list[str]) -> list[str]:
        if never := [name for name in value if name in ("id", "archived")]:
            raise ValueError(f"{', '.join(never)}: every lead has it")
        return value

    @model_validator(mode="after")
    def _check_that_a_lead_can_match(self) -> Self:
        if both := [name for name in self.has if name in self.lacks]:
            raise ValueError(f"no lead both has and lacks {', '.join(both)}")
        return self
