"""The writing part of an import: each row is noted before and after, and a wish to stop is heard."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.import_export.journal import Journal, JournalError
from rotor_mcp.leads.batch import Ending, Job, Watch


class Writing(Watch):
    """Watches the rows of an import."""

    def __init__(
        self,
        rotor: LeadsClient,
        requests: int,
        journal: Journal,
        digests: Mapping[int, str],
        advance: Callable[[], None],
    ) -> None:
        """Begin to watch.

        Args:
            rotor: what the rows are sent with.
            requests: that it may spend in all.
            journal: where they are noted.
            digests: row → what it is noted as.
            advance: told of every write that has ended.
        """
        self._rotor = rotor
        self._requests = requests
        self._journal = journal
        self._digests = digests
        self._advance = advance
        self._in_hand: set[tuple[int, ...]] = set()
        self._stopped = False
        self._journal_fault: str | None = None

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Stop after the rows in hand when Ctrl-C is pressed or the process is told to end."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, self._interrupt) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._stopped:
            signal.default_int_handler(number, frame)
        self._stopped = True
        click.echo("\nStopping after the rows in hand. Once more stops at once.", err=True)

    def stop(self) -> str | None:
        """Say why no further row may begin, if that is so."""
        if self._stopped:
            return "the import was stopped"
        if self._journal_fault:
            return self._journal_fault
        if self._rotor.requests + len(self._in_hand) >= self._requests:
            return f"the {self._requests:,} requests that one run may spend are spent (--requests)"
        return None

    def begins(self, job: Job) -> str | None:
        """Note a row before anything of it is sent, and give it the time of a whole call.

        What cannot be noted must not be sent: after a crash nobody would know of it.
        """
        self._in_hand.add(job.entry.rows)
        self._rotor.resume()
        if job.writes:
            alternatives = [lead.id for lead in job.plan.found.alternatives if lead.id]
            with self._noting():
                self._journal.begin(self._noted_as(job.entry.rows), alternatives)
        return self._journal_fault

    async def ended(self, ending: Ending) -> None:
        """Note what became of a row. If that is not known, it stays noted as begun."""
        begun = ending.rows in self._in_hand
        self._in_hand.discard(ending.rows)
        with self._noting():
            if ending.went_well:
                self._journal.end(self._noted_as(ending.rows), ending.told.id if ending.told else None)
            elif begun and ending.outcome != "unknown":
                self._journal.forget(self._noted_as(ending.rows))
        self._advance()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note something. If that fails, no further row begins; those that began are looked up next time."""
        try:
            yield
        except JournalError as exc:
            self._journal_fault = str(exc)

    def _noted_as(self, rows: Sequence[int]) -> list[str]:
        return [self._digests[row] for row in rows]
