"""What is compared, and what comes out of it."""

from dataclasses import dataclass, field
from itertools import count

from bench.compare.calls import Task
from bench.compare.starts import THINKING_SECONDS, Start
from bench.outcomes.situation import Verdict

JANE = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
BASELINE = "bare"
AGAIN = "bare, again"
"""The baseline a second time, as if it were another: what it differs by is noise."""
DIRECT = "HTTP alone"
CALLS = 320

_VALUES = count(1)

READ = Task("read a lead", "get", lambda: {"id": JANE}, "GET", f"leads/{JANE}")
TASKS = (
    READ,
    Task("list 20 leads", "search", lambda: {"limit": 20}, "GET", "leads"),
    Task("find a lead by its phone", "search", lambda: {"search": "555-0100", "limit": 5}, "GET", "leads"),
    Task("change a lead", "upsert", lambda: {"id": JANE, "projected_value": next(_VALUES)}, "POST", "leads"),
    Task(
        "write what a lead has already", "upsert", lambda: {"id": JANE, "stage": "New Leads"}, "POST", "leads"
    ),
)

FIRST_CALLS = {"at once": 0.0, f"{THINKING_SECONDS:g} s later": THINKING_SECONDS}
"""When a first call comes, and seconds after the tools were listed."""


@dataclass(frozen=True)
class Answer:
    """The size of a result in tokens, and what it cost of the day's requests."""

    text: int
    structured: int
    requests: int
    writes: int
    """Those of the requests that write."""


@dataclass
class Measured:
    """What was measured, by the name of the server."""

    starts: dict[str, list[Start]] = field(default_factory=dict)
    first_calls: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """When the first call comes → server → seconds that it takes."""
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Task → server → seconds, one for each round."""
    throughput: dict[str, list[float]] = field(default_factory=dict)
    """Server → calls a second."""
    answers: dict[str, dict[str, Answer]] = field(default_factory=dict)
    """Task → server → its answer."""
    outcomes: dict[str, dict[str, Verdict]] = field(default_factory=dict)
    """Situation → server → what came of it."""
