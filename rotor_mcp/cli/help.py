"""The command `rotor-mcp help`."""

import click
from click.shell_completion import CompletionItem


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    group = ctx.find_root().command
    return group.shell_complete(ctx, incomplete)


@click.command("help")
@click.argument("name", metavar="[COMMAND]", required=False, shell_complete=_complete)
@click.pass_context
def help_(ctx: click.Context, name: str | None) -> None:
    """Show the help of rotor-mcp, or of a command."""
    root = ctx.find_root()
    if name is None or not isinstance(root.command, click.Group):
        click.echo(root.get_help())
        return
    _, command, _ = root.command.resolve_command(root, [name])
    if command:
        with click.Context(command, info_name=name, parent=root) as context:
            click.echo(context.get_help())
