"""The table: how often each task was done, and what that took."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median

from evals.runner import Run

_COLUMNS = ("task", "server", "done", "tool calls", "requests", "tokens in", "tokens out", "seconds")
_FIGURES: tuple[Callable[[Run], float | None], ...] = (
    lambda run: run.calls,
    lambda run: run.requests,
    lambda run: run.tokens_in,
    lambda run: run.tokens_out,
    lambda run: round(run.seconds, 1),
)
"""The columns from the fourth on."""

_UNKNOWN = "not told"


def report(runs: Sequence[Run], model: str) -> Iterator[str]:
    """Yield the lines of the report, as Markdown."""
    yield "# Tasks done"
    yield ""
    yield (
        f"By {model}, on {datetime.now(UTC):%Y-%m-%d}, with `python -m evals`. Figures are medians of a "
        "task's runs, with the least and the most where they differ; for all tasks, sums of the medians. "
        "Requests are those that Rotor got; tokens are as the model's endpoint reports them."
    )
    yield ""
    yield _row(*_COLUMNS)
    yield _row(*("---" for _ in _COLUMNS))
    servers = list(dict.fromkeys(run.server for run in runs))
    for task in dict.fromkeys(run.task for run in runs):
        for server in servers:
            yield _task(task, server, _of(runs, server, task))
    for server in servers:
        yield _all(server, runs)
    yield from _list("Failed", [run for run in runs if run.reason and not run.endpoint_failed])
    yield from _list("Not counted", [run for run in runs if run.endpoint_failed])


def _of(runs: Sequence[Run], server: str, task: str) -> list[Run]:
    """The runs that tell something."""
    return [run for run in runs if (run.server, run.task) == (server, task) and not run.endpoint_failed]


def _task(task: str, server: str, runs: Sequence[Run]) -> str:
    figures = (_spread([value(run) for run in runs]) for value in _FIGURES)
    return _row(f"`{task}`", server, _done(runs), *figures)


def _all(server: str, runs: Sequence[Run]) -> str:
    tasks = [_of(runs, server, task) for task in dict.fromkeys(run.task for run in runs)]
    sums = (_sum([_median([value(run) for run in some]) for some in tasks if some]) for value in _FIGURES)
    return _row("**all**", server, _done([run for some in tasks for run in some]), *sums)


def _done(runs: Sequence[Run]) -> str:
    return f"{sum(run.reason is None for run in runs)}/{len(runs)}"


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None


def _spread(values: Sequence[float | None]) -> str:
    middle = _median(values)
    if middle is None:
        return _UNKNOWN
    least, most = (pick(value for value in values if value is not None) for pick in (min, max))
    return _figure(middle) if least == most else f"{_figure(middle)} ({_figure(least)} to {_figure(most)})"


def _sum(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return _figure(sum(known)) if known and len(known) == len(values) else _UNKNOWN


def _figure(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _list(title: str, runs: Sequence[Run]) -> Iterator[str]:
    if not runs:
        return
    yield ""
    yield f"## {title}"
    yield ""
    for run in runs:
        yield f"- `{run.task}`, {run.server}: {' '.join((run.reason or '').split())}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
