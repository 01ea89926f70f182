"""Let a model do the tasks: `python -m evals --dialect openai --base-url … --model …`.

The key comes from `EVALS_API_KEY` alone, so that it stands in no history of commands.
"""

import logging
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import anyio
import click

from bench.baselines.environments import Server
from evals.agent import Limits
from evals.anthropic import anthropic
from evals.chat import Model
from evals.openai import openai
from evals.report import report
from evals.runner import Run, run
from evals.scripted import scripted
from evals.scripts import SCRIPTS
from evals.servers import CHECKOUT, SERVERS, server
from evals.task import Task
from evals.tasks import TASKS

OURS = "rotor-mcp"
DIALECTS = {"openai": openai, "anthropic": anthropic}


@click.command()
@click.option("--dialect", type=click.Choice([*DIALECTS]), envvar="EVALS_DIALECT", help="Of the endpoint.")
@click.option("--base-url", envvar="EVALS_BASE_URL", help="Up to and with /v1.")
@click.option("--model", "name", envvar="EVALS_MODEL", help="As the endpoint calls it.")
@click.option(
    "--scripted", "by_script", is_flag=True, help="No model: do what is written in evals/scripts.py."
)
@click.option(
    "--server", "servers", type=click.Choice(SERVERS), multiple=True, default=[OURS], show_default=True
)
@click.option("--task", "tasks", type=click.Choice([*TASKS]), multiple=True, help="All, if none is named.")
@click.option("--repeat", type=click.IntRange(1), default=1, show_default=True, help="Runs of each.")
@click.option("--replies", type=click.IntRange(1), default=20, show_default=True, help="In a turn, at most.")
@click.option(
    "--seconds", type=click.FloatRange(1), default=300, show_default=True, help="For a run, at most."
)
@click.option("--folder", type=click.Path(path_type=Path), help="For transcripts; else a new one.")
@click.option("--environments", type=click.Path(path_type=Path), help="Folder that keeps installed servers.")
@click.option(
    "--report", "file", type=click.Path(path_type=Path), help="File for the table; else it is printed."
)
def main(
    *,
    dialect: str | None,
    base_url: str | None,
    name: str | None,
    by_script: bool,
    servers: tuple[str, ...],
    tasks: tuple[str, ...],
    repeat: int,
    replies: int,
    seconds: float,
    folder: Path | None,
    environments: Path | None,
    file: Path | None,
) -> None:
    """Let a model do tasks through one server or several, and say how it went.

    Ends with 1 unless every run did its task.
    """
    logging.disable(logging.WARNING)
    if by_script:
        if unfit := set(servers) - {OURS, CHECKOUT}:
            raise click.UsageError(f"the scripts are not written for {', '.join(sorted(unfit))}")
        model, name = scripted(SCRIPTS), "the scripts"
    elif dialect and base_url and name:
        model = DIALECTS[dialect](base_url, name, os.environ.get("EVALS_API_KEY"))
    else:
        raise click.UsageError("give --dialect, --base-url and --model, or --scripted")
    folder = folder or Path(tempfile.mkdtemp(prefix="evals-"))
    with tempfile.TemporaryDirectory() as scratch:
        chosen = [server(each, environments or Path(scratch)) for each in servers]
        wanted = [TASKS[task] for task in tasks or TASKS]
        limits = Limits(replies, seconds)
        runs = anyio.run(
            partial(_run_all, wanted, chosen, model, limits=limits, folder=folder, repeat=repeat)
        )
    table = "\n".join([*report(runs, name), ""])
    if file:
        file.write_text(table, "utf-8")
    else:
        click.echo(table)
    click.echo(f"Transcripts are in {folder}", err=True)
    sys.exit(any(each.reason for each in runs))


async def _run_all(
    tasks: list[Task], servers: list[Server], model: Model, *, limits: Limits, folder: Path, repeat: int
) -> list[Run]:
    runs = []
    for number in range(1, repeat + 1):
        for task in tasks:
            for each in servers:
                done = await run(task, each, model, limits=limits, folder=folder, number=number)
                click.echo(f"{task.id}, {each.name}: {done.reason or 'done'}", err=True)
                runs.append(done)
    return runs


if __name__ == "__main__":
    main()
