"""Leads as rows of a file: nothing that is stored is lost in a cell."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rotor_mcp import dates
from rotor_mcp.api.models import Lead, LeadFields, read_lead
from rotor_mcp.import_export.formats.formula_guard import unguard
from rotor_mcp.import_export.lead_rows import COLUMNS, csv_text, json_line, lead_cells

CHICAGO = ZoneInfo("America/Chicago")


def cell(name: str, value: Any) -> str:
    (written,) = lead_cells(read_lead({name: value}), [name], CHICAGO)
    return written


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("name", "Jane Doe", "Jane Doe"),
        ("name", None, ""),
        ("name", "=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("name", "'=1", "''=1"),
        ("name", "'n Sync", "'n Sync"),
        ("phone", "+1 612 555 0142", "'+1 612 555 0142"),
        ("notes", "one\r\ntwo\n\nthree", "one\r\ntwo\n\nthree"),
        ("projected_value", 1200, "1200"),
        ("projected_value", 299.5, "299.5"),
        ("projected_value", -5, "-5"),
        ("value_score", 0, "0"),
        ("archived", True, "yes"),
        ("archived", False, "no"),
        ("location", [45.04, -93.79], "45.04, -93.79"),
        ("location", [-33.0, 151], "'-33, 151"),
        ("priority", "someday", "someday"),
        ("tags", [], ""),
        ("tags", ["Website"], "Website"),
        ("tags", ["Website", "plan: yearly"], "Website, plan: yearly"),
        ("tags", ["in, out", "Website"], '["in, out", "Website"]'),
        ("tags", ["[1]"], '["[1]"]'),
        ("tags", ['"quoted"', "é"], '"quoted", é'),
        ("tags", ["=1", "b"], "'=1, b"),
        # The day alone is its noon.
        ("follow_up_date", "2026-12-01T18:00:00Z", "2026-12-01"),
        ("follow_up_date", "2026-12-01T23:30:00Z", "2026-12-01 17:30"),
        ("follow_up_date", "2026-12-02T01:00:00+02:00", "2026-12-01 17:00"),
        ("follow_up_date", "2026-12-01T23:30:01Z", "2026-12-01T17:30:01-06:00"),
        ("follow_up_date", "2026-12-01T23:30:00.5Z", "2026-12-01T17:30:00.500000-06:00"),
        ("follow_up_date", "2026-11-01T06:30:00Z", "2026-11-01 01:30"),
        # The same time of day comes twice that night.
        ("follow_up_date", "2026-11-01T07:30:00Z", "2026-11-01T01:30:00-06:00"),
        ("created_at", "0999-06-01T12:00:00Z", "0999-06-01T06:09:24-05:50:36"),
        ("archived_at", "9999-12-31T23:59:59.999999Z", "9999-12-31T17:59:59.999999-06:00"),
        # Of a day without a time nobody knows the instant.
        ("follow_up_date", "2026-12-01", "2026-12-01"),
        ("follow_up_date", "next week", "next week"),
        ("created_at", "=NOW()", "'=NOW()"),
    ],
)
def test_a_cell(name: str, value: Any, written: str) -> None:
    assert cell(name, value) == written


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TAGS = st.lists(TEXTS | st.text("[]\"',{}= \\1a", max_size=6), max_size=4)


@given(TAGS)
@example(["[", "]"])
@example(["[1", "2]"])
@example(["[" * 100_000])
def test_tags_are_read_back_as_they_are(tags: list[str]) -> None:
    lead = read_lead({"tags": tags})
    assert LeadFields.model_validate({"tags": unguard(cell("tags", lead.tags))}).tags == lead.tags


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from([CHICAGO, ZoneInfo("Asia/Kathmandu"), UTC]))
def test_an_instant_is_read_back_as_it_is(moment: datetime, zone: ZoneInfo) -> None:
    (written,) = lead_cells(Lead(created_at=moment.isoformat()), ["created_at"], zone)
    read = dates.parse(written)
    assert isinstance(read, datetime) or written == f"{read}"
    if isinstance(read, datetime) and read.tzinfo:
        assert read == moment
    else:
        assert dates.instant(written, zone).astimezone(UTC) == moment


VALUES: dict[str, st.SearchStrategy[Any]] = {
    name: TEXTS
    for name in LeadFields.model_fields
    if name not in ("email", "priority", "projected_value", "follow_up_date", "tags")
} | {
    "tags": TAGS,
    "priority": st.sampled_from(["low", "medium", "high"]),
    "projected_value": st.floats(0, 1e9) | st.integers(0, 10**6),
    "email": st.sampled_from(["a@b.cd", "=a@b.cd", "-@x.yz"]),
}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_may_be_written_is_read_back_from_a_file_as_it_was(stored: dict[str, Any]) -> None:
    lead = read_lead(stored)
    written = csv_text([COLUMNS, lead_cells(lead, COLUMNS, CHICAGO)])
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    read = LeadFields.model_validate(
        {name: cell for name in LeadFields.model_fields if (cell := unguard(row[name])).strip()}
    )
    assert dict(read) == {name: getattr(lead, name) for name in LeadFields.model_fields}
    assert written.startswith("id,name,")
    assert written.endswith("\r\n")


@given(st.fixed_dictionaries({"id": st.uuids().map(str)}, optional=VALUES))
def test_a_line_of_json_holds_what_is_known(stored: dict[str, Any]) -> None:
    lead = read_lead(stored)
    line = json_line(lead, COLUMNS)
    assert line.count("\n") == 1
    known = {name: getattr(lead, name) for name in COLUMNS if getattr(lead, name) is not None}
    assert list(json.loads(line).items()) == list(known.items())


def test_numbers_of_json_are_as_rotor_sent_them() -> None:
    lead = read_lead({"projected_value": 1200, "location": [45, -93.5], "value_score": 7})
    assert json_line(lead, ("projected_value", "location", "value_score")) == (
        '{"projected_value": 1200, "location": [45, -93.5], "value_score": 7}\n'
    )
