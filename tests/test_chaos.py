"""Rule by rule the other tests show one failure at a time; here they come all at once."""

import pytest

from tests.chaos.playing import CLAIMS
from tests.chaos.running import run

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("mode", "seed"), [("2026-07-28", 1), ("legacy", 2)])
async def test_whatever_fails_what_is_stored_fits_what_was_said(mode: str, seed: int) -> None:
    done = await run(seed, mode=mode)
    assert done.violations == [], done.report()
    # All of this must have come about, and yet most calls must have come through.
    assert done.missing == [], done.report()
    assert done.share(CLAIMS) > 0.6, done.report()
    assert done.share({"unknown"}) < 0.1, done.report()
