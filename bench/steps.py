"""Counts the functions that one tool call passes through, and how often it changes the module.

    python -m bench.steps

The call is an `upsert_lead` of a lead that is found by its phone and gets another stage, on the embedded
Rotor, from the tool call to its result. It is the second one: what is loaded or cached once is not counted.
Functions are those of `rotor_mcp` without the embedded Rotor, properties and validators among them;
comprehensions, lambdas and what a dataclass generates are left out.
"""

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
from mcp import Client

import rotor_mcp
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import build_server

PACKAGE = Path(rotor_mcp.__file__).parent
LEFT_OUT = frozenset({"<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>", "<module>"})
PHONE = "763-555-0100"


@dataclass
class Steps:
    """The functions that were called, in their order."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    """Module and function of each call."""
    _suspended: list[FrameType] = field(default_factory=list)
    """Coroutines and generators that were entered; kept, so that their identity stays theirs."""

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """Note a call. To resume a coroutine is not a call."""
        code = frame.f_code
        path = Path(code.co_filename)
        if event != "call" or not path.is_relative_to(PACKAGE) or code.co_name in LEFT_OUT:
            return
        module = path.relative_to(PACKAGE).with_suffix("")
        if module.parts[0] == "sandbox":
            return
        if code.co_flags & (CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR):
            if any(entered is frame for entered in self._suspended):
                return
            self._suspended.append(frame)
        self.calls.append((str(module), code.co_qualname))

    @property
    def functions(self) -> list[tuple[str, str]]:
        """Each function once, in the order of its first call."""
        return list(dict.fromkeys(self.calls))

    @property
    def module_changes(self) -> int:
        """How often a call is to a function of another module than the call before it."""
        modules = [module for module, _ in self.calls]
        return sum(one != other for one, other in pairwise(modules))


async def upsert_steps() -> Steps:
    """Update a lead that is found by its phone, and return the steps of that."""
    steps = Steps()
    with closing(Sandbox()) as sandbox:
        settings = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"})
        async with Client(build_server(settings, transport=sandbox.transport)) as client:
            await client.call_tool("upsert_lead", {"phone": PHONE, "stage": "Contacted"})
            await _profiled(
                steps.profile, lambda: client.call_tool("upsert_lead", {"phone": PHONE, "stage": "Quoted"})
            )
    return steps


async def _profiled(profile: Callable[[FrameType, str, object], None], call: Callable[[], Any]) -> None:
    sys.setprofile(profile)
    try:
        result = await call()
    finally:
        sys.setprofile(None)
    if result.is_error or result.structured_content["outcome"] != "updated":
        raise RuntimeError(f"the lead was not updated: {result.content}")


def main() -> None:
    """Print the functions, and how many they are."""
    steps = anyio.run(upsert_steps)
    for module, function in steps.functions:
        print(f"{module}: {function}")
    print(f"{len(steps.functions)} functions, {steps.module_changes} changes of the module")


if __name__ == "__main__":
    main()
