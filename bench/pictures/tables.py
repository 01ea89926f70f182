"""Pictures of tables: a row for each task or situation, a column for each server."""

from bench.compare.results import SERVERS, Results
from bench.pictures.drawing import MARGIN, WIDTH, Drawing, wrapped
from bench.pictures.drawing import SERVERS as COLOURS

_COLUMN = 164
_FIRST = WIDTH - MARGIN - len(SERVERS) * _COLUMN
"""Where the first server's column begins."""


def requests(results: Results) -> str:
    """What each task takes of the day's 1,000 requests."""
    drawing = Drawing(
        "Requests of the day's 1,000", "Less is better; what writes can start a company's automations."
    )
    drawing.dot(MARGIN + 7, drawing.y - 4, "ink", hollow=True)
    drawing.text(MARGIN + 22, drawing.y, "looks", size=12, colour="soft")
    drawing.dot(MARGIN + 77, drawing.y - 4, "ink", hollow=False)
    drawing.text(MARGIN + 92, drawing.y, "writes", size=12, colour="soft")
    drawing.y += 30
    _names(drawing, ["", "", ""])
    said = []
    for title, answers in results.answers.items():
        middle = drawing.y + 17
        drawing.lines(MARGIN, middle, [f"{title[0].upper()}{title[1:]}"])
        for column, (name, colour) in enumerate(zip(SERVERS, COLOURS, strict=True)):
            one = answers[name]
            for number in range(one.requests):
                hollow = number < one.requests - one.writes
                drawing.dot(_at(column) + 8 + 20 * number, middle, colour, hollow=hollow)
        numbers = [f"{name} {answers[name].requests} ({answers[name].writes} to write)" for name in SERVERS]
        said.append(f"{title}: {', '.join(numbers)}.")
        drawing.y += 34
        drawing.rule(drawing.y)
    drawing.y += 20
    return drawing.svg(" ".join(said))


def outcomes(results: Results) -> str:
    """What an obvious call leaves behind."""
    situations = results.outcomes
    drawing = Drawing(
        "What an obvious call leaves behind",
        "The same call to each server, judged by Rotor's database and requests afterwards.",
    )
    drawing.y += 8
    well = [sum(verdicts[name].good for verdicts in situations.values()) for name in SERVERS]
    _names(drawing, [f"{number} of {len(situations)} end well" for number in well])
    said = []
    for title, verdicts in situations.items():
        middle = drawing.y + 21
        drawing.lines(MARGIN, middle, wrapped(title, _FIRST - MARGIN - 16))
        for column, name in enumerate(SERVERS):
            verdict = verdicts[name]
            drawing.mark(_at(column) + 8, middle, good=verdict.good)
            drawing.lines(_at(column) + 24, middle, wrapped(verdict.words, _COLUMN - 32, 12), size=12)
        words = [
            f"{name}: {'good' if verdicts[name].good else 'bad'}, {verdicts[name].words}" for name in SERVERS
        ]
        said.append(f"{title} — {'; '.join(words)}.")
        drawing.y += 42
        drawing.rule(drawing.y)
    drawing.y += 20
    return drawing.svg(" ".join(said))


def _names(drawing: Drawing, counts: list[str]) -> None:
    for column, (name, colour, count) in enumerate(zip(SERVERS, COLOURS, counts, strict=True)):
        drawing.text(_at(column), drawing.y, name, size=14, bold=True, colour=colour)
        if count:
            drawing.text(_at(column), drawing.y + 18, count, size=12, colour="soft")
    drawing.y += 28 if any(counts) else 10
    drawing.rule(drawing.y)


def _at(column: int) -> float:
    return _FIRST + column * _COLUMN
