"""`python -m evals`, as it is run: servers over their pipes, Rotor and the endpoint over HTTP."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from bench.baselines.environments import HERE, Server
from evals.agent import Limits
from evals.runner import run
from evals.scripted import Script, ask, scripted
from evals.tasks import TASKS
from tests.commands import ROOT
from tests.conftest import JANE
from tests.evals.endpoints import KEY, Said, endpoint
from tests.homes import Ended


def evals(folder: Path, *arguments: str, **variables: str) -> Ended:
    ended = subprocess.run(
        [sys.executable, "-m", "evals", *arguments],
        env={"HOME": str(folder), "PYTHONPATH": str(ROOT), **variables},
        cwd=folder,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def rows(table: str) -> list[list[str]]:
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return cells[2:]


def test_the_scripts_through_the_server_itself(tmp_path: Path) -> None:
    tasks = ("takes_over", "home_show", "lost_reply")
    named = [argument for task in tasks for argument in ("--task", task)]
    ended = evals(
        tmp_path, "--scripted", "--server", "checkout", *named, "--folder", "out", "--report", "table.md"
    )
    assert (ended.status, ended.out) == (0, ""), ended.err
    table = (tmp_path / "table.md").read_text("utf-8")
    assert [row[:5] for row in rows(table)] == [
        ["`takes_over`", "checkout", "1/1", "2", "3"],
        ["`home_show`", "checkout", "1/1", "1", "9"],
        ["`lost_reply`", "checkout", "1/1", "1", "3"],
        ["**all**", "checkout", "3/3", "4", "15"],
    ]
    transcript = (tmp_path / "out" / "checkout" / "takes_over-1.jsonl").read_text("utf-8").splitlines()
    last = json.loads(transcript[-1])
    assert (last["what"], last["reason"]) == ("end", None)
    assert last["differences"] == ["Jane Doe changed: {'name': 'Bob Doe'}"]


def test_a_model_that_does_one_task_and_only_says_the_other(tmp_path: Path) -> None:
    note = Said(tool="upsert_lead", arguments={"id": JANE, "notes": "The gate code is 4711."})
    played = endpoint(note, Said("It stands in Jane Doe's notes."))
    ended = evals(
        tmp_path,
        *("--server", "checkout", "--task", "gate_code", "--task", "delete", "--folder", "out"),
        EVALS_DIALECT="anthropic",
        EVALS_BASE_URL=played.url,
        EVALS_MODEL="some-model",
        EVALS_API_KEY=KEY,
    )
    assert ended.status == 1
    assert [row[:7] for row in rows(ended.out)] == [
        ["`gate_code`", "checkout", "1/1", "1", "2", "200", "20"],
        ["`delete`", "checkout", "0/1", "0", "0", "100", "10"],
        ["**all**", "checkout", "1/2", "1", "2", "300", "30"],
    ]
    assert "- `delete`, checkout: the answer does not say that it cannot be done" in ended.out
    assert {headers["x-api-key"] for headers in played.headers} == {KEY}
    written = [file.read_text("utf-8") for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert len(written) == 3
    assert not [text for text in (ended.out, ended.err, *written) if KEY in text]


@pytest.mark.anyio
async def test_another_server_with_a_model_that_trusts_it(tmp_path: Path) -> None:
    """It needs no environment of its own here: it is written with the SDK alone."""
    bare = Server("bare", (sys.executable, str(HERE / "bare.py")), "upsert_lead", "search_leads", "get_lead")

    def trusting(_: date) -> Script:
        yield ask("upsert_lead", id=JANE, notes="The gate code is 4711.")
        yield "It stands in Jane Doe's notes."

    model = scripted({"gate_code": trusting})
    ended = await run(TASKS["gate_code"], bare, model, limits=Limits(), folder=tmp_path, number=1)
    assert (ended.server, ended.calls, ended.requests) == ("bare", 1, 1)
    assert ended.reason == "Jane Doe: notes is 'The gate code is 4711.', which is not right"


def test_nobody_to_ask(tmp_path: Path) -> None:
    ended = evals(tmp_path, "--dialect", "openai", "--model", "some-model")
    assert (ended.status, ended.err.splitlines()[-1]) == (
        2,
        "Error: give --dialect, --base-url and --model, or --scripted",
    )


def test_scripts_are_for_this_server(tmp_path: Path) -> None:
    ended = evals(tmp_path, "--scripted", "--server", "bare")
    assert (ended.status, ended.err.splitlines()[-1]) == (2, "Error: the scripts are not written for bare")
