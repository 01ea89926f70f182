"""A model that does what a script says: it shows that the tasks can be done, and costs nothing."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from evals.chat import Call, Chat, Model, Reply, Returned, Setting


@dataclass(frozen=True)
class Ask:
    """The next call."""

    tool: str
    arguments: dict[str, Any]


Script = Generator[Ask | str, Returned, None]
"""Yields calls, and gets what each returned; a text is the answer of a turn."""

Write = Callable[[date], Script]
"""Writes the script of a task for a day."""


def ask(tool: str, **arguments: Any) -> Ask:
    """Ask for a call."""
    return Ask(tool, arguments)


def scripted(scripts: Mapping[str, Write]) -> Model:
    """A model that follows the script of each task."""

    def begin(setting: Setting) -> Chat:
        return _Scripted(scripts[setting.task](setting.today))

    return begin


class _Scripted:
    def __init__(self, script: Script) -> None:
        self._script = script
        self._results: list[Returned] = []

    def say(self, text: str) -> None:
        """The script knows."""

    def take(self, results: Sequence[Returned]) -> None:
        self._results = list(results)

    async def reply(self) -> Reply:
        step = self._script.send(self._results.pop()) if self._results else next(self._script)
        if isinstance(step, str):
            return Reply(step, tokens_in=0, tokens_out=0)
        return Reply("", (Call("1", step.tool, step.arguments),), tokens_in=0, tokens_out=0)
