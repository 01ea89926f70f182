import pytest

from bench.steps import Steps, upsert_steps

pytestmark = pytest.mark.anyio


async def test_an_upsert_takes_few_steps() -> None:
    """A reader follows them. `python -m bench.steps` lists them.

    Ten of them are for a Rotor that behaves otherwise than assumed: `leads/writing.py`, `state/recent_writes.py`.
    """
    steps = await upsert_steps()
    assert ("leads/plan", "make_plan") in steps.functions
    assert len(steps.functions) <= 90
    assert steps.module_changes <= 77


def test_changes_of_the_module_are_counted() -> None:
    steps = Steps([("a", "f"), ("a", "g"), ("b", "h"), ("a", "f"), ("a", "f")])
    assert (len(steps.functions), steps.module_changes) == (3, 2)
