"""Writes many leads in one call: combine rows, look up, plan all, write, and say how each row ended.

`upsert.py` carries out each single write.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import anyio

from rotor_mcp.concurrency import for_each
from rotor_mcp.errors import FINAL_ERRORS, CallError, InvalidLead, NotesTooLong, NotFound, Refused, RotorError
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.dedupe import ClashError, RowGroup, combine, merge
from rotor_mcp.leads.lookup import LeadIndex, LeadLoader
from rotor_mcp.leads.plan import Plan, approval_token, make_plan
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


@dataclass(frozen=True)
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
        logger.error("rows %s crashed", rows, exc_info=exc)
        return cls(rows, "unknown" if sent else "invalid", failure=Crash(type(exc).__name__, sent))

    @property
    def is_stored(self) -> bool:
        """Whether Rotor holds what the rows ask for."""
        return self.status in ("created", "updated", "unchanged")


@dataclass(frozen=True)
class PlannedWrite:
    """One write of a batch, before it starts."""

    group: RowGroup
    plan: Plan

    @property
    def needs_approval(self) -> bool:
        """Whether somebody has to approve it."""
        return self.plan.outcome == "needs_confirmation"

    @property
    def sends(self) -> bool:
        """Whether it would send something: it needs no approval, or has it."""
        if self.needs_approval:
            return self.group.request.confirm == approval_token(self.plan)
        return self.plan.outcome != "unchanged"


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
    """Rows to be written: `plan` reads and writes nothing, `write` carries the plans out."""

    def __init__(self, groups: Sequence[RowGroup], call: CallContext) -> None:
        self.writes: list[PlannedWrite] = []
        """What can be written, or needs approval."""
        self.outcomes: list[RowOutcome] = []
        """Rows that have ended, or never could start."""
        self._call = call
        self._groups, clashes = merge(groups, call.locale)
        self.outcomes += (RowOutcome(clash.rows, "invalid", failure=clash) for clash in clashes)
        self._index = LeadIndex([group.request for group in self._groups], call.locale.region)
        self._loader = LeadLoader(self._index, call.api)
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
        await self._loader.read_for_all(limit)
        await learn_words([group.request for group in self._groups], self._call)
        by_lead: dict[object, list[PlannedWrite]] = {}
        for group in self._groups:
            if write := self._planned(group):
                by_lead.setdefault(write.plan.target or group.rows, []).append(write)
        for writes in by_lead.values():
            self.writes += writes if len(writes) == 1 else self._combined(writes)
        # Of the writes to one lead, an approved one goes first: it holds for the lead as it was shown. One
        # that needs approval goes last, and shows what the others have made of the lead.
        self.writes.sort(
            key=lambda write: (not (write.needs_approval and write.sends), not write.sends, write.group.rows)
        )

    def _planned(self, group: RowGroup) -> PlannedWrite | None:
        try:
            match = self._index.match(group.request).match
            plan = make_plan(group.request, match, self._call.locale)
        except (NotesTooLong, Refused) as exc:
            self.outcomes.append(RowOutcome(group.rows, "invalid", failure=exc))
            return None
        except Exception as exc:
            self.outcomes.append(RowOutcome.crashed(group.rows, exc))
            return None
        return PlannedWrite(group, plan)

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

    def preview(self) -> list[RowOutcome]:
        """Return how all rows would end if they were written now."""
        return [*self.outcomes, *map(self._preview, self.writes)]

    def _preview(self, write: PlannedWrite) -> RowOutcome:
        request = write.group.request.model_copy(update={"dry_run": True})
        status = write.plan.operation if write.sends else write.plan.outcome
        return RowOutcome(write.group.rows, status, show(request, write.plan))

    async def write(self, observer: BatchObserver) -> None:
        """Carry out what is planned, a few writes at a time, until all have ended or none can start."""

        async def end(write: PlannedWrite) -> None:
            rows, stopped = write.group.rows, self._stopped or observer.stop()
            if stopped and write.sends:
                outcome = RowOutcome(rows, "not_sent", failure=stopped)
            elif stopped:
                outcome = self._preview(write)  # there is nothing to send, so nothing to stop
            elif refused := observer.before_write(write):
                outcome = RowOutcome(rows, "not_sent", failure=refused)
            else:
                outcome = await self._write(write)
            self.outcomes.append(outcome)
            await observer.after_write(outcome)

        try:
            await for_each(self.writes, end)
        except anyio.get_cancelled_exc_class():
            done = [row for outcome in self.outcomes for row in outcome.rows]
            logger.warning("cancelled; of %d rows these were dealt with: %s", len(self.writes), sorted(done))
            raise

    async def _write(self, write: PlannedWrite) -> RowOutcome:
        rows, request = write.group.rows, write.group.request
        try:
            await self._loader.refresh()
            outcome = await upsert(request, self._call, self._index.match(request))
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
