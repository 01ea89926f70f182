"""A whole run: a script is played, and judged."""

from tests.chaos.judging import audit, blind_repeats
from tests.chaos.people import Person
from tests.chaos.playing import TIMEOUT, Run, play
from tests.chaos.replicas import Replicas

GRACE = 1.4
"""Seconds that a call may take beyond its deadline, because a busy machine is no fault."""


async def run(
    seed: int,
    *,
    calls: int = 500,
    people: int = 40,
    deadline: float = TIMEOUT,
    mode: str = "auto",
    replicas: Replicas | None = None,
) -> Run:
    """Play one script in a new company, and judge it."""
    crowd = [Person(number) for number in range(people)]
    done = await play(seed, crowd, calls, deadline, mode, replicas=replicas or Replicas())
    if done.longest > deadline + GRACE:
        done.violations.append(
            f"a call took {done.longest:.2f} s, with a deadline of {deadline} s: {done.slowest}"
        )
    done.violations += audit(crowd, done.leads, done.called)
    done.violations += blind_repeats(done.log)
    return done
