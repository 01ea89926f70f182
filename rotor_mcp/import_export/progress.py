"""Observes the writes of an import: records each row in the journal, and stops on a signal."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import FrameType

import click

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.import_export.journal import Journal, JournalError
from rotor_mcp.leads.batch import BatchObserver, PlannedWrite, RowOutcome


@dataclass(eq=False)
class ImportObserver(BatchObserver):
    """Records each row in the journal, and stops the import on a signal or at a limit."""

    api: LeadsClient
    max_requests: int
    journal: Journal
    digest: Callable[[int], str]
    """Returns the digest of a row."""
    ended: Callable[[RowOutcome], None]
    """Receives the outcome of every write."""
    _in_flight: set[tuple[int, ...]] = field(default_factory=set, init=False)
    _is_stopped: bool = field(default=False, init=False)
    _journal_fault: str | None = field(default=None, init=False)

    @contextmanager
    def stop_on_signals(self) -> Iterator[None]:
        """Within a block, stop after the active rows on SIGINT or SIGTERM."""
        with ExitStack() as stack:
            for number in (signal.SIGINT, signal.SIGTERM):
                stack.callback(signal.signal, number, signal.signal(number, self._handle_signal))
            yield

    def _handle_signal(self, number: int, frame: FrameType | None) -> None:
        if self._is_stopped:
            signal.default_int_handler(number, frame)
        self._is_stopped = True
        click.echo("\nStopping after the rows in hand. Once more stops at once.", err=True)

    def stop(self) -> str | None:
        """Return why no further row may start; None if one may."""
        if self._is_stopped:
            return "the import was stopped"
        if self._journal_fault:
            return self._journal_fault
        if self.api.requests + len(self._in_flight) >= self.max_requests:
            return f"the {self.max_requests:,} requests that one run may spend are spent (--requests)"
        return None

    def before_write(self, write: PlannedWrite) -> str | None:
        """Record a row before it is sent, and restart the call's timeout for it.

        A row that cannot be recorded is not sent: after a crash its state would be unknown.
        """
        self._in_flight.add(write.rows)
        self.api.resume()
        if write.sends:
            with self._journal_errors_caught():
                self.journal.mark_begun(self._digests_of(write.rows), write.alternatives)
        return self._journal_fault

    async def after_write(self, outcome: RowOutcome) -> None:
        """Record the outcome of a row. If it is unknown, the row stays recorded as begun."""
        begun = outcome.rows in self._in_flight
        self._in_flight.discard(outcome.rows)
        with self._journal_errors_caught():
            if outcome.is_stored:
                self.journal.mark_done(
                    self._digests_of(outcome.rows), outcome.upsert.lead_id if outcome.upsert else None
                )
            elif begun and outcome.status != "unknown":
                self.journal.remove(self._digests_of(outcome.rows))
        self.ended(outcome)

    @contextmanager
    def _journal_errors_caught(self) -> Iterator[None]:
        """Catch an error of the journal. No further row starts; the next run looks up those that have."""
        try:
            yield
        except JournalError as exc:
            self._journal_fault = str(exc)

    def _digests_of(self, rows: Sequence[int]) -> list[str]:
        return list(map(self.digest, rows))
