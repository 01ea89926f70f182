"""Files to import with rows of every kind, and what must come of each."""

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COLUMNS = ("name", "phone", "email", "projected_value", "tags", "notes")

Cells = dict[str, str]
Lead = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """A lead that must be there afterwards, exactly once."""

    lead: Lead
    writes: int = 1
    """How often it is written by the import."""


@dataclass
class Case:
    """A file to import, and what must come of it."""

    existing: list[Lead] = field(default_factory=list)
    """Leads that are entered before."""
    rows: list[Cells] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    refused: list[Cells] = field(default_factory=list)
    """Rows that need attention."""

    def write(self, file: Path) -> Path:
        """Write the rows as CSV."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        file.write_text(text.getvalue())
        return file


def case(rng: random.Random, people: int, *, first: int = 0) -> Case:
    """Make up a file about so many people, of each kind in turn, in any order.

    Args:
        rng: decides the order.
        people: how many.
        first: number of the first, so that another file can be about others.
    """
    made = Case()
    for number in range(first, first + people):
        _KINDS[number % len(_KINDS)](made, number)
    rng.shuffle(made.rows)
    return made


def _row(number: int, **cells: str) -> Cells:
    return {"projected_value": str(100 + number), "tags": "Spring", "notes": f"row {number}", **cells}


def _name(number: int) -> str:
    return f"Ann Lee{number}"


def _phone(number: int) -> str:
    return f"(612) 555-{number:04}"


def _email(number: int) -> str:
    return f"ann{number}@example.com"


def _stored(number: int, **fields: Any) -> Lead:
    """A new lead, as it is stored."""
    return {
        "name": _name(number),
        "projected_value": 100 + number,
        "tags": ["Spring"],
        "notes": [f"row {number}"],
        **fields,
    }


def _new(made: Case, number: int, **contact: str) -> None:
    made.rows.append(_row(number, name=_name(number), **contact))
    made.wanted.append(Wanted(_stored(number, **contact)))


def _new_by_phone(made: Case, number: int) -> None:
    _new(made, number, phone=_phone(number))


def _new_by_email(made: Case, number: int) -> None:
    _new(made, number, email=_email(number))


def _new_by_both(made: Case, number: int) -> None:
    _new(made, number, phone=_phone(number), email=_email(number))


def _new_by_name(made: Case, number: int) -> None:
    _new(made, number)


def _old(made: Case, number: int, **fields: Any) -> Lead:
    """A lead that is there before."""
    lead = {"name": _name(number), "tags": ["Old"], "notes": f"old {number}"} | fields
    made.existing.append(lead)
    return lead


def _known_by_phone(made: Case, number: int) -> None:
    _old(made, number, phone=_phone(number), projected_value=5)
    made.rows.append(_row(number, phone=f"612.555.{number:04}", tags="Spring, old"))
    notes = [f"old {number}", f"row {number}"]
    made.wanted.append(Wanted(_stored(number, phone=_phone(number), notes=notes, tags=["Old", "Spring"])))


def _known_by_email(made: Case, number: int) -> None:
    _old(made, number, phone=_phone(number), email=_email(number))
    made.rows.append(_row(number, email=_email(number).upper()))
    notes = [f"old {number}", f"row {number}"]
    made.wanted.append(
        Wanted(
            _stored(number, phone=_phone(number), email=_email(number), notes=notes, tags=["Old", "Spring"])
        )
    )


def _up_to_date(made: Case, number: int) -> None:
    row = _row(number, name=_name(number), phone=_phone(number))
    _old(
        made, number, phone=_phone(number), projected_value=100 + number, notes=row["notes"], tags=["Spring"]
    )
    made.rows.append(row)
    made.wanted.append(Wanted(_stored(number, phone=_phone(number)), writes=0))


def _two_rows(made: Case, number: int) -> None:
    """Two rows that complete each other, with days between them in the file perhaps."""
    made.rows += [
        _row(number, name=_name(number), phone=_phone(number)),
        {"name": "Ann", "phone": _phone(number), "email": _email(number), "notes": f"more {number}"},
    ]
    notes = [f"row {number}", f"more {number}"]
    made.wanted.append(Wanted(_stored(number, phone=_phone(number), email=_email(number), notes=notes)))


def _twice_the_same(made: Case, number: int) -> None:
    _new_by_name(made, number)
    made.rows.append(dict(made.rows[-1]))


def _refuse(made: Case, *rows: Cells) -> None:
    made.rows += rows
    made.refused += rows


def _household(made: Case, number: int) -> None:
    lead = _old(made, number, phone=_phone(number))
    made.wanted.append(Wanted(lead | {"notes": [lead["notes"]]}, writes=0))
    _refuse(made, _row(number, name="Bob Elsewhere", phone=_phone(number)))


def _namesake(made: Case, number: int) -> None:
    lead = _old(made, number, phone=_phone(number))
    made.wanted.append(Wanted(lead | {"notes": [lead["notes"]]}, writes=0))
    _refuse(made, _row(number, name=_name(number)))


def _typing_error(made: Case, number: int) -> None:
    _refuse(made, _row(number, name=_name(number), email="ann at example"))


def _disagreeing(made: Case, number: int) -> None:
    _refuse(
        made,
        _row(number, name=_name(number), phone=_phone(number)),
        _row(number, name=_name(number), phone=_phone(number), projected_value="7", notes=f"other {number}"),
    )


_KINDS: tuple[Callable[[Case, int], None], ...] = (
    _new_by_phone,
    _new_by_name,
    _known_by_phone,
    _new_by_email,
    _household,
    _two_rows,
    _new_by_name,
    _known_by_email,
    _typing_error,
    _new_by_both,
    _new_by_name,
    _up_to_date,
    _namesake,
    _disagreeing,
    _twice_the_same,
)
