"""Maps the columns of a table to arguments of `upsert_lead`.

A column is mapped by `--map` or by its header; others are left out, and the preview lists every column before
anything is sent. Values are not validated here, but as those of any other write.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from rotor_mcp.api.models import LEAD_ID, Lead, LeadFields
from rotor_mcp.import_export.cell_values import CellReader, choose_reader
from rotor_mcp.import_export.formats.table import Row, Table
from rotor_mcp.import_export.header_synonyms import FIRST_NAME, LAST_NAME, HeaderMatch, match_header
from rotor_mcp.leads.phones import phone_form
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.validation import nearest
from rotor_mcp.normalize import caseless
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.phrases import counted

FIELDS = (*LeadFields.model_fields, "id", "confirm")
"""The arguments that a row can have."""

NOT_WRITABLE = frozenset({*Lead.model_fields.keys() - UpsertRequest.model_fields.keys(), "row", "reason"})
"""Columns of our own files that cannot be written."""

_PARTS = (FIRST_NAME, LAST_NAME)
_TARGETS = (*FIELDS, *_PARTS)
_IDENTIFYING = frozenset({"id", "phone", "email", "name", *_PARTS})
_JOINED = frozenset({"tags", "notes", *_PARTS})
_OTHER_VALUE = {"phone": "another number", "email": "another address"}
_MAX_LISTED_COLUMNS = 30


class ColumnError(ValueError):
    """The mapping names an unknown column or field, or no column identifies a lead."""


@dataclass(frozen=True)
class ColumnSource:
    """A column that is mapped to a field."""

    column: str
    field: str
    reader: CellReader


@dataclass(frozen=True)
class ColumnMapping:
    """The mapping of a table's columns to fields."""

    columns: tuple[str, ...]
    sources: tuple[ColumnSource, ...]
    """In order of preference within a field."""
    left_out: Mapping[str, str]
    """Column → reason; blank if the header is not recognized."""
    differing: Mapping[str, int]
    """Column → number of rows in which its value differs from the one that is used for its field."""

    def arguments(self, row: Row) -> dict[str, Any]:
        """Return the arguments of `upsert_lead` of a row, without blank ones."""
        given: dict[str, Any] = {}
        for field in FIELDS:
            values = [value for _, value in _values(self._sources_of(field), row)]
            if field == "tags" and values:
                given[field] = list(dict.fromkeys(values))
            elif field == "notes" and values:
                given[field] = "\n".join(self._notes(row))
            elif value := values[0] if values else self._name_of_parts(row) if field == "name" else "":
                given[field] = value
        return given

    def describe(self) -> list[str]:
        """Return a line about each column, in the order of the file."""
        texts = {source.column: self._line(source) for source in self.sources}
        for column, why in self.left_out.items():
            texts[column] = f"{column}: left out{why and f', {why}'}"
        return [texts[column] for column in self.columns]

    def _sources_of(self, field: str) -> list[ColumnSource]:
        return [source for source in self.sources if source.field == field]

    def _notes(self, row: Row) -> list[str]:
        several = len(self._sources_of("notes")) > 1
        return [
            f"{source.column}: {note}" if several else note
            for source, note in _values(self._sources_of("notes"), row)
        ]

    def _name_of_parts(self, row: Row) -> str:
        parts = [_values(self._sources_of(part), row)[:1] for part in _PARTS]
        return " ".join(value for part in parts for _, value in part)

    def _line(self, source: ColumnSource) -> str:
        field = "name" if source.field in _PARTS else source.field
        preferred = [] if source.field in ("tags", "notes") else self._preferred_columns(source)
        words = f"{source.column} → {field}"
        if source.field in _PARTS:
            (other,) = (part for part in _PARTS if part != source.field)
            with_it = [one.column for one in self._sources_of(other)]
            words += f" (with {' or '.join(with_it)})" if with_it else ""
        if source.field == "notes" and len(self._sources_of("notes")) > 1:
            words += f', as "{source.column}: …"'
        if preferred:
            words += f", where {' and '.join(preferred)} {'is' if len(preferred) == 1 else 'are'} blank"
        if source.reader.note:
            words += f", {source.reader.note}"
        if count := self.differing.get(source.column):
            other = _OTHER_VALUE.get(field, "something else")
            words += f" (in {counted(count, 'row')} it holds {other}, which is left out)"
        return words

    def _preferred_columns(self, source: ColumnSource) -> list[str]:
        """Return the columns that have to be blank for this one to be used."""
        same = [one.column for one in self._sources_of(source.field)]
        full = [one.column for one in self._sources_of("name")] if source.field in _PARTS else []
        return full + same[: same.index(source.column)]


def match_columns(table: Table, given: Mapping[str, str], *, region: str) -> ColumnMapping:
    """Map a table's columns to fields.

    `given` is the mapping of `--map`, column → field; a blank or "-" for the field leaves the column out. The
    region (ISO 3166) decides on the formats of phones, dates and amounts.

    Raises:
        ColumnError: if `given` names an unknown column or field, or no column identifies a lead.
    """
    asked = _fields_by_column(table, given)
    fields = {column: field for column, field in asked.items() if field}
    left_out = {column: "as asked" for column, field in asked.items() if not field}
    guessed = {column: found for column in table.columns if column not in asked and (found := _guess(column))}
    for column, why in _doubtful_columns(table, guessed, set(fields.values())).items():
        del guessed[column]
        left_out[column] = why
    # The user's mapping takes precedence, then the order of the file.
    fields |= {column: found.field for column, found in guessed.items()}
    if _IDENTIFYING.isdisjoint(fields.values()):
        raise ColumnError(_no_identity_text(table.columns))
    for column in table.columns:
        if column not in fields and column not in left_out:
            left_out[column] = "not writable" if column in NOT_WRITABLE else ""
    sources = []
    for column, field in fields.items():
        cells = [row.cells[column] for row in table.rows]
        sources.append(ColumnSource(column, field, choose_reader(field, column, cells, region)))
    return ColumnMapping(table.columns, tuple(sources), left_out, _differing(table, sources, region))


def _fields_by_column(table: Table, given: Mapping[str, str]) -> dict[str, str]:
    """Return the user's mapping with the table's column names: column → field, blank to leave it out."""
    known = {column.casefold(): column for column in table.columns}
    asked = {}
    for column_text, field_text in given.items():
        column = known.get(one_line(column_text).casefold())
        if column is None:
            close = get_close_matches(one_line(column_text).casefold(), known, n=1)
            hint = f"did you mean {known[close[0]]}?" if close else f"there are {_listed(table.columns)}"
            raise ColumnError(f"There is no column {one_line(column_text)}: {hint}")
        field = "" if field_text.strip() == "-" else field_text.strip().lower()
        if field and field not in _TARGETS:
            meant = nearest(field, list(_TARGETS))
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(_TARGETS)}"
            raise ColumnError(f"There is no field {one_line(field_text)}: {hint}")
        asked[column] = field
    return asked


def _guess(column: str) -> HeaderMatch | None:
    # In other files "Confirm" can mean anything; our own files have it in lower case.
    return HeaderMatch("confirm") if column == "confirm" else match_header(column)


def _doubtful_columns(table: Table, guessed: Mapping[str, HeaderMatch], asked: Set[str]) -> dict[str, str]:
    """Return the columns whose guessed field is not reliable: column → reason."""
    place = _best_place(table, guessed, asked)
    doubtful = {}
    for column, (field, own_place) in guessed.items():
        cells = [cell for row in table.rows if (cell := row.cells[column].strip())]
        if field == "id" and cells and not any(LEAD_ID.fullmatch(cell.lower()) for cell in cells):
            doubtful[column] = "as its values are not Rotor's lead ids"
        elif field == "stage" and cells and {cell.lower() for cell in cells} <= {"created", "complete"}:
            doubtful[column] = "as it tells Facebook's own state of the form"
        elif own_place is not None and field in asked:
            doubtful[column] = f"as another column is {field}"
        elif own_place is not None and own_place != place:
            doubtful[column] = "as it belongs to another address"
    return doubtful


def _best_place(table: Table, guessed: Mapping[str, HeaderMatch], asked: Set[str]) -> int | None:
    """Return which of a file's addresses to use, so that no lead mixes parts of two addresses.

    Those with a street are preferred, unless the user mapped the street; of them the best in `_PLACES`.
    """
    parts = {
        column: (found.field, found.place) for column, found in guessed.items() if found.place is not None
    }
    filled = {part for column, part in parts.items() if any(row.cells[column].strip() for row in table.rows)}
    used = filled or set(parts.values())
    all_places = {place for _, place in used}
    with_street = {place for field, place in used if field == "address_street1"}
    places = all_places - with_street if "address_street1" in asked else with_street or all_places
    return min(places, default=None)


def _values(sources: Sequence[ColumnSource], row: Row) -> list[tuple[ColumnSource, str]]:
    return [(source, value) for source in sources for value in source.reader.read(row.cells[source.column])]


def _differing(table: Table, sources: Sequence[ColumnSource], region: str) -> dict[str, int]:
    """Return column → number of rows in which its value differs from the one that is used."""
    counts: Counter[str] = Counter()
    for field in {source.field for source in sources} - _JOINED:
        of_field = [source for source in sources if source.field == field]
        for row in table.rows:
            values = _values(of_field, row)
            taken = values[0][1] if values else ""
            counts.update(
                {
                    source.column
                    for source, value in values
                    if value != taken and not _is_same_value(field, value, taken, region)
                }
            )
    return counts


def _is_same_value(field: str, value: str, other: str, region: str) -> bool:
    if field == "phone":
        return phone_form(value, region) == phone_form(other, region)
    return caseless(value) == caseless(other)


def _no_identity_text(columns: Sequence[str]) -> str:
    return (
        "No column says whom a row is about: a name, a phone, an e-mail or a lead id. "
        f'The columns are {_listed(columns)}. Say which is which, such as --map "{columns[0]}=name"'
    )


def _listed(columns: Sequence[str]) -> str:
    more = len(columns) - _MAX_LISTED_COLUMNS
    return ", ".join(columns[:_MAX_LISTED_COLUMNS]) + (f" and {more} more" if more > 0 else "")
