"""What the tools answer: its JSON is the structured content, and `wording.py` makes the text from it."""

from collections.abc import Callable
from datetime import date, tzinfo
from typing import Annotated, Any, Literal

from pydantic import BaseModel, PlainSerializer

from rotor_mcp import dates
from rotor_mcp.models import Lead, whole_if_it_is

Outcome = Literal["created", "updated", "unchanged", "needs_confirmation", "unknown"]


class ShownLead(Lead):
    """A lead as results show it: dates as days and times of the company's time zone, follow-up judged."""

    overdue_days: int | None = None
    """Days since `follow_up_date`; 0 if that is today, None if it is to come or there is none."""

    @classmethod
    def of(cls, lead: Lead, today: date, zone: tzinfo) -> "ShownLead":
        """Show all of a lead on a day in a time zone. Instants in a form we do not know stay as they are."""
        return cls._of(lead, today, zone, tuple(Lead.model_fields), dates.show)

    @classmethod
    def row(cls, lead: Lead, today: date, zone: tzinfo, fields: tuple[str, ...]) -> "ShownLead":
        """Show some fields of a lead, and days without the time."""
        return cls._of(lead, today, zone, fields, dates.show_day)

    @classmethod
    def _of(
        cls,
        lead: Lead,
        today: date,
        zone: tzinfo,
        fields: tuple[str, ...],
        show: Callable[[str, tzinfo], str],
    ) -> "ShownLead":
        values = {name: getattr(lead, name) for name in fields}
        for name in ("created_at", "archived_at", "follow_up_date"):
            if values.get(name) is not None:
                values[name] = show(values[name], zone)
        due = dates.day(lead.follow_up_date, zone) if lead.follow_up_date else None
        overdue = (today - due).days if due and due <= today else None
        return cls.model_construct(**values, overdue_days=overdue)


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


class UpsertResult(Result):
    """What `upsert_lead` did, or would do."""

    outcome: Outcome
    dry_run: bool = False
    id: str | None = None
    name: str | None = None
    archived: bool = False
    matched_by: str | None = None
    changes: list[Difference] = []
    tags_added: list[str] = []
    tags_present: list[str] = []
    unchanged: list[str] = []
    reasons: list[str] = []
    candidates: list[ShownLead] = []
    confirm: str | None = None
    warnings: list[str] = []

    @property
    def failed(self) -> bool:
        """Whether it must not pass for success."""
        return self.outcome == "unknown"


class SearchResult(Result):
    """What `search_leads` found."""

    leads: list[ShownLead]
    total: int | None = None
    page: int
    next_page: int | None = None
    archived: Literal["exclude", "include"]


class GetResult(Result):
    """What `get_lead` read."""

    lead: ShownLead
