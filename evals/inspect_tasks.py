"""The tasks as a task of inspect-ai: each is a sample, a conversation the solver, its end state the score.

This module and `evals.scripted` alone import inspect-ai, which is installed in an environment of its own.
"""

from contextlib import closing
from datetime import UTC, date, datetime
from inspect import getdoc

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, mean, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import mcp_connection, mcp_server_stdio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from bench.baselines.environments import ROOT
from evals.leads import all_leads, differences
from evals.servers import CHECKOUT, server, started
from evals.task import Outcome
from evals.tasks import TASKS
from rotor_mcp.sandbox.server import serving


@task
def leads(server: str = CHECKOUT, environments: str = ".venv/servers") -> Task:
    """All tasks with one server.

    Args:
        server: `checkout`, `rotor-mcp`, `bare` or `from_openapi`.
        environments: folder in which the servers other than `checkout` are installed and kept; if it is
            relative, below the root of the repository.
    """
    return Task(
        dataset=[
            Sample(id=each.id, input=each.says[0], target=getdoc(each.check) or "") for each in TASKS.values()
        ],
        solver=conversation(server, environments),
        scorer=end_state(),
        fail_on_error=False,  # of one sample: the others go on
        message_limit=100,
        working_limit=300,
    )


@solver
def conversation(server_name: str, environments: str) -> Solver:
    """Say what the person says, turn by turn, and keep the database before the first turn and after each."""
    chosen = server(server_name, ROOT / environments)  # inspect-ai changes the working directory

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        """Hold the conversation of a sample, in a company of its own and with a server of its own.

        The server takes its day from the machine, so the company does, too.

        Raises:
            RuntimeError: if midnight UTC passed meanwhile. The sample then has an error and no score.
        """
        ours = TASKS[str(state.sample_id)]
        today = _today()
        with closing(ours.sandbox(lambda: datetime.now(UTC))) as rotor:
            states = [all_leads(rotor)]
            answers: list[str] = []
            state.store.set("task", ours.id)
            state.store.set("today", today.isoformat())
            # These lists grow as the conversation goes on.
            state.store.set("requests", rotor.requests)
            state.store.set("states", states)
            state.store.set("answers", answers)
            async with serving(rotor) as base_url:
                process = started(chosen, base_url)
                system = system_prompt(ours.company.business, today, await _instructions(process))
                state.messages = [ChatMessageSystem(content=system)]
                connection = mcp_server_stdio(command=process.command, args=process.args, env=process.env)
                async with mcp_connection(connection):
                    state.tools = await connection.tools()
                    for said in ours.says:
                        state.messages.append(ChatMessageUser(content=said))
                        state = await generate(state, tool_calls="loop")
                        answers.append(state.output.completion)
                        states.append(all_leads(rotor))
        if _today() != today:
            raise RuntimeError("midnight UTC passed during the conversation")
        return state

    return solve


@scorer(metrics={"done": [accuracy(), stderr()], "requests": [mean()]})
def end_state() -> Scorer:
    """Judge what a conversation left behind; the requests are those that Rotor got."""

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001 - the target is for readers
        kept = state.store
        outcome = Outcome(
            date.fromisoformat(kept.get("today")), tuple(kept.get("states")), tuple(kept.get("answers"))
        )
        reason = TASKS[str(state.sample_id)].judge(outcome)
        return Score(
            value={"done": INCORRECT if reason else CORRECT, "requests": len(kept.get("requests"))},
            answer=outcome.answers[-1] if outcome.answers else None,
            explanation=reason,
            metadata={"differences": list(differences(outcome.before, outcome.after))},
        )

    return score


def system_prompt(business: str, today: date, instructions: str | None) -> str:
    """What hosts tell a model: who it works for, which day it is, and the server's instructions."""
    told = (
        f"You are the assistant of the owner of {business}, who keeps the company's leads in Rotor, "
        "a CRM. You reach it through the tools that you were given. Answer briefly. "
        f"Today is {today:%A}, {today.isoformat()} (UTC)."
    )
    return f"{told}\n\n{instructions}" if instructions else told


async def _instructions(process: StdioServerParameters) -> str | None:
    """The server's instructions, which the connection of inspect-ai does not give."""
    async with Client(stdio_client(process)) as client:
        return client.instructions


def _today() -> date:
    return datetime.now(UTC).date()
