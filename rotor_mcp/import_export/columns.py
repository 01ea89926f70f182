"""Maps the columns of a table to arguments of `upsert_lead`.

A column is mapped by `--map`, by its header or by the look of its cells; others are left out. The preview
lists every column before anything is sent.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from difflib import get_close_matches

from rotor_mcp.api.models import LEAD_FIELDS, LEAD_ID
from rotor_mcp.import_export.cells.dates import DateOrder
from rotor_mcp.import_export.cells.looks import Look
from rotor_mcp.import_export.cells.values import choose_reader
from rotor_mcp.import_export.column_profile import (
    MAX_SHOWN_CHARS,
    ColumnProfile,
    column_cells,
    profile_columns,
)
from rotor_mcp.import_export.header_synonyms import (
    COMPANY,
    FIRST_NAME,
    LAST_NAME,
    NAME_PARTS,
    HeaderMatch,
    is_of_somebody_else,
    match_header,
)
from rotor_mcp.import_export.row_reading import (
    CONFIRM,
    CONTACTS,
    FIELDS,
    NAMES,
    REASON,
    ROW,
    ColumnMapping,
    ColumnSource,
)
from rotor_mcp.import_export.table import Table
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.validation import nearest
from rotor_mcp.sanitize import cut, one_line

NOT_WRITABLE = frozenset({*LEAD_FIELDS, ROW, REASON} - UpsertRequest.model_fields.keys())
"""Columns of our own files that cannot be written."""

_TARGETS = (*FIELDS, *NAME_PARTS, COMPANY)
IDENTIFYING = frozenset({"id", *CONTACTS, "name", FIRST_NAME, LAST_NAME, COMPANY})
"""Fields, one of which says whom a row is about."""
_MAY_HOLD_CONTACTS = frozenset({*CONTACTS, "notes", "tags", "id", "confirm"})
_FORMATS: dict[str, tuple[Look, ...]] = {
    "follow_up_date": ("date", "zip"),  # a spreadsheet's number of a day has five digits
    "projected_value": ("amount", "zip"),
    "address_zip": ("zip",),
    "address_street1": ("address",),
}
"""Field → what its cells may look like, besides text."""
_PROPOSED: dict[Look, str] = {
    "date": "follow_up_date",
    "amount": "projected_value",
    "zip": "address_zip",
    "address": "address_street1",
    "phone": "phone",
    "email": "email",
    "name": "name",
}
"""Look of a column that is left out → the field that it might be."""
_PLURAL = {
    "date": "dates",
    "amount": "amounts",
    "zip": "ZIP codes",
    "phone": "phones",
    "email": "e-mails",
    "name": "names",
    "address": "addresses",
}
_NEXT_STEP = re.compile(r"call|follow|next|due|contact|appoint|visit|remind|schedul|back", re.IGNORECASE)
"""Words of headers whose dates may be a follow-up."""
_NO_LONGER = re.compile(r"archived|inactive|deleted|do not contact|unsubscribed", re.IGNORECASE)
_MAX_LISTED_COLUMNS = 30


class ColumnError(ValueError):
    """The mapping names an unknown column or field, or no column identifies a lead."""


def match_columns(
    table: Table, given: Mapping[str, str], *, region: str, date_order: DateOrder | None = None
) -> ColumnMapping:
    """Map a table's columns to fields.

    Args:
        table: the table.
        given: the mapping of `--map`, column → field; a blank or "-" for the field leaves the column out.
        region: country (ISO 3166) that decides on the formats of phones, dates and amounts.
        date_order: of numeric dates, if it is known.

    Raises:
        ColumnError: if `given` names an unknown column or field, or no column identifies a lead.
    """
    profiles = profile_columns(table, region)
    asked = _fields_by_column(table, given)
    fields = {column: field for column, field in asked.items() if field}
    left_out = {column: "as asked" for column, field in asked.items() if not field}
    is_ours = _is_ours(table, profiles)
    guess = _Guess(table, profiles, asked, is_ours=is_ours)
    # The user's mapping takes precedence, then what headers say, then what cells look like.
    fields |= guess.by_header | guess.by_look
    if IDENTIFYING.isdisjoint(fields.values()):
        raise ColumnError(_no_identity_text(table.columns, profiles))
    for column in table.columns:
        if column not in fields and column not in left_out:
            left_out[column] = guess.why_left_out(column, fields.values())
            guess.warn_of_names(column, fields.values())
            guess.warn_of_former_leads(column)
    sources = tuple(
        ColumnSource(
            column,
            field,
            choose_reader(
                field,
                column_cells(table, column) if field in ("follow_up_date", "projected_value") else (),
                region,
                is_ours=is_ours,
                date_order=date_order,
            ),
            by_look=column in guess.by_look,
        )
        for column, field in fields.items()
    )
    return ColumnMapping(table.columns, sources, left_out, tuple(guess.warnings), region, is_ours)


class _Guess:
    """The fields of the columns for which the person gave none."""

    def __init__(
        self,
        table: Table,
        profiles: Mapping[str, ColumnProfile],
        asked: Mapping[str, str],
        *,
        is_ours: bool,
    ) -> None:
        self._profiles = profiles
        self._asked = set(asked.values())
        self.warnings: list[str] = []
        """What the person should look at."""
        self._reasons: dict[str, str] = {}
        columns = [column for column in table.columns if column not in asked]
        found = {column: match for column in columns if (match := _header_match(column, table))}
        for column, match in [*found.items()]:
            if not is_ours and self._contradicts(column, match):
                del found[column]
        for column, why in _doubtful_columns(profiles, found, self._asked).items():
            del found[column]
            self._reasons[column] = why
        self.by_header = {column: match.field for column, match in found.items()}
        """Column → field, by its header."""
        if not is_ours:
            self.warnings += filter(None, map(self._disagreement, self.by_header))
        self.by_look: dict[str, str] = {}
        """Column → field, by the look of its cells."""
        for column in [] if is_ours else columns:
            if column not in found and column not in self._reasons and column not in NOT_WRITABLE:
                self._look_at(column, has_header=table.has_header)

    def _contradicts(self, column: str, match: HeaderMatch) -> bool:
        """Whether the cells are phones or e-mails, and the header says something else."""
        profile = self._profiles[column]
        if profile.look not in CONTACTS or profile.look == match.field:
            return False
        if match.field in _MAY_HOLD_CONTACTS - {*CONTACTS}:
            return False
        self.warnings.append(
            f"{column} stands for {match.field}, but its cells are {_PLURAL[profile.look]}, {profile.shown}: "
            f"they are read as {profile.look}"
        )
        return True

    def _disagreement(self, column: str) -> str:
        """Return what to say if the cells of a column have a format that its field has not; blank if not."""
        field, profile = self.by_header[column], self._profiles[column]
        if profile.look in (None, "name", *CONTACTS) or field in _MAY_HOLD_CONTACTS - {*CONTACTS}:
            return ""
        if profile.look in _FORMATS.get(field, ()):
            return ""
        return (
            f"{column} stands for {field}, but its cells look like {_PLURAL[profile.look]}, {profile.shown}. "
            f'To leave it out: --map "{column}="'
        )

    def _look_at(self, column: str, *, has_header: bool) -> None:
        profile = self._profiles[column]
        look = profile.look
        known = {*self._asked, *self.by_header.values(), *self.by_look.values()}
        if look == "name" and not has_header and set(NAMES).isdisjoint(known):
            self.by_look[column] = "name"
        elif look not in CONTACTS:
            return
        elif is_of_somebody_else(column):
            self._warn_of_contacts(column, "its header names somebody else")
        elif profile.is_repeated:
            self._warn_of_contacts(column, "many rows hold the same")
        else:
            self.by_look[column] = look

    def warn_of_names(self, column: str, taken: Iterable[str]) -> None:
        """Warn if a column that is left out holds the only names."""
        if self._profiles[column].look == "name" and {"id", *NAMES}.isdisjoint(taken):
            self.warnings.append(
                f"{column} seems to hold names, {self._profiles[column].shown}, and is left out: the leads "
                f'would have none. To take it: --map "{column}=name"'
            )

    def warn_of_former_leads(self, column: str) -> None:
        """Warn if some rows are about people who are no longer customers."""
        said = [cell for cell in self._profiles[column].sample if cell.lower() in ("true", "yes", "1", "y")]
        if said and _NO_LONGER.search(column) and column not in NOT_WRITABLE:
            self.warnings.append(
                f'{column} holds "{said[0]}" in some rows. It is left out: the rows are imported like others'
            )

    def _warn_of_contacts(self, column: str, why: str) -> None:
        profile = self._profiles[column]
        assert profile.look is not None  # noqa: S101 - it is why this was called
        self._reasons[column] = f"although it holds {_PLURAL[profile.look]}, {profile.shown}, as {why}"
        self.warnings.append(
            f"{column} holds {_PLURAL[profile.look]} and is left out, as {why}. To take it: "
            f'--map "{column}={profile.look}"'
        )

    def why_left_out(self, column: str, taken: Iterable[str]) -> str:
        """Return why a column is left out, with an example and the field that it might be."""
        if column in NOT_WRITABLE:
            return "not writable"
        profile = self._profiles[column]
        if reason := self._reasons.get(column):
            return (
                reason
                if profile.shown and profile.shown in reason
                else ", ".join(filter(None, [reason, profile.shown]))
            )
        proposed = _PROPOSED.get(profile.look) if profile.look else None
        if profile.look == "date" and not _NEXT_STEP.search(column):
            proposed = None  # when a lead was created, or born
        if proposed and proposed not in taken and (proposed != "name" or set(NAMES).isdisjoint(taken)):
            return f'{profile.shown}; --map "{column}={proposed}" takes it as {proposed}'
        return profile.shown


def _is_ours(table: Table, profiles: Mapping[str, ColumnProfile]) -> bool:
    """Whether a file is one that we wrote: with Rotor's ids, or of rows that need attention."""
    has_ids = "id" in table.columns and any(LEAD_ID.fullmatch(cell.lower()) for cell in profiles["id"].sample)
    return has_ids or {ROW, REASON} <= set(table.columns)


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


def _header_match(column: str, table: Table) -> HeaderMatch | None:
    if not table.has_header:
        return None
    # In other files "Confirm" can mean anything; our own files have it in lower case.
    return HeaderMatch(CONFIRM) if column == CONFIRM else match_header(column)


def _doubtful_columns(
    profiles: Mapping[str, ColumnProfile], guessed: Mapping[str, HeaderMatch], asked: Set[str]
) -> dict[str, str]:
    """Return the columns whose guessed field is not reliable: column → reason."""
    place = _best_place(profiles, guessed, asked)
    doubtful = {}
    for column, (field, own_place) in guessed.items():
        cells = profiles[column].sample
        if field == "id" and cells and not any(LEAD_ID.fullmatch(cell.lower()) for cell in cells):
            doubtful[column] = "as its values are not Rotor's lead ids"
        elif field == "stage" and cells and {cell.lower() for cell in cells} <= {"created", "complete"}:
            doubtful[column] = "as it tells Facebook's own state of the form"
        elif own_place is not None and field in asked:
            doubtful[column] = f"as another column is {field}"
        elif own_place is not None and own_place != place:
            doubtful[column] = "as it belongs to another address"
    return doubtful


def _best_place(
    profiles: Mapping[str, ColumnProfile], guessed: Mapping[str, HeaderMatch], asked: Set[str]
) -> int | None:
    """Return which of a file's addresses to use, so that no lead mixes parts of two addresses.

    Those with a street are preferred, unless the user mapped the street; of them the best in `_PLACES`.
    """
    parts = {
        column: (found.field, found.place) for column, found in guessed.items() if found.place is not None
    }
    filled = {part for column, part in parts.items() if profiles[column].filled}
    used = filled or set(parts.values())
    all_places = {place for _, place in used}
    with_street = {place for field, place in used if field == "address_street1"}
    places = all_places - with_street if "address_street1" in asked else with_street or all_places
    return min(places, default=None)


def _no_identity_text(columns: Sequence[str], profiles: Mapping[str, ColumnProfile]) -> str:
    name = next((column for column in columns if profiles[column].look == "name"), columns[0])
    shown = {column: cut(profiles[column].example, MAX_SHOWN_CHARS) for column in columns}
    examples = [f'{column} ("{shown[column]}")' if shown[column] else column for column in columns]
    return (
        "No column says whom a row is about: a name, a phone, an e-mail or a lead id. "
        f'The columns are {_listed(examples)}. Say which is which, such as --map "{name}=name"'
    )


def _listed(columns: Sequence[str]) -> str:
    more = len(columns) - _MAX_LISTED_COLUMNS
    return ", ".join(columns[:_MAX_LISTED_COLUMNS]) + (f" and {more} more" if more > 0 else "")
