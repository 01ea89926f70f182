"""Decodes the bytes of a text file whose encoding is not declared.

Guessing libraries take short lists of names in Windows-1252 for Central European text, so the few encodings
that spreadsheets write are compared here, by how many letters stand where a letter can.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass

from rotor_mcp.import_export.formats.sheet import TableError

LOST = "\ufffd"
"""Stands for a letter that cannot be decoded. A row with one needs attention."""

_SINGLE_BYTE = {
    "cp1252": "Windows-1252",
    "mac_roman": "Mac Roman",
    "cp850": "MS-DOS",
    "cp1250": "Windows-1250",
}
"""Encodings with one byte a letter, the most frequent first."""
_PUNCTUATION = frozenset(
    "\u2019\u2018\u201c\u201d\u2013\u2014\u2026\u2022\u20ac\u00a3\u00b0\u00ae\u2122\u00a9\u00bd\u00bc\u00be\u00a7\u00ab\u00bb\u00bf\u00a1\u00b7\u00a0\u00b4"
    "\u00a2\u00a5\u00d7\u00f7\u00b1\u00b2\u00b3\u00b5"
)
_MAX_SHOWN_LINES = 3
_FEW_LOST = 3
_MAX_LOST_SHARE = 20
"""One letter in so many may be lost; bytes with more are no text."""


@dataclass(frozen=True)
class DecodedText:
    """A text, and how it was decoded."""

    text: str
    encoding: str
    """The name of the encoding."""
    remarks: tuple[str, ...] = ()
    """What was decoded differently from the rest."""


def decode(data: bytes, given: str | None = None) -> DecodedText:
    """Decode a text.

    In UTF-8 text, a line of another encoding is decoded by itself. A letter that cannot be decoded becomes
    `LOST`.

    Args:
        data: the bytes.
        given: name of the encoding, if it is known.

    Raises:
        TableError: if the bytes are not text, or not of the encoding that was given.
    """
    decoded = _decode_as(data, given) if given else _decode_by_content(data)
    # Many null characters show a binary file; a few may be text.
    if decoded is None or decoded.text.count("\0") * 100 > len(decoded.text):
        raise TableError(
            "This cannot be read as text. Give its encoding with --encoding, or open it in a spreadsheet and "
            "save it as CSV (UTF-8) or XLSX"
        )
    return decoded


def _decode_as(data: bytes, given: str) -> DecodedText:
    try:
        codec = codecs.lookup(given)
        text = data.decode(codec.name)
    except LookupError:
        raise TableError(
            f"There is no encoding {given}. Usual ones are utf-8, cp1252 (Windows), mac-roman and utf-16"
        ) from None
    except UnicodeError as exc:  # some encodings do not say where
        row = data[: getattr(exc, "start", 0)].count(b"\n") + 1
        raise TableError(f"Line {row} is not text in {given}. Give another --encoding, or none") from None
    return DecodedText(text.removeprefix("\ufeff"), codec.name)


def _decode_by_content(data: bytes) -> DecodedText | None:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return _decoded_strictly(data, "utf-32", "UTF-32")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decoded_strictly(data, "utf-16", "UTF-16")
    start, zeros = data[:4_000], (data[:4_000:2].count(0), data[1:4_000:2].count(0))
    if max(zeros) * 5 > len(start) and min(zeros) * 20 < len(start):
        return _decoded_strictly(data, "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le", "UTF-16")
    data = data.removeprefix(codecs.BOM_UTF8)
    decoded = _decoded_strictly(data, "utf-8", "UTF-8")
    if decoded is None and any(not line.isascii() and _is_utf8(line) for line in data.splitlines()):
        decoded = _decode_lines(data)
    return decoded or _decode_single_byte(data) or _decode_lines(data)


def _is_utf8(data: bytes) -> bool:
    return _decoded_strictly(data, "utf-8", "") is not None


def _decoded_strictly(data: bytes, encoding: str, name: str) -> DecodedText | None:
    try:
        return DecodedText(data.decode(encoding), name)
    except UnicodeDecodeError:
        return None


def _decode_single_byte(data: bytes) -> DecodedText | None:
    """Decode text of one byte a letter; None if no encoding puts its letters where letters can stand."""
    lines = [line for line in data.splitlines() if not line.isascii()]
    scores = {encoding: sum(_plausibility(line, encoding) for line in lines) for encoding in _SINGLE_BYTE}
    best = max(scores, key=lambda encoding: scores[encoding])
    if scores[best] < 0:
        return None
    text, name = data.decode(best, "replace"), _SINGLE_BYTE[best]
    guessed = f'the encoding is a guess, {name}, such as "{_example(text)}"; --encoding says another'
    return DecodedText(text, name, () if best == "cp1252" else (guessed,))


def _decode_lines(data: bytes) -> DecodedText | None:
    """Decode UTF-8 with lines of another encoding, or with letters that were cut; None if it is no text."""
    lines: list[str] = []
    others: dict[int, str] = {}
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        text = line.decode("utf-8", "replace")
        if LOST in text:
            if text.replace(LOST, "").isascii() and _plausibility(line, "cp1252") > 0:
                text = line.decode("cp1252", "replace")
            others[number] = text
        lines.append(text)
    lost = sum(text.count(LOST) for text in others.values())
    if lost > max(_FEW_LOST, len(data) // _MAX_LOST_SHARE):
        return None
    return DecodedText("".join(lines), "UTF-8", tuple(_line_remarks(others)))


def _line_remarks(others: dict[int, str]) -> list[str]:
    remarks = [
        f'line {number} is not UTF-8 as the others are, and is read as Windows-1252: "{_example(text)}"'
        for number, text in others.items()
        if LOST not in text
    ]
    more = len(remarks) - _MAX_SHOWN_LINES
    return remarks[:_MAX_SHOWN_LINES] + ([f"{more:,} more such lines are read so"] if more > 0 else [])


def _example(text: str) -> str:
    """Return the words around the first letter that is not ASCII."""
    found = re.search(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*", text)
    return found[0] if found else ""


def _plausibility(line: bytes, encoding: str) -> int:
    """Return the number of letters beyond ASCII that stand where a letter can, less those that do not."""
    text = line.decode(encoding, "replace")
    score = 0
    for found in re.finditer(r"[^\x00-\x7f]", text):
        char = found[0]
        before, after = text[found.start() - 1 : found.start()], text[found.end() : found.end() + 1]
        if char.isalpha() and unicodedata.name(char, "").startswith("LATIN"):
            in_word = before.isalpha() or after.isalpha()
            wrong_case = char.isupper() and before.islower()
            score += 1 if in_word and not wrong_case else -1
        elif char not in _PUNCTUATION:
            score -= 1
    return score
