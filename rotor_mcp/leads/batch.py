"""Many leads in one go: put together → find → plan them all → write, and how each row ended.

What a single write takes is done by `upsert.py`; here is what is different when there are many.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import anyio

from rotor_mcp import parallel
from rotor_mcp.errors import FINAL_ERRORS, InvalidLead, NotFound, Refused, RotorError
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.dedupe import ClashError, RowGroup, combine, merge
from rotor_mcp.leads.lookup import LeadIndex
from rotor_mcp.leads.plan import NotesTooLongError, Plan, plan_for
from rotor_mcp.leads.upsert import learn_words, upsert
from rotor_mcp.leads.validation import InvalidArguments
from rotor_mcp.tools import upsert_report
from rotor_mcp.tools.results import RowOutcome, UpsertResult

MAX_CONSECUTIVE_FAILURES = 3
"""After so many writes that came to nothing or ended in doubt, no further one is begun: Rotor is not well."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """How one write ended, or why it was not made."""

    rows: tuple[int, ...]
    outcome: RowOutcome
    told: UpsertResult | None = None
    """What `upsert_lead` says of it."""
    trouble: RotorError | NotesTooLongError | ClashError | InvalidArguments | str | None = None
    """What kept it from being made; a text if it was not its fault."""

    @classmethod
    def crashed(cls, rows: tuple[int, ...], exc: Exception, *, sent: bool = False) -> Self:
        """End rows with an exception that nothing foresees; the other rows go on.

        Args:
            rows: that it is about.
            exc: what was raised.
            sent: whether something of them may have been sent.
        """
        logger.error("rows %s crashed", rows, exc_info=exc)
        text = (
            f"rotor-mcp has a fault of its own here ({type(exc).__name__}); its log on stderr has the details"
        )
        if sent:
            return cls(rows, "unknown", trouble=f"{text}. Look the lead up before sending the row again")
        return cls(rows, "invalid", trouble=f"{text}. Nothing of this row was sent")

    @property
    def went_well(self) -> bool:
        """Whether what the rows ask for is in Rotor."""
        return self.outcome in ("created", "updated", "unchanged")


@dataclass(frozen=True)
class Job:
    """One write that is planned."""

    entry: RowGroup
    plan: Plan

    @property
    def is_uncertain(self) -> bool:
        """Whether it takes somebody's word."""
        return self.plan.outcome == "needs_confirmation"

    @property
    def writes(self) -> bool:
        """Whether it would send something."""
        if self.is_uncertain:
            return self.entry.arguments.confirm == self.plan.token
        return self.plan.outcome != "unchanged"


class Watch:
    """Told of each write as it goes. By itself it lets everything happen."""

    def stop(self) -> str | None:
        """Say why no further write may begin, if that is so."""
        return None

    def begins(self, _job: Job) -> str | None:
        """A write is about to be made. Say why it must not be, if that is so."""
        return None

    async def ended(self, ending: Ending) -> None:
        """A write has ended, or was not begun."""


class Batch:
    """Rows on their way to Rotor: first `plan`, which writes nothing, then `write`."""

    def __init__(self, entries: Sequence[RowGroup], call: CallContext) -> None:
        self.jobs: list[Job] = []
        """What can be written, or waits for somebody's word."""
        self.endings: list[Ending] = []
        """What has ended, or never could begin."""
        self._call = call
        self._entries, clashes = merge(entries, call.context)
        self.endings += (Ending(clash.rows, "invalid", trouble=clash) for clash in clashes)
        self._directory = LeadIndex([entry.arguments for entry in self._entries], call.context.region)
        self._failures = 0
        self._stopped: RotorError | str | None = None

    @property
    def writes(self) -> int:
        """How many requests it takes to write what is planned."""
        return sum(job.writes for job in self.jobs)

    async def plan(self, limit: int) -> None:
        """Find out who everybody is and what would change.

        Args:
            limit: requests that this may take.

        Raises:
            TooManyRequestsError: if it would take more.
            RotorError: if Rotor could not be asked or refused.
        """
        await self._directory.read(self._call.rotor, limit)
        await learn_words([entry.arguments for entry in self._entries], self._call)
        by_lead: dict[object, list[Job]] = {}
        for entry in self._entries:
            if job := self._planned(entry):
                by_lead.setdefault(job.plan.target or entry.rows, []).append(job)
        for jobs in by_lead.values():
            self.jobs += jobs if len(jobs) == 1 else self._for_the_same_lead(jobs)
        # Of those for one lead, what was approved goes first: it holds for the lead as it was shown. What
        # waits for approval goes last, and shows what the others have made of the lead.
        self.jobs.sort(
            key=lambda job: (not (job.is_uncertain and job.writes), not job.writes, job.entry.rows)
        )

    def _planned(self, entry: RowGroup) -> Job | None:
        arguments = entry.arguments
        try:
            found = self._directory.find(arguments).found
            plan = plan_for(arguments, found, self._call.context)
        except (NotesTooLongError, Refused) as exc:
            self.endings.append(Ending(entry.rows, "invalid", trouble=exc))
            return None
        except Exception as exc:
            self.endings.append(Ending.crashed(entry.rows, exc))
            return None
        return Job(entry, plan)

    def _for_the_same_lead(self, jobs: Sequence[Job]) -> list[Job]:
        """Put together what turned out to be for one lead, given by its phone and by its e-mail perhaps.

        What needs somebody's word stays by itself: put together with an id, it would go through unasked.
        """
        doubtful = [job for job in jobs if job.is_uncertain]
        clear = [job.entry for job in jobs if not job.is_uncertain]
        try:
            together = self._planned(combine(clear, self._call.context)) if clear else None
        except ClashError as exc:
            self.endings.append(Ending(exc.rows, "invalid", trouble=exc))
            together = None
        return doubtful if together is None else [*doubtful, together]

    def preview(self) -> list[Ending]:
        """Tell how all rows would end if they were written now."""
        return [*self.endings, *map(self._preview, self.jobs)]

    def _preview(self, job: Job) -> Ending:
        arguments = job.entry.arguments.model_copy(update={"dry_run": True})
        outcome = job.plan.goal if job.writes else job.plan.outcome
        return Ending(job.entry.rows, outcome, upsert_report.show(arguments, self._call, job.plan))

    async def write(self, watch: Watch) -> None:
        """Carry out what is planned, a few writes at a time, until all is done or nothing more can be."""

        async def end(job: Job) -> None:
            stopped = self._stopped or watch.stop()
            if stopped and job.writes:
                ending = Ending(job.entry.rows, "not_sent", trouble=stopped)
            elif stopped:
                ending = self._preview(job)  # there is nothing to send, so nothing to stop
            elif refused := watch.begins(job):
                ending = Ending(job.entry.rows, "not_sent", trouble=refused)
            else:
                ending = await self._write(job)
            self.endings.append(ending)
            await watch.ended(ending)

        try:
            await parallel.each(self.jobs, end)
        except anyio.get_cancelled_exc_class():
            done = [row for ending in self.endings for row in ending.rows]
            logger.warning("cancelled; of %d rows these were dealt with: %s", len(self.jobs), sorted(done))
            raise

    async def _write(self, job: Job) -> Ending:
        entry, rotor = job.entry, self._call.rotor
        try:
            await self._directory.refresh(rotor)
            told = await upsert(entry.arguments, self._call, self._directory.find(entry.arguments))
        except (NotesTooLongError, InvalidLead, NotFound) as exc:
            return Ending(entry.rows, "invalid", trouble=exc)
        except RotorError as exc:
            if isinstance(exc, FINAL_ERRORS):
                self._stopped = exc
            elif not isinstance(exc, Refused):
                self._count_failure()
            return Ending(entry.rows, "not_sent", trouble=exc)
        except Exception as exc:
            self._count_failure()
            return Ending.crashed(entry.rows, exc, sent=job.writes)
        if told.outcome == "unknown":
            self._count_failure()
        else:
            self._failures = 0
        return Ending(entry.rows, told.outcome, told=told)

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= MAX_CONSECUTIVE_FAILURES:
            self._stopped = (
                f"{self._failures} writes in a row did not come through, so no further one was begun"
            )
