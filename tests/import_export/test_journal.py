"""What an import notes of its rows, in a real file, and who may use it."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotor_mcp.import_export.journal import Journal, JournalError, row_digest
from rotor_mcp.leads.requests import UpsertRequest
from tests.conftest import posix

OURS, THEIRS = "https://api.getrotor.com/open-api company 1", "https://api.getrotor.com/open-api company 2"
JANE = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv.rotor-import"


def states(journal: Journal, *rows: str) -> str:
    """What is noted of rows, a letter each: ended, begun (and in doubt), or nothing."""
    letters = {(True, False): "e", (False, True): "b", (False, False): "-"}
    return "".join(letters[journal.is_done(row), journal.candidates(row) is not None] for row in rows)


# What is noted


def test_a_row_begins_and_ends_or_is_forgotten(file: Path) -> None:
    with Journal(file, OURS) as journal:
        assert states(journal, "a", "b", "c") == "---"
        journal.mark_begun(["a", "b"])
        journal.mark_begun(["c"])
        assert states(journal, "a", "b", "c") == "bbb"
        journal.mark_done(["a"], JANE)
        journal.remove(["c"])
        assert states(journal, "a", "b", "c") == "eb-"
        journal.mark_done(["d"], None)  # it was found to be there: nothing had to be sent
        journal.remove(["nobody"])
        assert states(journal, "a", "b", "c", "d", "nobody") == "eb-e-"


def test_a_row_may_begin_again(file: Path) -> None:
    with Journal(file, OURS) as journal:
        journal.mark_begun(["a"])
        journal.mark_begun(["a"])
        journal.mark_done(["a"], JANE)
        journal.mark_done(["a"], JANE)
        assert states(journal, "a") == "e"
        journal.mark_begun(["a"])
        assert states(journal, "a") == "b"


def test_who_could_be_meant_when_a_row_began(file: Path) -> None:
    with Journal(file, OURS) as journal:
        assert journal.candidates("a") is None
        journal.mark_begun(["a", "b"], [JANE, "another"])
        journal.mark_begun(["c"])
    with Journal(file, OURS) as journal:
        assert [journal.candidates(row) for row in "abc"] == [
            {JANE, "another"},
            {JANE, "another"},
            set(),
        ]
        journal.mark_done(["a"], JANE)
        journal.mark_begun(["b"], ["a third"])
        assert [journal.candidates(row) for row in "abc"] == [None, {"a third"}, set()]


def test_in_memory_nothing_lasts() -> None:
    with Journal(None, "") as journal, Journal(None, "") as another:
        journal.mark_begun(["a", "b"])
        journal.mark_done(["b"], JANE)
        assert (states(journal, "a", "b"), states(another, "a", "b")) == ("be", "--")


def test_what_was_noted_is_there_the_next_time(file: Path) -> None:
    with Journal(file, OURS) as journal:
        journal.mark_begun(["a", "b", "c"])
        journal.mark_done(["a"], JANE)
        journal.remove(["c"])
    with Journal(file, OURS) as journal:
        assert states(journal, "a", "b", "c") == "eb-"


def test_rows_of_another_company_are_not_done(file: Path) -> None:
    with Journal(file, OURS) as journal:
        journal.mark_begun(["a", "b"])
        journal.mark_done(["a"], JANE)
    with Journal(file, THEIRS) as journal:
        assert states(journal, "a", "b") == "--"
        journal.mark_done(["b"], JANE)
        journal.remove(["a"])
        assert states(journal, "a", "b") == "-e"
    with Journal(file, OURS) as journal:
        assert states(journal, "a", "b") == "eb"


def test_nothing_of_the_people_or_the_address_is_in_it(file: Path) -> None:
    row = row_digest(UpsertRequest(name="Jane Doe", phone="(763) 555-0100", notes="Gate code 4711"))
    with Journal(file, OURS) as journal:
        journal.mark_done([row], JANE)
    kept = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert JANE.encode() in kept
    for word in (b"Jane", b"555", b"Gate", b"getrotor"):
        assert word not in kept


# Who may use it

HOLDING = """
import sys
from pathlib import Path
from rotor_mcp.import_export.journal import Journal
journal = Journal(Path(sys.argv[1]), sys.argv[2])
journal.mark_begun(["a", "b"])
journal.mark_done(["a"], None)
print("begun", flush=True)
sys.stdin.read()
"""


@posix
def test_two_at_once_are_refused_and_a_process_that_was_killed_is_not_waited_for(file: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(file), OURS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        for company in (OURS, THEIRS):  # it is the file that is held
            with pytest.raises(JournalError) as refused:
                Journal(file, company)
            assert str(refused.value) == f"another import of this file is running: it holds {file}"
        process.send_signal(signal.SIGKILL)
    with Journal(file, OURS) as journal:
        assert states(journal, "a", "b") == "eb"


def test_two_at_once_in_one_process(file: Path) -> None:
    with Journal(file, OURS) as journal:
        with pytest.raises(JournalError, match=r"^another import of this file is running: it holds "):
            Journal(file, OURS)
        journal.mark_done(["a"], JANE)
    with Journal(file, OURS) as journal:
        assert states(journal, "a") == "e"


def test_a_journal_that_was_only_opened_is_held_as_well(file: Path) -> None:
    """From the beginning: an import reads first, for minutes perhaps, and writes later."""
    with Journal(file, OURS):
        pass
    with Journal(file, OURS), pytest.raises(JournalError, match="another import"):
        Journal(file, OURS)


# What cannot be used


@pytest.mark.parametrize("content", [b"name,phone\nJane,763\n" * 50, b"SQLite format 3\0" + b"\xff" * 4_000])
def test_a_file_that_is_no_journal_is_left_as_it_is(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(JournalError) as refused:
        Journal(file, OURS)
    words = f"{file} cannot be used as a journal: file is not a database"
    assert str(refused.value) == words
    assert {path.name: path.read_bytes() for path in file.parent.iterdir()} == {file.name: content}


def test_a_damaged_journal(file: Path) -> None:
    with Journal(file, OURS) as journal:
        for number in range(500):
            journal.mark_done([row_digest(UpsertRequest(name=str(number)))], JANE)
    data = bytearray(file.read_bytes())
    data[100:4_000] = b"\xff" * 3_900  # the page that says which tables there are
    file.write_bytes(data)
    with pytest.raises(JournalError, match="cannot be used as a journal: database disk image is malformed"):
        Journal(file, OURS)


def test_a_file_of_other_tables(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE notes (text TEXT)")
        other.execute("INSERT INTO notes VALUES ('mine')")
        other.commit()
    with Journal(file, OURS) as journal:
        journal.mark_begun(["a"])
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT * FROM notes").fetchall() == [("mine",)]


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "leads.csv.rotor-import"
    with pytest.raises(JournalError) as refused:
        Journal(missing, OURS)
    assert str(refused.value) == f"{missing} cannot be opened: No such file or directory"
    with pytest.raises(JournalError, match="cannot be opened: "):
        Journal(tmp_path, OURS)
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_and_a_file_that_are_closed(file: Path) -> None:
    with Journal(file, OURS):
        pass
    file.chmod(0o400)
    with pytest.raises(JournalError, match="cannot be used as a journal: attempt to write a readonly"):
        Journal(file, OURS)
    file.unlink()
    file.parent.chmod(0o500)
    with pytest.raises(JournalError, match="cannot be opened: "):
        Journal(file, OURS)


# What a row is known by

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).map(str.strip).filter(bool)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.uuids().map(str),
    "name": WORDS,
    "phone": WORDS,
    "email": st.sampled_from(["a@b.cd", "A@b.cd", "x@y.zz"]),
    "stage": WORDS,
    "priority": st.sampled_from(["low", "medium", "high"]),
    "projected_value": st.floats(0.5, 1e6),
    "follow_up_date": st.dates(date(1900, 1, 1), date(2999, 12, 31)).map(str),
    "service_type": WORDS,
    "source": WORDS,
    "tags": st.lists(WORDS, min_size=1, max_size=3),
    "address_street1": WORDS,
    "address_street2": WORDS,
    "address_city": WORDS,
    "address_state": WORDS,
    "address_zip": WORDS,
    "address_country": WORDS,
    "notes": WORDS,
    "replace_notes": st.just(True),
    "dry_run": st.just(True),
    "confirm": WORDS,
}
ROWS = st.fixed_dictionaries(
    {"name": WORDS}, optional={name: values for name, values in FIELDS.items() if name != "name"}
)


def test_all_arguments_are_tried() -> None:
    assert FIELDS.keys() == UpsertRequest.model_fields.keys()


def of(row: dict[str, Any]) -> str:
    return row_digest(UpsertRequest.model_validate(row))


@given(ROWS, st.data())
def test_a_digest_does_not_depend_on_the_order_of_fields(row: dict[str, Any], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(row.items()))))
    assert of(shuffled) == of(row)
    assert len(of(row)) == 64


@given(ROWS, ROWS)
def test_rows_have_one_digest_if_they_ask_for_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = UpsertRequest.model_validate(one).model_dump() == UpsertRequest.model_validate(other).model_dump()
    assert (of(one) == of(other)) is same


@pytest.mark.parametrize("field", UpsertRequest.model_fields)
@settings(max_examples=15)
@given(data=st.data())
def test_a_digest_differs_with_every_argument(field: str, data: st.DataObject) -> None:
    row = data.draw(ROWS)
    without = {name: value for name, value in row.items() if name != field} | {"phone": row.get("phone", "1")}
    if field == "phone":
        without = {"name": row["name"]}
    one, other = data.draw(FIELDS[field]), data.draw(FIELDS[field])
    digests = {of(without), of(without | {field: one}), of(without | {field: other})}
    same = (
        UpsertRequest.model_validate(without | {field: one}).model_dump()
        == UpsertRequest.model_validate(without | {field: other}).model_dump()
    )
    assert len(digests) == (2 if same else 3)


def test_a_digest_tells_fields_apart_that_hold_the_same() -> None:
    same = {
        name: of({"phone": "1", name: "high"}) for name in ("name", "stage", "source", "notes", "priority")
    }
    assert len(set(same.values())) == 5
    assert of({"name": "a", "tags": ["b", "c"]}) != of({"name": "a", "tags": ["b, c"]})


def test_the_digest_of_today_is_the_digest_of_tomorrow() -> None:
    """A journal may be older than this version."""
    assert (
        of({"name": "Zoë 🏠", "phone": "(763) 555-0100", "tags": ["Website"], "projected_value": "$1,200"})
        == "4725cf1067bbb1da82f6937a280cbc3d80a3f0f6ef4e33c8652644d8de86cc76"
    )
