"""Pictures of bars: blocks in two columns, each with a scale of its own and a row for each server."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.compare.figures import Spread
from bench.compare.measured import READ
from bench.compare.results import SERVERS, Results
from bench.pictures.drawing import MARGIN, WIDTH, Drawing
from bench.pictures.drawing import SERVERS as COLOURS

_GAP = 32
_BLOCK = (WIDTH - 2 * MARGIN - _GAP) / 2
_NAMES, _NUMBERS = 100, 56
_BARS = _BLOCK - _NAMES - _NUMBERS
_THICK = 12


@dataclass(frozen=True)
class Row:
    """A server's bars: one, and perhaps a fainter one below it."""

    value: float
    fainter: float | None = None
    spread: Spread | None = None


@dataclass(frozen=True)
class Block:
    """A thing that was measured: a row for each server."""

    title: str
    rows: Sequence[Row]


def tokens(results: Results) -> str:
    """What a model has to read."""
    answers = results.answers
    blocks = [
        Block(
            "To know the tools, in every conversation",
            [Row(results.definitions[name].tokens, results.definitions[name].whole) for name in SERVERS],
        ),
        *(
            Block(
                _capital(title),
                [Row(answers[title][name].text, answers[title][name].structured) for name in SERVERS],
            )
            for title in ("list 20 leads", "read a lead", "change a lead")
        ),
    ]
    drawing = Drawing(
        "Tokens that a model reads", "Less is better. Each block has a scale of its own. o200k_base."
    )
    _legend(
        drawing,
        "text of the answer; of tools: name, description, input",
        "structured content; of tools: outputs as well",
    )
    return _drawn(drawing, blocks, digits=0)


def times(results: Results) -> str:
    """How long it takes, beside a Rotor that answers at once."""
    blocks = [
        Block("Start to the list of tools", [_timed(results.starts[name].value) for name in SERVERS]),
        *(
            Block(_capital(title), [_timed(results.latencies[title][name].value) for name in SERVERS])
            for title in (READ.title, "list 20 leads", "change a lead")
        ),
    ]
    drawing = Drawing(
        "Milliseconds, with a Rotor on the same machine",
        "Less is better. Each block has a scale of its own. Medians; thin lines: the middle half.",
    )
    drawing.y += 8
    return _drawn(drawing, blocks, digits=1)


def _timed(spread: Spread) -> Row:
    return Row(spread.median, spread=spread)


def _legend(drawing: Drawing, strong: str, faint: str) -> None:
    half = MARGIN + _BLOCK + _GAP
    for x, words, fainter in ((MARGIN, strong, False), (half, faint, True)):
        drawing.bar(x, drawing.y - 10, 22, 10, "ink", faint=fainter)
        drawing.text(x + 30, drawing.y, words, size=12, colour="soft")
    drawing.y += 34


def _drawn(drawing: Drawing, blocks: Sequence[Block], digits: int) -> str:
    height = 40 + len(SERVERS) * _height(blocks[0].rows[0])
    for number, block in enumerate(blocks):
        _block(drawing, MARGIN + number % 2 * (_BLOCK + _GAP), block, digits)
        drawing.y += height * (number % 2)
    drawing.y -= 14
    return drawing.svg(" ".join(_said(blocks, digits)))


def _height(row: Row) -> float:
    return 28 if row.fainter is None else 36


def _block(drawing: Drawing, x: float, block: Block, digits: int) -> None:
    drawing.text(x, drawing.y, block.title, size=14, bold=True)
    longest = max(
        max(row.value, row.fainter or 0, row.spread.high if row.spread else 0) for row in block.rows
    )
    scale = _BARS / longest
    start = x + _NAMES
    y = drawing.y + 14
    for name, colour, row in zip(SERVERS, COLOURS, block.rows, strict=True):
        both = _THICK if row.fainter is None else 2 * _THICK + 2
        drawing.text(x, y + both / 2 + 4.5, name)
        drawing.bar(start, y, row.value * scale, _THICK, colour)
        end = row.value
        if row.spread:
            drawing.whisker(start + row.spread.low * scale, start + row.spread.high * scale, y + _THICK / 2)
            end = row.spread.high
        _number(drawing, start + end * scale, y, _written(row.value, digits))
        if row.fainter is not None:
            drawing.bar(start, y + _THICK + 2, row.fainter * scale, _THICK, colour, faint=True)
            below = y + _THICK + 2
            _number(drawing, start + row.fainter * scale, below, _written(row.fainter, digits), "soft")
        y += _height(row)


def _number(drawing: Drawing, x: float, y: float, words: str, colour: str = "ink") -> None:
    drawing.text(x + 6, y + _THICK - 2, words, size=11.5, colour=colour)


def _said(blocks: Sequence[Block], digits: int) -> Iterator[str]:
    for block in blocks:
        numbers = [
            f"{name} {_written(row.value, digits)}"
            + (f" ({_written(row.fainter, digits)})" if row.fainter is not None else "")
            for name, row in zip(SERVERS, block.rows, strict=True)
        ]
        yield f"{block.title}: {', '.join(numbers)}."


def _written(value: float, digits: int) -> str:
    return f"{value:,.{digits if value < 100 else 0}f}"


def _capital(title: str) -> str:
    return title[0].upper() + title[1:]
