"""The commands `rotor-mcp import` and `rotor-mcp export`."""

import sys
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from rotor_mcp import log_setup
from rotor_mcp.api.models import Amount, Date, Day, LeadFields
from rotor_mcp.cli.options import (
    Flag,
    WholeNumber,
    complete_words,
    config_flag,
    connection,
    is_interactive,
    read_settings,
    sandbox_flag,
    settings_flags,
    together,
)
from rotor_mcp.errors import InvalidArguments
from rotor_mcp.import_export import exporter, importer
from rotor_mcp.import_export.cells.dates import DateOrder
from rotor_mcp.import_export.formats.sheet import ReadOptions
from rotor_mcp.import_export.lead_rows import COLUMNS
from rotor_mcp.leads import validation
from rotor_mcp.leads.requests import Arguments, SearchRequest, SharedFields

T = TypeVar("T", bound=Arguments)

_CONNECTION = together(
    [config_flag, settings_flags("search_requests", "search_memory", "batch_requests", "read_only", "view")]
)

_REPEATABLE = frozenset({"stage", "not_stage"})
"""Lists that take a flag for each item, which may contain a comma; other lists are separated by commas."""


def _flag_of(name: str, field: FieldInfo) -> Flag:
    """Return the flag for an argument of a tool."""
    flag, kind = f"--{name.replace('_', '-')}", field.annotation
    # The tool's description leaves some out, which cost tokens and are seldom asked for.
    text = f"Only these, in this order: {', '.join(COLUMNS)}" if name == "fields" else field.description
    sentences = [f"{text}."] if text else []
    if kind is bool:
        return click.option(flag, is_flag=True, help=" ".join(sentences))
    several = kind == list[str] and name in _REPEATABLE
    if kind == list[str]:
        sentences.append("Can be repeated." if several else "Separated by commas.")
    return click.option(
        flag,
        multiple=several,
        metavar=_metavar(kind),
        help=" ".join(sentences),
        shell_complete=complete_words(_choices(kind)),
    )


def _metavar(kind: object) -> str:
    if kind in (Day | None, Date | None):
        return "DATE"
    if kind == Amount | None:
        return "AMOUNT"
    return "|".join(_choices(kind)) or "TEXT"


def _choices(kind: object) -> list[str]:
    """Return the literals that a type allows; none if it allows others."""
    parts = get_args(kind)
    return list(parts) if get_origin(kind) is Literal else [word for part in parts for word in _choices(part)]


_SHARED_FIELDS = together(
    [_flag_of(name, LeadFields.model_fields[name]) for name in SharedFields.model_fields]
)
_FILTERS = together(
    [
        _flag_of(name, field)
        for name, field in SearchRequest.model_fields.items()
        # The others change the form of a tool's result, not which leads match.
        if name not in ("count_by", "duplicates", "limit", "cursor")
    ]
)


@click.command("import")
@click.argument("source_file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--map",
    "given",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Map a column to a field, such as --map 'Cell=phone'; without FIELD leave it out. Can be repeated.",
)
@click.option(
    "--header-row", type=WholeNumber(1), metavar="N", help="Number of the row that names the columns."
)
@click.option("--no-header", is_flag=True, help="No row names the columns; they are told by what they hold.")
@click.option("--sheet", metavar="NAME", help="Sheet of a workbook to read, by its name or number.")
@click.option(
    "--encoding", metavar="NAME", help="Encoding of a text file, such as cp1252; else it is detected."
)
@click.option(
    "--delimiter", metavar="CHAR", help="Character between the cells of CSV, or tab; else it is detected."
)
@click.option(
    "--dates",
    type=click.Choice(["mdy", "dmy", "ymd"]),
    help="Order of day, month and year in dates such as 1/2/2026; else the dates of a column show it.",
)
@click.option(
    "--skip-invalid-values",
    is_flag=True,
    help="Write a row without its invalid values, which are listed. Without it, such a row is not written.",
)
@click.option(
    "--yes-without-contacts",
    "without_contacts",
    is_flag=True,
    help="Write rows although none has a phone, an e-mail or an id.",
)
@click.option("--dry-run", is_flag=True, help="Only show the plan; write nothing.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option(
    "--requests",
    type=WholeNumber(1),
    default=800,
    show_default=True,
    help="Maximum number of requests. The company's website forms may need some of the daily 1,000.",
)
@_SHARED_FIELDS
@sandbox_flag
@_CONNECTION
def import_(
    source_file: str,
    *,
    given: tuple[str, ...],
    header_row: int | None,
    no_header: bool,
    sheet: str | None,
    encoding: str | None,
    delimiter: str | None,
    dates: DateOrder | None,
    skip_invalid_values: bool,
    without_contacts: bool,
    dry_run: bool,
    yes: bool,
    requests: int,
    file: str | None,
    config: str | None,
    **values: str | None,
) -> None:
    """Write the rows of FILE as leads; - is standard input.

    FILE is CSV as spreadsheets export it, a workbook (XLSX; needs the extra xlsx), or JSON lines.
    What is read of it, what is left out or guessed, and the plan are shown first, and written after a
    confirmation or with --yes. Each row is written as the tool upsert_lead would.

    A flag with the name of a field, such as --stage, holds for all rows that have no value of their own. It
    fills blanks of leads that are found by phone or e-mail, and replaces the value in rows with an id. --tags
    and --notes are added to those of each row.

    FILE.rotor-import records what was written, so that the same command continues an import that was stopped
    or ran out of requests. Rows that need attention are written to FILE.attention.csv, to be corrected and
    imported. The exit status is 0 if all rows are stored.
    """
    if dry_run and yes:
        raise click.UsageError("--dry-run writes nothing and --yes writes: give one of them")
    if no_header and header_row:
        raise click.UsageError("--no-header says that no row names the columns, --header-row which one does")
    shared = _parse(SharedFields, values)
    settings, transport = connection(file, read_settings(config, values))
    log_setup.configure(settings)
    options = importer.ImportOptions(
        file=source_file,
        column_fields=dict(_parse_mapping(text) for text in given),
        read_options=ReadOptions(
            encoding=encoding,
            delimiter=_parse_delimiter(delimiter),
            sheet=sheet,
            header_row=0 if no_header else header_row,
        ),
        date_order=dates,
        skip_invalid_values=skip_invalid_values,
        without_contacts=without_contacts,
        shared=shared,
        max_requests=requests,
        mode="write" if yes else "dry_run" if dry_run or not is_interactive() else "ask",
        destination=None if file == ":memory:" else f"{settings.base_url} {file or ''}",
    )
    sys.exit(0 if importer.run_import(options, settings, transport) else 1)


@click.command("export")
@click.argument(
    "target", metavar="[FILE]", default="-", type=click.Path(dir_okay=False, writable=True, allow_dash=True)
)
@click.option("--limit", type=WholeNumber(1), help="Maximum number of leads. Without it, all that match.")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(exporter.ExportFormat)),
    help="CSV, JSON lines for programs, or a workbook for spreadsheets (needs the extra xlsx); by "
    "default what the ending of FILE says (.csv, .jsonl, .ndjson, .xlsx), or csv without one.",
)
@click.option(
    "--requests",
    type=WholeNumber(1),
    default=100,
    show_default=True,
    help="Maximum number of requests, of 1,000 leads each. An export known to need more is not started.",
)
@_FILTERS
@sandbox_flag
@_CONNECTION
def export_(
    target: str,
    *,
    limit: int | None,
    form: exporter.ExportFormat | None,
    requests: int,
    file: str | None,
    config: str | None,
    **values: Any,
) -> None:
    """Write leads to FILE, or to standard output without one or if it is -.

    All leads that match the filters are written; the filters are those of the tool search_leads, except
    duplicates. --fields selects and orders the columns. FILE is written completely or not at all, and only
    its owner can read it. --timeout applies to each request.

    Newest first, rows are written as they are read. Any other order first reads all leads that match, and so
    does a tag that no lead has in exactly that spelling. A workbook is written in the end.
    """
    form = exporter.choose_format(target, form)
    request = _parse(SearchRequest, values)
    settings, transport = connection(file, read_settings(config, values))
    log_setup.configure(settings)
    export = exporter.Export(request, limit, requests)
    done = exporter.run_export(settings, transport, export, target, form)
    sys.exit(0 if done else 1)


def _parse(model: type[T], values: dict[str, Any]) -> T:
    """Remove the values of a model's flags from `values`, and return the model."""
    given = {name: values.pop(name) for name in model.model_fields if name in values}
    given |= {name: list(value) for name, value in given.items() if isinstance(value, tuple)}
    try:
        return validation.parse(model, given)
    except InvalidArguments as exc:
        raise click.UsageError("\n".join(_with_flag(fault, model) for fault in exc.faults)) from None


def _with_flag(fault: str, model: type[Arguments]) -> str:
    """Return what is said about an argument of a tool, with the name of its flag."""
    name, colon, expected = fault.partition(": ")
    if name == "arguments":  # together
        return expected
    return f"--{name.replace('_', '-')}: {expected}" if colon and name in model.model_fields else fault


def _parse_delimiter(text: str | None) -> str | None:
    """Return the one character that a delimiter is, which may be given by its name."""
    if text is None:
        return None
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "space": " "}
    char = names.get(text.lower(), text)
    if len(char) != 1 or char in '"\r\n':
        raise click.UsageError(f"--delimiter {text}: must be one character, such as ; or tab")
    return char


def _parse_mapping(text: str) -> tuple[str, str]:
    column, equals, field = text.rpartition("=")
    if not equals:
        raise click.UsageError(f"--map {text}: must be COLUMN=FIELD")
    return column, field
