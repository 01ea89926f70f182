"""The command `rotor-mcp`. It loads the module of the command that is run, and no other."""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from io import TextIOWrapper
from itertools import pairwise
from typing import Any

import click
from click.shell_completion import CompletionItem

from rotor_mcp import __version__, gc_tuning


@dataclass(frozen=True)
class _Entry:
    """A command as the group lists it."""

    module: str
    """The module of `rotor_mcp.cli` that has the command, under its name and an underscore."""
    summary: str
    examples: tuple[str, ...]
    """Its arguments in the examples of its help; an empty one is the command alone."""


_SECTIONS = {
    "First steps": {
        "demo": _Entry("demo", "See what an assistant can do on sample leads; needs no key.", ("",)),
        "install": _Entry(
            "install",
            "Connect this server to your assistants (MCP clients).",
            (
                "--sandbox",
                "claude-desktop cursor",
                "--read-only --timezone America/Chicago",
                "--http https://mcp.acme.com/mcp",
            ),
        ),
        "check": _Entry(
            "check",
            "Find what keeps an assistant from working and how to fix it.",
            ("", "--sandbox", "--json"),
        ),
    },
    "Leads and files": {
        "import": _Entry(
            "import_export",
            "Create and update leads from a spreadsheet.",
            (
                "leads.csv --dry-run",
                "leads.csv --map Cell=phone --stage 'New Lead'",
                "leads.csv --sandbox",
            ),
        ),
        "export": _Entry(
            "import_export",
            "Write leads to a spreadsheet or to standard output.",
            ("leads.csv", "quotes.csv --stage Quoted --overdue", "--fields name,phone --sandbox"),
        ),
    },
    "Server": {
        "serve": _Entry(
            "serve",
            "Serve MCP on standard input and output or over HTTP.",
            ("", "--sandbox", "--http=127.0.0.1:8080 --log-level info"),
        ),
        "token": _Entry(
            "token",
            "Manage the access tokens of an HTTP server.",
            (
                "new night-agent --scopes all --expires 90d --file tokens",
                "new dashboard --scopes leads:read --file tokens",
                "list --file tokens",
                "revoke dashboard --file tokens",
            ),
        ),
        "sandbox": _Entry(
            "sandbox",
            "Serve Rotor's API with sample leads on this machine.",
            ("", "--port 9000 --file rotor.db --leads 500", "--assume notes=appended"),
        ),
        "probe": _Entry(
            "probe",
            "Find out how a Rotor account behaves where its reference is silent.",
            ("--read-only", "--sandbox --read-only"),
        ),
    },
    "Other": {
        "uninstall": _Entry(
            "uninstall", "Disconnect this server from your assistants.", ("", "cursor --keychain")
        ),
        "completion": _Entry(
            "completion", "Print the script that completes commands in your shell.", ("bash", "zsh")
        ),
        "help": _Entry("help", "Show the help of rotor-mcp or of a command.", ("", "import")),
    },
}
"""The commands, as the help of the group lists them."""
_COMMANDS = {name: entry for section in _SECTIONS.values() for name, entry in section.items()}
_OWN_FLAGS = ("-h", "--help", "-V", "--version")
"""The flags of the group. Any other flag in front is one of `serve`."""
COMPLETION_VARIABLE = "_ROTOR_MCP_COMPLETE"
"""Set when the shell asks for the completions of a command line. Its name is click's."""
_OUTPUT_CLOSED = 128 + 13
"""Exit status when the reader of the output is gone: that of a process that SIGPIPE ended."""


class _CommandGroup(click.Group):
    """`rotor-mcp` alone, or with nothing but flags, is `rotor-mcp serve`."""

    def main(self, *args: Any, **options: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # None if it was closed before the start
                # What the encoding of a redirected output lacks is replaced: a "?" ends no command.
                stream.reconfigure(errors="replace")
        if COMPLETION_VARIABLE in os.environ:
            import_module("rotor_mcp.cli.completion")  # extends what click does by this variable
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

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        context = super().make_context(*args, **options)
        # https://no-color.org. Into anything but a terminal, click writes no colours anyway.
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            context.color = False
        return context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] and args[0].startswith("-") and args[0] not in _OWN_FLAGS:
            args = ["serve", *args]
        elif not args and not ctx.resilient_parsing:  # which it is while the shell completes a command
            args = ["serve"]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the same in every context
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(f"rotor_mcp.cli.{entry.module}"), f"{cmd_name}_")
        command.short_help = entry.summary
        # Click does not wrap a paragraph that begins with \b.
        lines = [f"  rotor-mcp {cmd_name} {arguments}".rstrip() for arguments in entry.examples]
        command.epilog = "\n".join(["\b", "Examples:", *lines])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.NoSuchCommand as exc:  # click would suggest only what is loaded
            raise click.NoSuchCommand(
                exc.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None
        if command and not ctx.resilient_parsing:
            _reject_flag_values(click.Context(command, parent=ctx, info_name=name), rest)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands in their sections, without loading them."""
        width = max(map(len, _COMMANDS))
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(f"{name:{width}}", entry.summary) for name, entry in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Complete the first word: a command, or a flag of this group or of `serve`."""
        if not incomplete.startswith("-"):
            return [
                CompletionItem(name, help=entry.summary)
                for name, entry in _COMMANDS.items()
                if name.startswith(incomplete)
            ]
        flags = click.Command.shell_complete(self, ctx, incomplete)
        serve = self.get_command(ctx, "serve")
        if serve:
            with click.Context(serve, parent=ctx, resilient_parsing=True) as context:
                own = {item.value for item in flags}
                flags += [item for item in serve.shell_complete(context, incomplete) if item.value not in own]
        return flags


def _reject_flag_values(ctx: click.Context, args: list[str]) -> None:
    """Refuse `true` or `false` after a flag that takes no value: it would be taken for another argument.

    Raises:
        click.UsageError: if there is one.
    """
    flags = {
        flag: option
        for option in ctx.command.params
        if isinstance(option, click.Option) and option.is_bool_flag
        for flag in (*option.opts, *option.secondary_opts)
    }
    for flag, value in pairwise(args):
        if flag == "--":
            return
        if flag in flags and value.lower() in ("true", "false"):
            option = flags[flag]
            opposite = option.opts if flag in option.secondary_opts else option.secondary_opts
            instead = [flag] if value.lower() == "true" else opposite[:1]
            advice = f"write {instead[0]} alone" if instead else f"leave {flag} out"
            raise click.UsageError(f"{flag} takes no value: {advice}", ctx)


def _discard(stream: int) -> None:
    """Let what is written to a standard stream from now on go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _first(group: BaseExceptionGroup[OSError]) -> OSError:
    member = group.exceptions[0]
    return _first(member) if isinstance(member, BaseExceptionGroup) else member


@click.group(
    cls=_CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    subcommand_metavar="[COMMAND] [ARGS]...",
    epilog="rotor-mcp COMMAND -h shows the flags of a command, with examples.",
)
@click.version_option(
    __version__,
    "-V",
    "--version",
    prog_name="rotor-mcp",
    message="%(prog)s %(version)s",
    help="Show the version.",
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Rotor leads for assistants: an MCP server.

    Without a command it serves on standard input and output, as clients start it.
    """
    if ctx.invoked_subcommand != "serve":  # which imports most of what it needs from here on
        gc_tuning.resume_collection()
