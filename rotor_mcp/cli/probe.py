"""The command `rotor-mcp probe`."""

import json
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import click

from rotor_mcp import __version__, atomic_file
from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.behavior import QUESTIONS, Behavior
from rotor_mcp.cli.options import (
    WholeNumber,
    config_flag,
    connection,
    read_settings,
    sandbox_flag,
    settings_flags,
)
from rotor_mcp.diagnostics.probe import (
    MAX_LEADS,
    MAX_REQUESTS,
    TAG,
    Probe,
    Report,
    open_http,
    report_of,
)
from rotor_mcp.errors import Misconfigured

_WORD = "probe"
"""What has to be typed before anything is sent."""


@click.command("probe")
@click.option(
    "--max-leads",
    type=WholeNumber(1, MAX_LEADS),
    default=MAX_LEADS,
    show_default=True,
    help="Leads that may be created. With 1 it is not found out how Rotor compares phones and e-mails.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("rotor-mcp-probe.json"),
    show_default=True,
    help="File for what was found out. It holds nobody's data. --assume reads it.",
)
@sandbox_flag
@config_flag
@settings_flags()
def probe_(
    *, max_leads: int, report: Path, file: str | None, config: str | None, **values: str | None
) -> None:
    """Find out how your Rotor account behaves where Rotor's reference is silent.

    It says what it will do, and begins when you type a word. With --read-only it writes nothing and asks
    nothing. The exit status is 0 if it came to its end.
    """
    settings, transport = connection(file, read_settings(config, values))
    if settings.key is None:
        raise click.ClickException(f"{settings.key_trouble}.")
    leads = 0 if settings.read_only else max_leads
    if leads:
        click.echo(_announcement(leads, ConnectionPool(settings).host))
        if (
            click.prompt(f"Type {_WORD} to begin", prompt_suffix=": ", default="", show_default=False)
            != _WORD
        ):
            raise click.ClickException("nothing was sent")

    async def run() -> Report:
        async with (
            aclosing(ConnectionPool(settings, transport)) as pool,
            open_http(pool.open(), settings.base_url, settings.key or "", settings.timeout) as http,
        ):
            return await Probe(http, leads).run()

    try:
        found = anyio.run(run)
    except Misconfigured as exc:
        raise click.ClickException(f"{exc.reason}. {exc.fix}") from None
    for line in _lines(found):
        click.echo(line)
    try:
        with atomic_file.open_atomic(report) as output:
            output.write(f"{json.dumps(report_of(found, __version__), indent=2)}\n".encode())
    except OSError as exc:
        raise click.ClickException(f"{report} cannot be written: {exc.strerror}") from None
    click.echo(f"Report: {report}. It holds nobody's data, and can be attached to an issue.")
    if found.seen:
        click.echo("The server uses it with: ROTOR_MCP_ASSUME=" + str(report.resolve()))
        flag = f" --assume {answers}" if (answers := str(Behavior.of(found.seen))) else ""
        click.echo(f"A sandbox that behaves so: rotor-mcp sandbox{flag}")
    sys.exit(1 if found.stopped else 0)


def _announcement(leads: int, host: str) -> str:
    more = f", and up to {leads - 1} more where Rotor does not recognise it" if leads > 1 else ""
    return f"""\
This finds out how Rotor at {host} behaves. It will
- send {MAX_REQUESTS} requests at most, which count against the 1,000 of the day;
- create one lead{more}.
  It has an invented name, a phone number that is reserved for examples, an
  e-mail at example.com and the tag {TAG}. The API cannot delete a lead:
  archive it in Rotor afterwards;
- change what it has created, and nothing else. It stops when an answer is not
  one that it expects.
Automations of the company may start for such a lead. To keep them off, exclude
the tag {TAG} from them first."""


def _lines(found: Report) -> Iterator[str]:
    rows = [("Question", "Assumed", "Seen")]
    rows += [(each.text, next(iter(each.answers)), found.seen.get(each.name, "-")) for each in QUESTIONS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    for each in QUESTIONS:
        answer = found.seen.get(each.name)
        if answer is None:
            yield f"Not seen: {each.text} ({found.not_seen[each.name]})"
        elif answer != next(iter(each.answers)):
            yield f"Otherwise than assumed: {each.text} {each.answers[answer]}."
    created = f", {found.leads_created} leads created" if found.leads_created else ""
    yield f"{found.requests} requests spent{created}."
    if found.stopped:
        yield f"It stopped early: {found.stopped}."
