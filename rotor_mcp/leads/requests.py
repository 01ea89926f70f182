"""Models of the requests: the arguments of `upsert_lead` and `search_leads`.

The fields of a lead and their limits are in `api/models.py`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from rotor_mcp.api.models import (
    Amount,
    Day,
    Fields,
    Lead,
    LeadFields,
    LeadId,
    Priority,
    Tags,
    is_blank,
    split_tags,
)


@dataclass(frozen=True)
class Given:
    """How arguments were given, in addition to their values."""

    blank: tuple[str, ...] = ()
    """Arguments that were given without a value."""
    remarks: tuple[str, ...] = ()
    """Texts for the caller about how the arguments were interpreted."""
    only_if_blank: frozenset[str] = frozenset()
    """Fields that were given for all rows: they do not replace a value of an existing lead."""
    notes: tuple[str, ...] = ()
    """The notes of each merged row; each is added unless the lead has it."""


class Arguments(Fields):
    """The arguments of a tool."""

    _given: Given = PrivateAttr(default=Given())

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

    id: Annotated[LeadId | None, Field(description="Lead to update; may then change anything")] = None
    replace_notes: Annotated[bool, Field(description="Replace the notes instead of adding to them")] = False
    dry_run: Annotated[bool, Field(description="Only show what would happen")] = False
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


class RowDefaults(Arguments):
    """Arguments that are given once for all rows."""

    stage: Annotated[str | None, Field(description="For rows without")] = None
    source: Annotated[str | None, Field(description="For rows without")] = None
    tags: Annotated[Tags, Field(description="For all rows")] = []

    def fill(self, row: UpsertRequest) -> UpsertRequest:
        """Return the arguments of a row, completed by those for all rows."""
        missing = {
            name: value
            for name in ("stage", "source")
            if (value := getattr(self, name)) is not None and name not in row.model_fields_set
        }
        tags = {"tags": list(dict.fromkeys([*row.tags, *self.tags]))} if self.tags else {}
        return row.with_values(missing | tags, only_if_blank=missing)


SortOrder = Literal["newest", "oldest", "follow_up", "value", "name"]
CountedBy = Literal["stage", "source", "priority", "tag"]


class SearchRequest(Arguments):
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
    fields: Annotated[list[str], BeforeValidator(split_tags), Field(description="Only these fields")] = []
    limit: Annotated[int, Field(ge=0, le=100, description="Leads shown")] = 20
    cursor: Annotated[str | None, Field(description="From the last result, to go on")] = None

    def note_blanks(self, blank: Mapping[str, object]) -> None:
        """Record the arguments that were given without a value, and add a remark about unused zeros."""
        super().note_blanks(blank)
        fields = type(self).model_fields
        if not_used := [
            f"{name} {json.dumps(value)}"
            for name, value in blank.items()
            if not is_blank(value) and value != fields[name].default
        ]:
            self.remark(
                f"not used, because other arguments are blank text: {', '.join(not_used)}. To filter by it, "
                "leave blank arguments out"
            )

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, value: list[str]) -> list[str]:
        unknown = [name for name in value if name not in Lead.model_fields]
        if unknown:
            raise ValueError(
                f"there is no field {', '.join(unknown)}; there are {', '.join(Lead.model_fields)}"
            )
        return value
