"""Writes many leads in one call: combine rows, look up, plan all, write, and say how each row ended.

`upsert.py` carries out each single write.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import anyio

from rotor_mcp.api.models import LEAD_ID_CHARS
from rotor_mcp.concurrency import for_each
from rotor_mcp.errors import (
    FINAL_ERRORS,
    CallError,
    InvalidLead,
    NotesTooLong,
    NotFound,
    Refused,
    RotorError,
    UnclearId,
)
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.dedupe import ClashError, RowGroup, combine, merge
from rotor_mcp.leads.lookup import LeadIndex, LeadLoader
from rotor_mcp.leads.plan import Plan, approval_token, make_plan
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.short_ids import resolve
from rotor_mcp.leads.upsert import UpsertOutcome, UpsertStatus, learn_words, show, upsert

RowStatus = Literal[UpsertStatus, "invalid", "not_sent"]
"""The status of a row: as of a single write, or it could not be used, or its turn did not come."""

MAX_CONSECUTIVE_FAILURES = 3
"""Consecutive writes that failed, or whose outcome is unknown, after which no further write starts."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Crash:
    """An unexpected exception."""

    kind: str
    """The class of the exception."""
    sent: bool
    """Whether something of the rows may have been sent."""


@dataclass(frozen=True)
class RepeatedFailures:
    """Rotor failed for so many writes in a row that no further one was started."""

    count: int


Failure = CallError | ClashError | Crash | RepeatedFailures | str
"""Why rows were not written; a text if whoever observes the batch stopped it."""


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """How rows that became one write ended, or why they were not written."""

    rows: tuple[int, ...]
    status: RowStatus
    upsert: UpsertOutcome | None = None
    """What became of the write."""
    failure: Failure | None = None

    @classmethod
    def crashed(cls, rows: tuple[int, ...], exc: Exception, *, sent: bool = False) -> Self:
        """Return the outcome of rows that raised an unexpected exception, and log it. Other rows go on."""
        logger.error("rows %s crashed", rows, exc_info=exc, extra={"event": "rows_crashed", "rows": rows})
        return cls(rows, "unknown" if sent else "invalid", failure=Crash(type(exc).__name__, sent))

    @property
    def is_stored(self) -> bool:
        """Whether Rotor holds what the rows ask for."""
        return self.status in ("created", "updated", "unchanged")


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One write of a batch, before it starts. Its plan is not kept: a batch can make it again."""

    group: RowGroup
    target: str | None
    """The id of the lead that would be updated; None if one would be created."""
    needs_approval: bool
    """Whether somebody has to approve it."""
    sends: bool
    """Whether it would send something: it needs no approval, or has it."""
    alternatives: tuple[str, ...]
    """The ids of other leads that could be meant."""

    @classmethod
    def of(cls, group: RowGroup, request: UpsertRequest, plan: Plan) -> Self:
        """Return the write of a plan."""
        needs_approval = plan.outcome == "needs_confirmation"
        return cls(
            group,
            plan.target,
            needs_approval,
            sends=(
                request.confirm == approval_token(plan) if needs_approval else plan.outcome != "unchanged"
            ),
            alternatives=tuple(lead.id for lead in plan.found.alternatives if lead.id),
        )

    @property
    def rows(self) -> tuple[int, ...]:
        """The numbers of its rows."""
        return self.group.rows


class BatchObserver:
    """Observes the writes of a batch, and can stop them. The base class lets every write start."""

    def stop(self) -> str | None:
        """Return why no further write may start; None if one may."""
        return None

    def before_write(self, _write: PlannedWrite) -> str | None:
        """Receive a write that is about to start. Return why it must not; None if it may."""
        return None

    async def after_write(self, outcome: RowOutcome) -> None:
        """Receive the outcome of a write that has ended, or was not started."""


class Batch:
    """Rows to be written: `plan` reads and writes nothing, `write` carries the plans out.

    Requests and plans are made when they are needed, and not kept: a batch may have 100,000 rows.
    """

    def __init__(self, groups: Sequence[RowGroup], call: CallContext) -> None:
        self.writes: list[PlannedWrite] = []
        """What can be written, or needs approval."""
        self.outcomes: list[RowOutcome] = []
        """Rows that never could start."""
        self._call = call
        self._groups, clashes = merge(groups, call.locale)
        self.outcomes += (RowOutcome(clash.rows, "invalid", failure=clash) for clash in clashes)
        self._index = LeadIndex((group.keys for group in self._groups), call.locale.region)
        self._loader = LeadLoader(self._index, call.api, call.state.known)
        self._ended: list[int] = []
        """The rows whose writes have ended."""
        self._failures = 0
        self._stopped: RotorError | RepeatedFailures | None = None

    @property
    def cost(self) -> int:
        """Requests that it takes to write what is planned."""
        return sum(write.sends for write in self.writes)

    async def plan(self, limit: int) -> None:
        """Look up the leads that are meant, and plan what would change.

        Raises:
            TooManyRequests: if it would take more.
            RotorError: if Rotor could not be asked or refused.
        """
        await self._loader.read_for_all(self._groups, limit)
        if not self._call.state.vocabulary.enough:
            await learn_words((group.request for group in self._groups), self._call)
        by_lead: dict[str, list[PlannedWrite]] = {}
        for group in self._groups:
            if write := self._planned(group):
                if write.target is None:
                    self.writes.append(write)
                else:
                    by_lead.setdefault(write.target, []).append(write)
        for writes in by_lead.values():
            self.writes += writes if len(writes) == 1 else self._combined(writes)
        # Of the writes to one lead, an approved one goes first: it holds for the lead as it was shown. One
        # that needs approval goes last, and shows what the others have made of the lead.
        self.writes.sort(
            key=lambda write: (not (write.needs_approval and write.sends), not write.sends, write.rows)
        )

    def _planned(self, group: RowGroup) -> PlannedWrite | None:
        planned = self._plan(group)
        if isinstance(planned, RowOutcome):
            self.outcomes.append(planned)
            return None
        return PlannedWrite.of(group, *planned)

    def _plan(self, group: RowGroup) -> tuple[UpsertRequest, Plan] | RowOutcome:
        """Return the request and the plan of a group, or why there is none."""
        try:
            request = group.request
            match = self._index.match(request, group.keys).match
            return request, make_plan(request, match, self._call.locale)
        except (NotesTooLong, Refused) as exc:
            return RowOutcome(group.rows, "invalid", failure=exc.with_traceback(None))  # it holds the plan
        except Exception as exc:
            return RowOutcome.crashed(group.rows, exc)

    def plan_of(self, write: PlannedWrite) -> Plan | None:
        """Make the plan of a write again. None if it can no longer be made."""
        planned = self._plan(write.group)
        return None if isinstance(planned, RowOutcome) else planned[1]

    def _combined(self, writes: Sequence[PlannedWrite]) -> list[PlannedWrite]:
        """Combine writes to one lead, for example when one row has its phone and another its e-mail.

        What needs approval stays by itself: combined with an id, it would be written without approval.
        """
        separate = [write for write in writes if write.needs_approval]
        clear = [write.group for write in writes if not write.needs_approval]
        try:
            together = self._planned(combine(clear, self._call.locale)) if clear else None
        except ClashError as exc:
            self.outcomes.append(RowOutcome(exc.rows, "invalid", failure=exc))
            together = None
        return separate if together is None else [*separate, together]

    def preview(self) -> Iterator[RowOutcome]:
        """Yield how all rows would end if they were written now, in their order."""
        rows: list[RowOutcome | PlannedWrite] = [*self.outcomes, *self.writes]
        rows.sort(key=lambda row: row.rows)
        for row in rows:
            yield row if isinstance(row, RowOutcome) else self._preview(row)

    def _preview(self, write: PlannedWrite) -> RowOutcome:
        planned = self._plan(write.group)
        if isinstance(planned, RowOutcome):
            return planned
        request, plan = planned
        status = plan.operation if write.sends else plan.outcome
        return RowOutcome(write.rows, status, show(request.model_copy(update={"dry_run": True}), plan))

    async def write(self, observer: BatchObserver) -> None:
        """Carry out what is planned, a few writes at a time, until all have ended or none can start.

        The outcomes go to the observer and are not kept.
        """

        async def end(write: PlannedWrite) -> None:
            stopped = self._stopped or observer.stop()
            if stopped:
                outcome = self._not_sent(write, stopped)
            elif refused := observer.before_write(write):
                outcome = RowOutcome(write.rows, "not_sent", failure=refused)
            else:
                outcome = await self._write(write)
            self._ended += write.rows
            await observer.after_write(outcome)

        try:
            await for_each(self.writes, end)
        except anyio.get_cancelled_exc_class():
            done = sorted([*self._ended, *(row for outcome in self.outcomes for row in outcome.rows)])
            logger.warning(
                "cancelled; of %d rows these were dealt with: %s",
                len(self.writes),
                done,
                extra={"event": "batch_cancelled", "rows": len(self.writes), "rows_done": len(done)},
            )
            raise

    def _not_sent(self, write: PlannedWrite, why: Failure) -> RowOutcome:
        """Return the outcome of a write that must not start. If it would send nothing, it need not."""
        if not write.sends:
            shown = self._preview(write)
            if shown.status not in ("created", "updated"):  # the lead may have changed meanwhile
                return shown
        return RowOutcome(write.rows, "not_sent", failure=why)

    async def _write(self, write: PlannedWrite) -> RowOutcome:
        rows, request = write.rows, write.group.request
        try:
            await self._loader.refresh()
            lookup = self._index.match(request, write.group.keys)
            outcome = await upsert(request, self._call, lookup)
        except (NotesTooLong, InvalidLead, NotFound) as exc:
            return RowOutcome(rows, "invalid", failure=exc)
        except RotorError as exc:
            if isinstance(exc, FINAL_ERRORS):
                self._stopped = exc
            elif not isinstance(exc, Refused):
                self._count_failure()
            return RowOutcome(rows, "not_sent", failure=exc)
        except Exception as exc:
            self._count_failure()
            return RowOutcome.crashed(rows, exc, sent=write.sends)
        if outcome.status == "unknown":
            self._count_failure()
        else:
            self._failures = 0
        return RowOutcome(rows, outcome.status, outcome)

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= MAX_CONSECUTIVE_FAILURES:
            self._stopped = RepeatedFailures(self._failures)


async def with_whole_ids(
    groups: Sequence[RowGroup], call: CallContext, refused: list[RowOutcome]
) -> list[RowGroup]:
    """Return rows with whole ids in the place of short ones. Rows whose lead is not certain are refused.

    Raises:
        RotorError: if Rotor could not be asked or refused.
    """
    short = [one.request.id for one in groups if one.request.id and len(one.request.id) < LEAD_ID_CHARS]
    if not short:
        return list(groups)
    resolved = await resolve(short, call)
    whole: list[RowGroup] = []
    for group in groups:
        lead_id = resolved.get(group.request.id or "", group.request.id)
        if isinstance(lead_id, UnclearId):
            refused.append(RowOutcome(group.rows, "invalid", failure=lead_id))
        else:
            request = group.request.model_copy(update={"id": lead_id} if lead_id else {})
            whole.append(RowGroup.of(group.rows, request, call.locale.region))
    return whole
