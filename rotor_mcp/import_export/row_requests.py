"""Makes the request of each row of a file, or says which of its cells cannot be used."""

from dataclasses import dataclass, field, replace

from rotor_mcp.api.models import LEAD_ID_CHARS
from rotor_mcp.errors import InvalidArguments
from rotor_mcp.import_export.column_profile import MAX_SHOWN_CHARS
from rotor_mcp.import_export.row_reading import CellRemark, ColumnMapping, RowReading
from rotor_mcp.import_export.table import Row, Table
from rotor_mcp.leads.matching import contact_keys
from rotor_mcp.leads.requests import SharedFields, UpsertRequest
from rotor_mcp.leads.validation import parse
from rotor_mcp.sanitize import cut

_MAX_ROW_CHARS = 120
_NOT_SKIPPED = frozenset({"id", "confirm"})
"""Without an id, another lead would be written; without a token, what it approves."""


@dataclass(frozen=True)
class RowRequest:
    """What becomes of a row: a request, or why there is none."""

    reading: RowReading
    request: UpsertRequest | None = None
    failure: InvalidArguments | None = None


@dataclass(frozen=True)
class RowRequests:
    """Makes requests of the rows of a table."""

    table: Table
    columns: ColumnMapping
    shared: SharedFields = field(default_factory=SharedFields)
    """The fields that were given for all rows."""
    skip_invalid_values: bool = False
    """Whether a row is written without its invalid values, if it still says who is meant."""

    def of(self, row: Row) -> RowRequest:
        """Return the request of a row."""
        reading = self.columns.read(row)
        if damage := self.table.damaged.get(row.number):
            return RowRequest(reading, failure=InvalidArguments([damage]))
        if not reading.arguments:
            held = cut(" · ".join(cell for cell in row.cells.values() if cell.strip()), _MAX_ROW_CHARS)
            return RowRequest(reading, failure=InvalidArguments([f'nothing of the row is taken: "{held}"']))
        request, faults = self._parsed(reading)
        if (
            self.skip_invalid_values
            and not faults.keys() <= _NOT_SKIPPED
            and faults.keys() <= reading.cells.keys()
        ):
            shorter = _without(
                reading, {name: why for name, why in faults.items() if name not in _NOT_SKIPPED}
            )
            without, _ = self._parsed(shorter)
            if without is not None:
                return RowRequest(shorter, without)
        if request is None:
            return RowRequest(reading, failure=InvalidArguments(_texts(reading, faults)))
        return RowRequest(reading, request)

    def _parsed(self, reading: RowReading) -> tuple[UpsertRequest | None, dict[str, str]]:
        """Return the request, or why arguments are invalid: argument → reason."""
        faults = dict(reading.faults)
        usable = {name: value for name, value in reading.arguments.items() if name not in faults}
        try:
            request = self.shared.fill(parse(UpsertRequest, usable))
            if request.id and len(request.id) < LEAD_ID_CHARS:
                # A file is read long after the id was shown, when other leads may begin with it.
                return None, faults | {"id": "a file must hold whole ids, and this one is short"}
            contact_keys(request, self.columns.region)  # refuses a phone that could not exist
        except InvalidArguments as exc:
            found = dict(fault.partition(": ")[::2] for fault in exc.faults)
            if faults:
                found.pop("arguments", None)  # nobody is meant, because of what cannot be read
            return None, faults | found
        return (None, faults) if faults else (request, {})


def _without(reading: RowReading, faults: dict[str, str]) -> RowReading:
    """Return what a row says without the arguments that have a fault."""
    remarks = [CellRemark("left_out", *reading.cells[name], why) for name, why in faults.items()]
    return replace(
        reading,
        arguments={name: value for name, value in reading.arguments.items() if name not in faults},
        faults={name: why for name, why in reading.faults.items() if name not in faults},
        remarks=[*reading.remarks, *remarks],
    )


def _texts(reading: RowReading, faults: dict[str, str]) -> list[str]:
    texts = []
    for name, why in faults.items():
        if name in reading.cells:
            column, cell = reading.cells[name]
            texts.append(f'{column} "{cut(cell, MAX_SHOWN_CHARS)}": {why}')
        else:  # nobody is meant, or what several columns say is too long
            texts.append(why if name == "arguments" else f"{name}: {why}")
    return texts
