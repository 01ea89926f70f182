"""What an answer must be, whatever was asked and whatever Rotor said."""

from typing import Any

from mcp import Client, MCPError
from mcp.types import CallToolResult

from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.sanitize import MAX_RESULT_CHARS
from tests.adversary.metering import MAX_HELD_SECONDS, seconds_held
from tests.conftest import text

SECRET = FULL_KEY.rpartition("_")[2]


async def fault_of_call(client: Client, tool: str, arguments: dict[str, Any]) -> str | None:
    """Make a call, and say what is wrong with it or its answer; None if nothing is."""
    answers: list[CallToolResult] = []

    async def call() -> None:
        answers.append(await client.call_tool(tool, arguments))

    try:
        seconds = await seconds_held(call)
    except MCPError as exc:
        return f"{type(exc).__name__}: {exc}"
    if seconds > MAX_HELD_SECONDS:
        return f"held the event loop for {seconds:.3f} s of CPU time"
    return fault_of_answer(answers[-1])


def fault_of_answer(answer: CallToolResult) -> str | None:
    """Say what is wrong with an answer, whatever was asked; None if nothing is."""
    said = text(answer)
    structured = answer.model_dump_json()
    if len(said) > MAX_RESULT_CHARS or len(structured) > 3 * MAX_RESULT_CHARS:
        return f"has {len(said):,} characters, {len(structured):,} in all"
    if "fault of its own" in said or "Traceback" in said:
        return said
    if SECRET in said or SECRET in structured:
        return "holds the key"
    if not said.strip():
        return "says nothing"
    return None
