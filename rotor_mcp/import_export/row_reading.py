"""Reads the rows of a table, by the mapping of its columns, as arguments of `upsert_lead`.

Every cell that is not blank ends in an argument, or in a remark or fault that names it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rotor_mcp.api.models import LeadFields
from rotor_mcp.import_export.cells.addresses import is_covered, split_address
from rotor_mcp.import_export.cells.names import full_name, holds_name
from rotor_mcp.import_export.cells.values import CellReader
from rotor_mcp.import_export.column_profile import MAX_SHOWN_CHARS
from rotor_mcp.import_export.header_synonyms import COMPANY, NAME_PARTS
from rotor_mcp.import_export.table import Row
from rotor_mcp.leads.phones import phone_form
from rotor_mcp.normalize import address_form, caseless
from rotor_mcp.sanitize import cut, one_line

FIELDS = (*LeadFields.model_fields, "id", "confirm")
"""The arguments that a row can have."""
ROW, CONFIRM, REASON = "row", "confirm", "reason"
"""Columns of the rows that need attention, besides the fields."""
CONTACTS = ("phone", "email")
_OTHER_CONTACT = {"phone": "email", "email": "phone"}
NAMES = ("name", *NAME_PARTS, COMPANY)
ADDRESS = (
    "address_street1",
    "address_street2",
    "address_city",
    "address_state",
    "address_zip",
    "address_country",
)
_STREET = ADDRESS[0]
_OF_ONE_VALUE = frozenset(FIELDS) - {"name", "tags", "notes", *ADDRESS}


@dataclass(frozen=True)
class ColumnSource:
    """A column that is mapped to a field."""

    column: str
    field: str
    reader: CellReader
    by_look: bool = False
    """Whether it was recognized by its cells and not by its header."""


RemarkKind = Literal["read_as", "blank", "noted", "left_out"]


@dataclass(frozen=True)
class CellRemark:
    """What became of a cell that is not simply stored."""

    kind: RemarkKind
    column: str
    cell: str
    text: str = ""
    """What it was read as, or why it was left out."""


@dataclass
class RowReading:
    """What a row says."""

    arguments: dict[str, Any] = field(default_factory=dict)
    """The arguments of `upsert_lead`, without blank ones."""
    cells: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Argument → the column and the cell that it comes from."""
    faults: dict[str, str] = field(default_factory=dict)
    """Argument → why its cell cannot be read. The argument is then the cell as it is."""
    remarks: list[CellRemark] = field(default_factory=list)


@dataclass(frozen=True)
class ColumnMapping:
    """The mapping of a table's columns to fields."""

    columns: tuple[str, ...]
    sources: tuple[ColumnSource, ...]
    """In order of preference within a field."""
    left_out: Mapping[str, str]
    """Column → reason, with an example; blank if there is nothing to say."""
    warnings: tuple[str, ...]
    """What should be looked at before anything is written."""
    region: str
    """Country (ISO 3166) of phones without a country code."""
    is_ours: bool = False
    """Whether the file is one that we wrote, whose cells hold exactly what Rotor stores."""

    def read(self, row: Row) -> RowReading:
        """Return what a row says."""
        return _RowReader(self, row).read()

    def describe(self) -> list[str]:
        """Return a line about each column, in the order of the file."""
        texts = {source.column: self._line(source) for source in self.sources}
        for column, why in self.left_out.items():
            texts[column] = f"{column}: left out{why and f', {why}'}"
        return [texts[column] for column in self.columns]

    def sources_of(self, *fields: str) -> list[ColumnSource]:
        """Return the columns of some fields."""
        return [source for source in self.sources if source.field in fields]

    def _line(self, source: ColumnSource) -> str:
        target = "name" if source.field in NAMES else source.field
        preferred = [] if source.field in ("tags", "notes") else self._preferred_columns(source)
        words = f"{source.column} → {target}"
        if source.by_look:
            words += ", by what it holds"
        if source.field in NAME_PARTS:
            full = [one.column for one in self.sources_of("name")]
            parts = [
                " or ".join(one.column for one in self.sources_of(part))
                for part in NAME_PARTS
                if part != source.field and self.sources_of(part)
            ]
            if parts or full:
                words += f" (with {' and '.join(parts or full)})"
            if parts and full:
                words += f", to complete {' or '.join(full)}"
        if source.field == "notes" and len(self.sources_of("notes")) > 1:
            words += f', as "{source.column}: …"'
        if preferred:
            words += f", where {' and '.join(preferred)} {'is' if len(preferred) == 1 else 'are'} blank"
            words += "; otherwise to the notes" if source.field in CONTACTS else ""
        if source.reader.note:
            words += f", {source.reader.note}"
        return words

    def _preferred_columns(self, source: ColumnSource) -> list[str]:
        """Return the columns that have to be blank for this one to be used."""
        same = [one.column for one in self.sources_of(source.field)]
        better = same[: same.index(source.column)]
        if source.field == COMPANY:
            return [one.column for one in self.sources_of("name", *NAME_PARTS)] + better
        return better


class _RowReader:
    """Reads the cells of one row."""

    def __init__(self, columns: ColumnMapping, row: Row) -> None:
        self._columns = columns
        self._row = row
        self._reading = RowReading()
        self._values: dict[str, list[tuple[ColumnSource, str]]] = {}
        """Field → its values, the preferred one first."""
        self._faults: dict[str, list[tuple[ColumnSource, str]]] = {}
        """Field → its cells that cannot be read, with the reason."""
        self._others: list[tuple[ColumnSource, str]] = []
        """Phones in cells of e-mail addresses, and the reverse."""
        self._notes: list[str] = []

    def read(self) -> RowReading:
        for source in self._columns.sources:
            self._read_cell(source)
        for source, value in self._others:
            self._values.setdefault(_OTHER_CONTACT[source.field], []).append((source, value))
        self._set_name()
        self._set_address()
        for name in (*self._values, *self._faults):
            if name in _OF_ONE_VALUE and name not in self._reading.arguments:
                self._set_first(name)
        self._set_tags()
        self._set_notes()
        arguments = self._reading.arguments
        self._reading.arguments = {name: arguments[name] for name in FIELDS if name in arguments}
        return self._reading

    def _read_cell(self, source: ColumnSource) -> None:
        cell = self._row.cells[source.column]
        if not cell.strip():
            return
        reading = source.reader.read(cell)
        if reading.blank_word:
            self._remark("blank", source.column, cell)
        if reading.fault:
            self._faults.setdefault(source.field, []).append((source, reading.fault))
            return
        self._values.setdefault(source.field, []).extend((source, value) for value in reading.values)
        self._others.extend((source, value) for value in reading.of_other_field)
        if reading.rest:
            self._note(source.column, reading.rest)
        if reading.left_out:
            self._remark("left_out", source.column, reading.left_out)
        values = (*reading.values, *reading.of_other_field)
        if source.reader.shows_format or reading.rest or reading.left_out or not values:
            return
        bare = _without_spaces if len(values) == 1 and source.field != "tags" else _letters
        if reading.of_other_field or bare("".join(values)) != bare(one_line(cell)):
            others = [f"{_OTHER_CONTACT[source.field]}: {value}" for value in reading.of_other_field]
            self._remark("read_as", source.column, cell, " · ".join([*reading.values, *others]))

    def _remark(self, kind: RemarkKind, column: str, cell: str, text: str = "") -> None:
        self._reading.remarks.append(CellRemark(kind, column, cell, text))

    def _note(self, column: str, text: str) -> None:
        """Add to the notes what fits no field."""
        note = f"{column}: {text}"
        if note not in self._notes:
            self._notes.append(note)
            self._remark("noted", column, text)

    def _set(self, field: str, value: Any, source: ColumnSource) -> None:
        self._reading.arguments[field] = value
        self._reading.cells[field] = (source.column, self._row.cells[source.column])

    def _set_first(self, field: str) -> None:
        """Take the preferred value of a field; what else is said of a contact goes to the notes."""
        values, faults = self._values.get(field, []), self._faults.get(field, [])
        if values:
            source, taken = values[0]
            self._set(field, taken, source)
            self._keep_others(field, taken, values[1:])
        elif faults:
            (source, fault), *faults = faults
            self._set(field, self._row.cells[source.column].strip(), source)
            self._reading.faults[field] = fault
        for source, _ in faults:
            self._note(source.column, self._row.cells[source.column].strip())

    def _keep_others(self, field: str, taken: str, others: Iterable[tuple[ColumnSource, str]]) -> None:
        for source, value in others:
            if self._is_same_value(field, value, taken):
                continue
            if field in CONTACTS or field in NAMES:
                if not any(value in note for note in self._notes):
                    self._note(source.column, value)
            else:
                self._remark("left_out", source.column, value, f'"{cut(taken, MAX_SHOWN_CHARS)}" is used')

    def _is_same_value(self, field: str, value: str, other: str) -> bool:
        if field == "phone":
            region = self._columns.region
            return phone_form(value, region) == phone_form(other, region)
        return caseless(value) == caseless(other)

    def _set_name(self) -> None:
        parts = {part: self._values[part][0] for part in NAME_PARTS if self._values.get(part)}
        names = self._values.get("name", [])
        companies = self._values.get(COMPANY, [])
        for part in parts:
            self._keep_others(part, parts[part][1], self._values[part][1:])
        of_parts = {part: value for part, (_, value) in parts.items()}
        name = full_name(names[0][1] if names else "", of_parts)
        if name:
            self._set("name", name, (names or [*parts.values()])[0][0])
            self._keep_others("name", name, names[1:])
        elif companies:
            name = companies[0][1]
            self._set("name", name, companies[0][0])
        lacking = [(one.column, value) for one, value in parts.values() if not holds_name(name, value)]
        if lacking:
            self._note(", ".join(column for column, _ in lacking), " ".join(value for _, value in lacking))
        for company_source, company in companies:
            if not holds_name(name, company):
                self._note(company_source.column, company)
        for fault_source, fault in [one for name_field in NAMES for one in self._faults.get(name_field, ())]:
            cell = self._row.cells[fault_source.column].strip()
            self._reading.faults["name"] = fault
            self._reading.arguments.setdefault("name", cell)
            self._reading.cells["name"] = (fault_source.column, cell)

    def _set_address(self) -> None:
        """Set the fields of the address. A whole address in one cell fills those that have no other value."""
        streets = self._values.get(_STREET, [])
        whole = [one for one in streets if self._is_whole(one[1], streets)]
        plain = [one for one in streets if one not in whole]
        self._values[_STREET] = plain or whole[:1]
        if whole and not plain:
            self._split_address(*whole[0])
        for name in ADDRESS:
            if name in self._values or name in self._faults:
                self._set_first(name)
        parts = [self._reading.arguments[name] for name in ADDRESS if name in self._reading.arguments]
        for source, value in whole:
            if not is_covered(value, parts):
                self._remark("left_out", source.column, value, f'"{cut(parts[0], MAX_SHOWN_CHARS)}" is used')

    def _is_whole(self, value: str, streets: Sequence[tuple[ColumnSource, str]]) -> bool:
        """Whether a street is a whole address: it can be split, or it holds another street and more."""
        if self._columns.is_ours:
            return False
        if self._split(value):
            return True
        others = [street for _, street in streets if street != value]
        return any(is_covered(street, [value]) and not is_covered(value, [street]) for street in others)

    def _split(self, value: str) -> dict[str, str] | None:
        if self._columns.is_ours or self._columns.region != "US":
            return None
        return split_address(value)

    def _split_address(self, source: ColumnSource, value: str) -> None:
        """Divide a whole address among the fields, unless it contradicts what other columns say."""
        found = self._split(value) or {}
        given = {
            name: self._values[name][0][1] for name in found if name != _STREET and self._values.get(name)
        }
        if not found or any(
            address_form(name, given[name]) != address_form(name, found[name]) for name in given
        ):
            return
        for name, part in found.items():
            if name not in given:
                self._values[name] = [(source, part)]
        self._remark("read_as", source.column, value, " · ".join(found.values()))

    def _set_tags(self) -> None:
        values = self._values.get("tags", ())
        for source, tag in values:
            self._reading.arguments.setdefault("tags", []).append(tag)
            self._reading.cells["tags"] = (source.column, self._row.cells[source.column])
        if values:
            self._reading.arguments["tags"] = list(dict.fromkeys(self._reading.arguments["tags"]))
        for source, fault in self._faults.get("tags", ()):
            cell = self._row.cells[source.column].strip()
            self._reading.arguments.setdefault("tags", []).append(cell)
            self._reading.cells["tags"] = (source.column, cell)
            self._reading.faults["tags"] = fault

    def _set_notes(self) -> None:
        sources = self._columns.sources_of("notes")
        values = self._values.get("notes", [])
        several = len(sources) > 1 or bool(self._notes and values)
        own = [f"{source.column}: {note}" if len(sources) > 1 else note for source, note in values]
        if own or self._notes:
            source = values[0][0] if values else None
            self._reading.arguments["notes"] = "\n".join([*own, *self._notes])
            if source and not several:
                self._reading.cells["notes"] = (source.column, self._row.cells[source.column])
        for source, fault in self._faults.get("notes", ()):
            self._reading.arguments.setdefault("notes", self._row.cells[source.column].strip())
            self._reading.cells["notes"] = (source.column, self._row.cells[source.column])
            self._reading.faults["notes"] = fault


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum())
