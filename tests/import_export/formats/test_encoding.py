"""Bytes whose encoding nobody tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from rotor_mcp.import_export.formats.encoding import DecodedText, decode
from rotor_mcp.import_export.formats.sheet import TableError

NAMES = "Name,City\nJosé Muñoz,St. Paul\nZoë Groß,Montréal\nAndré Lefèvre,Québec\nAnn Lee,Delano\n"


def refused(data: bytes, given_encoding: str | None = None) -> str:
    with pytest.raises(TableError) as caught:
        decode(data, given_encoding)
    return str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        *(("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16")),
        *(("utf-16-be", "UTF-16"), ("utf-32", "UTF-32"), ("cp1252", "Windows-1252")),
    ],
)
@pytest.mark.parametrize(
    "text", [NAMES, NAMES[:21], NAMES + "Sam,Buffalo\n" * 1_000], ids=["few", "one", "many"]
)
def test_what_is_certain(text: str, encoding: str, name: str) -> None:
    assert decode(text.encode(encoding)) == DecodedText(text, name)


@pytest.mark.parametrize(
    ("encoding", "name", "text", "example"),
    [
        ("mac_roman", "Mac Roman", NAMES, "José"),
        ("cp850", "MS-DOS", NAMES, "José"),
        ("cp1250", "Windows-1250", "Name\nŁukasz Żółć\nMałgorzata Świętosławska\n", "Łukasz"),
    ],
)
def test_what_is_a_guess_is_said(encoding: str, name: str, text: str, example: str) -> None:
    remark = f'the encoding is a guess, {name}, such as "{example}"; --encoding says another'
    assert decode(text.encode(encoding)) == DecodedText(text, name, (remark,))


def test_lines_of_another_encoding() -> None:
    data = "Name\nZoë\nAnn\n".encode() + "José\n".encode("cp1252")
    assert decode(data) == DecodedText(
        "Name\nZoë\nAnn\nJosé\n",
        "UTF-8",
        ('line 4 is not UTF-8 as the others are, and is read as Windows-1252: "José"',),
    )
    many = "Name\nZoë\n".encode() + "José\n".encode("cp1252") * 9
    assert decode(many).remarks[-1] == "6 more such lines are read so"


@pytest.mark.parametrize("before", ["", "Zoë,1\n"], ids=["nothing else", "UTF-8 before"])
@pytest.mark.parametrize("data", [b"Jos\xc3", b"Jos\xc3,612-555-0101\n", b"Ren\xc3\nAnn"])
def test_a_letter_that_was_cut_is_marked(before: str, data: bytes) -> None:
    decoded = decode(before.encode() + data)
    assert (decoded.text, decoded.encoding) == (before + data.decode("utf-8", "replace"), "UTF-8")


def test_the_encoding_that_is_said() -> None:
    assert decode(NAMES.encode("cp1252"), "Windows-1252") == DecodedText(NAMES, "cp1252")
    assert decode("Ж,1".encode("koi8-r"), "koi8-r").text == "Ж,1"
    assert refused(NAMES.encode("cp1252"), "utf-8") == snapshot(
        "Line 2 is not text in utf-8. Give another --encoding, or none"
    )
    assert refused(b"\xff-x", "idna") == "Line 1 is not text in idna. Give another --encoding, or none"
    assert refused(b"x", "utf8mb4") == snapshot(
        "There is no encoding utf8mb4. Usual ones are utf-8, cp1252 (Windows), mac-roman and utf-16"
    )


def test_what_is_no_text() -> None:
    assert refused(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(128, 256))) == snapshot(
        "This cannot be read as text. Give its encoding with --encoding, or open it in a spreadsheet and save it as CSV (UTF-8) or XLSX"
    )


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff\ufffe"), min_size=1))
def test_whatever_is_utf_8_is_read_as_such(text: str) -> None:
    assert decode(text.encode()) == DecodedText(text, "UTF-8")
