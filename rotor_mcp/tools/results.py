"""What the tools answer: its JSON is the structured content, and `wording.py` makes the text from it.

Fields that a schema need not spend tokens on, because their names say what they are, are left out of it.
"""

from collections.abc import Mapping
from datetime import date, tzinfo
from itertools import islice
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from rotor_mcp import dates
from rotor_mcp.api.models import Lead, whole_if_it_is
from rotor_mcp.sanitize import clean, one_line

Outcome = Literal["created", "updated", "unchanged", "needs_confirmation", "unknown"]
RowOutcome = Literal[Outcome, "invalid", "not_sent"]
"""Of a row among many, also: it could not be taken, or its turn did not come."""

MAX_ROW_TEXT_CHARS = 300
"""Characters of a text that a row shows."""


class LeadView(Lead):
    """A lead as results show it: dates as days and times of the company's time zone, follow-up judged.

    Its texts are one line each, but for the notes, without hidden characters.
    """

    overdue_days: int | None = None
    """Days since `follow_up_date`; 0 if that is today, None if it is to come or there is none."""

    @classmethod
    def of(cls, lead: Lead, today: date, zone: tzinfo) -> "LeadView":
        """Show all of a lead on a day in a time zone. Instants in a form we do not know stay as they are."""
        values = {name: _fold(value) for name, value in lead if value is not None}
        for name, read in _INSTANTS.items():
            if values.get(name) is not None:
                values[name] = dates.show(values[name], zone, read)
        values["notes"] = clean(lead.notes).strip() or None if lead.notes else None
        values["overdue_days"] = _overdue_days(lead, today, zone)
        return _NOTHING_SHOWN.model_copy(update=values)

    @classmethod
    def row(cls, lead: Lead, today: date, zone: tzinfo, fields: tuple[str, ...]) -> "LeadView":
        """Show some fields of a lead: days without the time, and of long texts the beginning."""
        known = lead.__dict__
        values = {
            name: _fold(value, MAX_ROW_TEXT_CHARS) for name in fields if (value := known[name]) is not None
        }
        for name, read in _INSTANTS.items():
            if values.get(name) is not None:
                values[name] = dates.show_day(values[name], zone, read)
        values["overdue_days"] = _overdue_days(lead, today, zone)
        return _NOTHING_SHOWN.model_copy(update=values)


_NOTHING_SHOWN = LeadView()
_INSTANTS: dict[str, dates.ReadDate] = {
    "created_at": dates.local,
    "archived_at": dates.local,
    "follow_up_date": dates.follow_up,
}
"""Fields that hold an instant, and how each is read."""


def _overdue_days(lead: Lead, today: date, zone: tzinfo) -> int | None:
    due = dates.day(lead.follow_up_date, zone, dates.follow_up) if lead.follow_up_date else None
    return (today - due).days if due and due <= today else None


def _fold(value: Any, longest: int | None = None) -> Any:
    """Bring a text, and each of a list, into one line without hidden characters; nothing left is nothing."""
    if isinstance(value, str):
        text = one_line(value)
        return (text if longest is None or len(text) <= longest else f"{text[:longest]}…") or None
    if isinstance(value, list):
        return [folded for item in value if (folded := _fold(item, longest)) is not None]
    return value


class Result(BaseModel):
    """What every tool answers: its subject, the day and place it was judged in, and what the call cost."""

    today: str
    timezone: str
    requests: int
    """Requests spent of the key's daily quota."""

    @property
    def failed(self) -> bool:
        """Whether it must not pass for success."""
        return False

    def content(self) -> dict[str, Any]:
        """The result as a JSON object, without what is not known and what is empty."""
        return self.model_dump(mode="json", exclude_defaults=True)


class Difference(BaseModel):
    """A field, as it was and as it is; not known before means there was nothing, or that it was not seen."""

    field: str
    before: Annotated[str | float | None, PlainSerializer(whole_if_it_is)] = None
    after: Annotated[str | float, PlainSerializer(whole_if_it_is)]


class KeptField(BaseModel):
    """A field that a lead keeps, although another value was given."""

    field: str
    value: Annotated[str | float, PlainSerializer(whole_if_it_is)]
    given: Annotated[str | float, PlainSerializer(whole_if_it_is)]


class Write(BaseModel):
    """What a write changed in a lead, or would change, and what waits for approval."""

    id: str | None = None
    name: SkipJsonSchema[str | None] = None
    archived: SkipJsonSchema[bool] = False
    matched_by: SkipJsonSchema[str | None] = None
    changes: list[Difference] = []
    tags_added: list[str] = []
    tags_present: SkipJsonSchema[list[str]] = []
    unchanged: SkipJsonSchema[list[str]] = []
    kept: SkipJsonSchema[list[KeptField]] = []
    reasons: list[str] = []
    candidates: list[LeadView] = []
    confirm: str | None = None
    warnings: list[str] = []


class UpsertResult(Write, Result):
    """What `upsert_lead` did, or would do."""

    outcome: Outcome
    dry_run: SkipJsonSchema[bool] = False

    @property
    def failed(self) -> bool:
        """Whether it must not pass for success."""
        return self.outcome == "unknown"


class RowShown(Write):
    """A row that needs attention, in full."""

    row: int
    rows: list[int] = []
    """All that are the same person, if there are several."""
    outcome: RowOutcome


class RowLine(BaseModel):
    """A row that needs none, in short."""

    row: int
    outcome: RowOutcome
    name: str | None = None
    id: str | None = None
    """Only where the lead could not be found again by a phone or e-mail."""
    same_as: int | None = None
    """The row that is the same person and was written with it."""
    changed: str | None = None
    """What changed in this row alone."""


class BatchResult(Result):
    """What `upsert_leads` did, or would do."""

    dry_run: SkipJsonSchema[bool] = False
    counts: dict[RowOutcome, int]
    """Rows by outcome."""
    would_spend: SkipJsonSchema[int] = 0
    """Further requests that it would take to carry out what a dry run shows."""
    attention: list[RowShown] = []
    not_shown: SkipJsonSchema[list[int]] = []
    """Rows that need attention, and for which there was no room."""
    not_sent: SkipJsonSchema[list[int]] = []
    """Rows whose turn did not come. The warnings say why."""
    rows: list[RowLine] = []
    changed: SkipJsonSchema[list[str]] = []
    """What changed in the same way in several rows."""
    shortened: SkipJsonSchema[bool] = False
    """Whether there was no room for all changes and ids."""
    warnings: SkipJsonSchema[list[str]] = []

    @property
    def failed(self) -> bool:
        """Whether it must not pass for success."""
        return not self.counts.keys().isdisjoint({"unknown", "not_sent"}) or self.counts.keys() == {"invalid"}


class Count(BaseModel):
    """How many leads have something in common, and what they may bring together."""

    name: str
    count: int
    value: Annotated[float, PlainSerializer(whole_if_it_is)] = 0

    @classmethod
    def first(cls, counts: Mapping[str, tuple[int, float]], most: int) -> list[Self]:
        """The first of some counts: name → how many, and their value."""
        return [
            cls(name=one_line(name)[:100], count=number, value=value)
            for name, (number, value) in islice(counts.items(), most)
        ]


class UnusedWord(BaseModel):
    """A stage, source or tag that no lead read lately has."""

    kind: str
    word: str
    in_use: list[str]
    """Those in use, the most used first."""


class SearchResult(Result):
    """What `search_leads` found."""

    leads: list[LeadView]
    count: int | None = None
    """Leads that match; None if Rotor did not say."""
    value: Annotated[float, PlainSerializer(whole_if_it_is)] | None = None
    """What all that match may bring."""
    counts: list[Count] = []
    counts_left_out: SkipJsonSchema[int] = 0
    counted_by: SkipJsonSchema[str | None] = None
    looked_at: SkipJsonSchema[int | None] = None
    """Leads that were read, if there are more that were not."""
    exist: SkipJsonSchema[int | None] = None
    """Leads that Rotor has of those that could match."""
    continues: SkipJsonSchema[bool] = False
    """Whether this goes on from an earlier result."""
    cursor: str | None = None
    order: SkipJsonSchema[str] = "newest"
    archived: SkipJsonSchema[str]
    lines: Annotated[SkipJsonSchema[list[str]], Field(exclude=True)] = []
    """The leads as the text shows them: each was worded to see whether there is room for it."""
    compared_here: SkipJsonSchema[bool] = False
    """Whether Rotor's search found nothing, and leads were read to compare their texts in every spelling."""
    rotor_alone: SkipJsonSchema[bool] = False
    """Whether nothing matches by Rotor's own comparison, and no request was left for other spellings."""
    filters: SkipJsonSchema[dict[str, Any]] = {}
    """What was filtered by, if nothing matches."""
    unused: SkipJsonSchema[list[UnusedWord]] = []
    """Stages, sources and tags that were asked for and that no lead read lately has."""
    age_seconds: SkipJsonSchema[int] = 0
    """Age of the oldest part, if some of it was remembered from an earlier search."""


class PipelineResult(Result):
    """How many leads there are in each stage, from each source, with each tag."""

    count: int
    value: float
    counts: dict[str, list[Count]]
    exist: int | None = None
    """Leads that there are, if not all of them were read."""


class GetResult(Result):
    """What `get_lead` read."""

    lead: Annotated[LeadView, WithJsonSchema({"type": "object"})]
    notes_go_on_at: SkipJsonSchema[int | None] = None
    """Where the notes go on, if they are longer than what is shown."""
