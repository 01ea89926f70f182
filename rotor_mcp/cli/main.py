"""The command `rotor-mcp`. It loads the module of the command that is run, and no other."""

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from rotor_mcp import __version__, gc_tuning

_COMMANDS = {
    "check": "rotor_mcp.cli.check",
    "demo": "rotor_mcp.cli.demo",
    "export": "rotor_mcp.cli.import_export",
    "import": "rotor_mcp.cli.import_export",
    "install": "rotor_mcp.cli.install",
    "sandbox": "rotor_mcp.cli.sandbox",
    "serve": "rotor_mcp.cli.serve",
    "uninstall": "rotor_mcp.cli.install",
}
"""Commands → the module that has them, under the name of the command and an underscore."""
_OUTPUT_CLOSED = 128 + 13
"""Exit status when the reader of the output is gone: that of a process that SIGPIPE ended."""


class _CommandGroup(click.Group):
    """`rotor-mcp` alone, or with nothing but flags, is `rotor-mcp serve`."""

    def main(self, *args: Any, **options: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # None if it was closed before the start
                # What the encoding of a redirected output lacks is replaced: a "?" ends no command.
                stream.reconfigure(errors="replace")
        return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. What the system refuses ends it with a sentence, and a closed output without one."""
        failure: OSError | None = None
        try:
            return super().invoke(ctx)
        except* OSError as group:  # tasks raise what went wrong in groups
            failure = _first(group)
        # Every output was flushed when it was printed. What could not be written is tried once more when
        # Python exits, which would complain.
        _discard(1)
        if not isinstance(failure, BrokenPipeError):
            raise click.ClickException(str(failure))
        _discard(2)
        return ctx.exit(_OUTPUT_CLOSED)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the same in every context
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if module := _COMMANDS.get(cmd_name):
            command: click.Command = getattr(import_module(module), f"{cmd_name}_")
            return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as exc:  # click would suggest only what is loaded
            raise click.NoSuchCommand(
                exc.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None


def _discard(stream: int) -> None:
    """Let what is written to a standard stream from now on go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _first(group: BaseExceptionGroup[OSError]) -> OSError:
    member = group.exceptions[0]
    return _first(member) if isinstance(member, BaseExceptionGroup) else member


@click.group(cls=_CommandGroup)
@click.version_option(__version__, prog_name="rotor-mcp")
def main() -> None:
    """Rotor leads for assistants: an MCP server.

    Without a command it serves on standard input and output, as clients start it.
    """
    gc_tuning.resume_collection()
