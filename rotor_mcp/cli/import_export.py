"""The commands `rotor-mcp import` and `rotor-mcp export`."""

import sys
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from rotor_mcp import log_setup
from rotor_mcp.api.models import Amount, Day
from rotor_mcp.cli.options import Flag, connection, is_interactive, sandbox_flag, settings_flags, together
from rotor_mcp.errors import InvalidArguments
from rotor_mcp.import_export import exporter, importer
from rotor_mcp.leads import validation
from rotor_mcp.leads.requests import Arguments as ToolArguments
from rotor_mcp.leads.requests import RowDefaults, SearchRequest
from rotor_mcp.tools.error_text import render_error

Arguments = TypeVar("Arguments", bound=ToolArguments)

_CONNECTION = settings_flags(
    "api_key",
    "keychain",
    "base_url",
    "timeout",
    "timezone",
    "phone_region",
    "redis_url",
    "redis_required",
    "log_level",
    "log_format",
)
_ROW_DEFAULTS = together(
    [
        click.option(f"--{name}", metavar="TEXT", help=f"{field.description}.")
        for name, field in RowDefaults.model_fields.items()
    ]
)


def _filter_flag(name: str, kind: object, description: str | None) -> Flag:
    """Make an argument of `search_leads` a flag."""
    flag, text = f"--{name.replace('_', '-')}", f"{description}."
    if kind is bool:
        return click.option(flag, is_flag=True, help=text)
    if kind == bool | None:
        return click.option(f"{flag}/--no-{flag[2:]}", default=None, help=text)
    return click.option(flag, metavar=_metavar(kind), help=text)


def _metavar(kind: object) -> str:
    if kind in (Day | None, Amount | None):
        return "DATE" if kind == Day | None else "AMOUNT"
    return "|".join(_choices(kind)) or "TEXT"


def _choices(kind: object) -> list[str]:
    """The words that a type allows, if it allows only some."""
    parts = get_args(kind)
    return list(parts) if get_origin(kind) is Literal else [word for part in parts for word in _choices(part)]


_FILTERS = together(
    [
        _filter_flag(name, field.annotation, field.description)
        for name, field in SearchRequest.model_fields.items()
        # The others say what a tool's answer is like, not which leads are meant.
        if name not in ("count_by", "limit", "cursor")
    ]
)


@click.command("import")
@click.argument("source_file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--map",
    "given",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Say what a column is, such as --map 'Cell=phone'; with no FIELD it is left out. May be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would happen; do not ask.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option(
    "--requests",
    type=click.IntRange(1),
    default=800,
    show_default=True,
    help="Requests that this run may spend. The company's website forms may need some of the 1,000 a day.",
)
@_ROW_DEFAULTS
@sandbox_flag
@_CONNECTION
def import_(
    source_file: str,
    *,
    given: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    requests: int,
    file: str | None,
    **values: str | None,
) -> None:
    """Make leads of the rows of FILE; - is standard input.

    FILE is CSV as spreadsheets export it, a workbook (XLSX; needs the extra rotor-mcp[xlsx]), or JSON lines.
    First it is shown what the columns are taken for and what would happen; then it is asked whether to do it,
    unless --yes or --dry-run says. Each row is written as the tool upsert_lead would.

    What was written is noted in FILE.rotor-import, so that the same command goes on where an import was
    stopped, or where the requests of the day were spent. Rows that need attention are put into
    FILE.attention.csv, to be corrected and imported. The exit status is 0 if no row is left.
    """
    if dry_run and yes:
        raise click.UsageError("--dry-run writes nothing and --yes writes: give one of them")
    defaults = _parse(RowDefaults, values)
    settings, transport = connection(file, values)
    log_setup.configure(settings)
    options = importer.ImportOptions(
        file=source_file,
        column_fields=dict(_parse_mapping(text) for text in given),
        defaults=defaults,
        max_requests=requests,
        mode="write" if yes else "dry_run" if dry_run or not is_interactive() else "ask",
        destination=None if file == ":memory:" else f"{settings.base_url} {file or ''}",
    )
    sys.exit(0 if importer.run_import(options, settings, transport) else 1)


@click.command("export")
@click.argument(
    "target", metavar="[FILE]", default="-", type=click.Path(dir_okay=False, writable=True, allow_dash=True)
)
@click.option("--limit", type=click.IntRange(1), help="Leads at most; all that match if not given.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    help="CSV for spreadsheets or JSON lines for programs; by the ending of FILE if not given, or else csv.",
)
@click.option(
    "--requests",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Requests, of 1,000 leads each, that it may spend. What is seen to take more is not begun.",
)
@_FILTERS
@sandbox_flag
@_CONNECTION
def export_(
    target: str,
    *,
    limit: int | None,
    form: Literal["csv", "jsonl"] | None,
    requests: int,
    file: str | None,
    **values: Any,
) -> None:
    """Write leads to FILE, or to standard output without one or if it is -.

    All that match the filters, which are those of the tool search_leads; --fields chooses and orders the
    columns. FILE is written whole or not at all, and only its owner may read it. Each request may take as
    long as --timeout says.

    Newest first, rows are written as they are read. Another order needs all that match in memory first, and
    so does a tag that no lead has in just that spelling.
    """
    request = _parse(SearchRequest, values)
    settings, transport = connection(file, values)
    log_setup.configure(settings)
    export = exporter.Export(request, limit, requests)
    done = exporter.run_export(settings, transport, export, target, form or exporter.format_of(target))
    sys.exit(0 if done else 1)


def _parse(model: type[Arguments], values: dict[str, Any]) -> Arguments:
    """Take out the values of the flags that a model was made into, and read them."""
    given = {name: values.pop(name) for name in model.model_fields if name in values}
    try:
        return validation.parse(model, given)
    except InvalidArguments as exc:
        raise click.UsageError(render_error(exc, 0)) from None


def _parse_mapping(text: str) -> tuple[str, str]:
    column, equals, field = text.rpartition("=")
    if not equals:
        raise click.UsageError(f"--map {text}: must be COLUMN=FIELD")
    return column, field
