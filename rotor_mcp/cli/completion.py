"""The command `rotor-mcp completion`, and what click's shell completion lacks."""

import os
from pathlib import PurePath
from typing import Any

import click
from click import shell_completion
from click.shell_completion import CompletionItem

from rotor_mcp.cli.main import COMPLETION_VARIABLE

SHELLS = ("bash", "zsh", "fish", "powershell")


class _BashComplete(shell_completion.BashComplete):
    """Bash splits `--flag=value` at the equals sign."""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, incomplete = super().get_completion_args()
        return (args[:-1] if args[-1:] == ["="] else args), incomplete


def _with_flag(items: list[CompletionItem[str]], incomplete: str) -> list[CompletionItem[str]]:
    """Return completions of `--flag=value` as whole words, as which zsh and fish insert them."""
    flag, equals, _ = incomplete.partition("=")
    if not (equals and flag.startswith("--")):
        return items
    return [CompletionItem(f"{flag}={item.value}", item.type, item.help) for item in items]


class _ZshComplete(shell_completion.ZshComplete):
    """Zsh has no `compdef` before `compinit`, which a new user of macOS has nowhere."""

    def source(self) -> str:
        first, _, rest = super().source().partition("\n")
        return f"{first}\n\n(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit -i }}\n{rest}"

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        return _with_flag(super().get_completions(args, incomplete), incomplete)


class _FishComplete(shell_completion.FishComplete):
    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        return _with_flag(super().get_completions(args, incomplete), incomplete)


for _complete in (_BashComplete, _ZshComplete, _FishComplete):
    shell_completion.add_completion_class(_complete)


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion_(shell: str | None) -> None:
    """Print the script with which the shell completes commands, flags, clients and files.

    Without SHELL, the environment variable of that name says which. To turn completion on, add the line of
    your shell to its start-up file, and open a new terminal:

    \b
    ~/.bashrc:    eval "$(rotor-mcp completion bash)"
    ~/.zshrc:     eval "$(rotor-mcp completion zsh)"
    config.fish:  rotor-mcp completion fish | source
    $PROFILE:     rotor-mcp completion powershell | Out-String | iex

    The shell must find rotor-mcp on its PATH. In zsh, the line belongs below compinit, if that is there.
    Bash must be 4.4 or newer; that of macOS is older.
    """
    name = shell or PurePath(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise click.UsageError(
            f"the shell is not known: name it, as {', '.join(SHELLS[:-1])} or {SHELLS[-1]}"
        )
    complete: Any = shell_completion.get_completion_class(name)
    click.echo(
        complete(
            click.get_current_context().find_root().command, {}, "rotor-mcp", COMPLETION_VARIABLE
        ).source(),
        nl=False,
    )
