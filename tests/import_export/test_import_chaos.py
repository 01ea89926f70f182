"""An import that is killed, stopped or out of requests goes on where it was: every row exactly once.

Rotor is a sandbox on a port, the import a process. Where something is random, the seed is in the failure.
"""

import json
import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from rotor_mcp.concurrency import MAX_CONCURRENT_REQUESTS
from rotor_mcp.sandbox import Fault
from tests.conftest import posix
from tests.import_export.cases import Case, Wanted, case
from tests.import_export.imports import (
    Rotor,
    attention_files,
    imported,
    imported_to_the_end,
    importing,
    rotor,
    violations,
)

pytestmark = pytest.mark.anyio

DROPS: tuple[Literal["before", "after"], ...] = ("before", "after")


def rows_of_earlier_runs(said: str) -> int:
    """Of how many rows an import says that they are done."""
    told = re.search(r"Done in an earlier run: (\d+) row", said)
    return int(told[1]) if told else 0


def trouble(rng: random.Random) -> Fault:
    """What happens to a write: it is late, or now and then its reply is lost, or it is lost itself."""
    if rng.random() < 0.05:
        return Fault(method="POST", drop=rng.choice(DROPS))
    return Fault(method="POST", delay=rng.uniform(0.005, 0.03), carried_out=rng.random() < 0.5)


MOMENTS = ("at any time", "while it writes", "while it writes", "before a reply", "before a reply")


async def disturb(rng: random.Random, file: Path, company: Rotor, moment: str) -> str:
    """Run an import, and kill it at a moment of some kind. Returns what came of it."""
    watch, before = company.watch, len(company.watch.writes)
    async with importing(file, company.url) as running:
        match moment:
            case "at any time":
                await running.until_seconds(rng.uniform(0.1, 1.2))
            case "while it writes":
                writes = before + rng.randint(1, 8)
                await running.until(lambda: len(watch.writes) >= writes)
                await running.until_seconds(rng.uniform(0, 0.05))
            case "before a reply":
                replies = rng.randint(1, MAX_CONCURRENT_REQUESTS)
                # Some of the rows come through before.
                writes = before + rng.randint(0, 4)
                await running.until(lambda: len(watch.writes) >= writes)
                watch.hold(replies)
                await running.until(lambda: watch.held == replies)
        await running.kill()
    watch.release()
    await watch.idle()
    return f"{moment}, {len(watch.writes) - before} writes"


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_again_and_again(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    made = case(rng, people=90)
    file = made.write(tmp_path / "leads.csv")
    async with rotor(made.existing) as company:
        for _ in range(300):
            company.sandbox.faults.add(trouble(rng))
        moments = rng.sample(MOMENTS, len(MOMENTS)) + rng.choices(MOMENTS, k=rng.randint(0, 3))
        kills = [await disturb(rng, file, company, moment) for moment in moments]
        await imported_to_the_end(file, company)
        assert await violations(made, company, file) == [], f"seed {seed}, killed {kills}"


@pytest.mark.parametrize("times", [1, 2])
async def test_stopped_with_ctrl_c(times: int, tmp_path: Path) -> None:
    made = case(random.Random(3), people=40)
    file = made.write(tmp_path / "leads.csv")
    async with rotor(made.existing) as company:
        watch = company.watch
        async with importing(file, company.url) as running:
            await running.until(lambda: len(watch.writes) >= 6)
            watch.hold(MAX_CONCURRENT_REQUESTS)
            await running.until(lambda: watch.held == MAX_CONCURRENT_REQUESTS)
            running.interrupt()
            await running.until_seconds(0.3)
            # It waits to hear what became of the rows in hand, unless it is told twice.
            assert not running.is_over
            if times == 2:
                running.interrupt()
                await running.until_seconds(10)
                assert running.is_over
            written = len(watch.writes)
            watch.release()
            status, said = await running.ended()
        assert (status, len(watch.writes)) == (1, written), said
        if times == 1:
            rows_left = re.search(r"(\d+) not_sent", said)
            assert rows_left is not None, said
            assert int(rows_left[1]) > 0
        await imported_to_the_end(file, company)
        assert await violations(made, company, file) == []


async def test_the_requests_of_a_day_end_in_the_middle(tmp_path: Path) -> None:
    made = case(random.Random(4), people=60)
    file = made.write(tmp_path / "leads.csv")
    today = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
    days = 0
    async with rotor(made.existing, quota=25, now=lambda: today + timedelta(days=days)) as company:
        days = 1  # what was entered before has a day of its own
        while True:
            before, writes = len(company.sandbox.requests), len(company.watch.writes)
            status, said = await imported(file, company.url)
            assert status == 1, said
            if len(company.watch.writes) == writes:
                break
            # What is in hand when Rotor first says no is all that is asked in vain.
            assert len(company.sandbox.requests) - before <= 25 + MAX_CONCURRENT_REQUESTS
            days += 1
        assert days > 2
        assert await violations(made, company, file) == []


async def test_two_imports_of_one_file(tmp_path: Path) -> None:
    made = case(random.Random(5), people=30)
    file = made.write(tmp_path / "leads.csv")
    async with rotor(made.existing) as company:
        watch = company.watch
        watch.hold(MAX_CONCURRENT_REQUESTS)
        async with importing(file, company.url) as running:
            await running.until(lambda: watch.held == MAX_CONCURRENT_REQUESTS)
            before = len(company.sandbox.requests)
            status, said = await imported(file, company.url)
            assert status == 1
            assert "another import of this file is running" in said
            assert set(company.sandbox.requests[before:]) <= {"GET /auth/test"}
            assert attention_files(file) == []
            watch.release()
            await running.ended()
        assert await violations(made, company, file) == []


async def test_a_file_that_was_corrected_sorted_anew_and_extended(tmp_path: Path) -> None:
    rng = random.Random(6)
    made, more = case(rng, people=45), case(rng, people=15, first=45)
    file = made.write(tmp_path / "leads.csv")
    async with rotor(made.existing + more.existing) as company:
        await imported_to_the_end(file, company)
        before = len(company.watch.writes)

        wrong = next(row for row in made.refused if "@" not in row.get("email", "@"))
        made.refused.remove(wrong)
        wrong["email"] = "corrected@example.com"
        corrected = Wanted({"name": wrong["name"], "email": wrong["email"], "notes": [wrong["notes"]]})
        whole = Case(
            rows=made.rows + more.rows,
            wanted=[*made.wanted, *more.wanted, corrected],
            refused=made.refused + more.refused,
        )
        rng.shuffle(whole.rows)
        whole.write(file)
        await imported_to_the_end(file, company)
        assert len(company.watch.writes) - before == sum(wanted.writes for wanted in more.wanted) + 1
        assert await violations(whole, company, file) == []


@posix
async def test_a_disk_that_is_full_in_the_middle(tmp_path: Path) -> None:
    """No file may grow beyond a size, which SQLite meets as it does a full disk."""
    made = case(random.Random(9), people=60)
    file = made.write(tmp_path / "leads.csv")

    async with rotor(made.existing) as company:
        async with importing(file, company.url, file_bytes=60_000) as running:
            status, said = await running.ended()
        assert (status, "Traceback" in said) == (1, False)
        assert f"the journal {file}.rotor-import cannot be written" in said
        assert "The same command goes on where this ended." in said
        assert 0 < len(company.watch.writes) < 60
        await imported_to_the_end(file, company)
        assert await violations(made, company, file) == []


async def test_one_file_for_two_companies(tmp_path: Path) -> None:
    made = case(random.Random(7), people=15)
    file = made.write(tmp_path / "leads.csv")
    async with rotor(made.existing) as one, rotor(made.existing) as other:
        for company in (one, other, one):
            await imported(file, company.url)
        assert await violations(made, one, file) == []
        assert await violations(made, other, file) == []


async def test_one_address_with_the_keys_of_two_companies(tmp_path: Path) -> None:
    """The key says whose leads they are. Here both have the same, so that it shows what is looked for."""
    made = case(random.Random(8), people=15)
    file = made.write(tmp_path / "leads.csv")
    theirs = Fault(path="/auth/test", body=json.dumps({"company_id": "another", "scopes": []}))
    async with rotor(made.existing) as company:
        await imported(file, company.url)
        _, again = await imported(file, company.url)
        assert rows_of_earlier_runs(again) > 10
        company.sandbox.faults.add(theirs)
        _, for_another = await imported(file, company.url)
        assert rows_of_earlier_runs(for_another) == 0
        assert re.search(r"(\d+) unchanged", for_another), for_another


async def test_one_address_that_tells_no_company(tmp_path: Path) -> None:
    """The key itself tells the companies apart then."""
    made = case(random.Random(8), people=15)
    file = made.write(tmp_path / "leads.csv")
    async with rotor(made.existing) as company:
        for _ in range(2):
            company.sandbox.faults.add(Fault(path="/auth/test", status=404))
            _, again = await imported(file, company.url)
        assert rows_of_earlier_runs(again) > 10
