"""A drawing in SVG: a card with a title, made of texts, bars, dots and marks.

It brings its background along and follows the reader's preference for light or dark, so it can be read on any
page. Fonts are the reader's own: widths of texts are estimates, with room to spare.
"""

from html import escape
from typing import Literal

WIDTH = 800
MARGIN = 24
_CORNER = 10

Anchor = Literal["start", "middle", "end"]

_LIGHT = {
    "card": "#ffffff",
    "ink": "#1f2328",
    "soft": "#59636e",
    "line": "#d1d9e0",
    "first": "#0969da",
    "second": "#6e7781",
    "third": "#b35900",
    "good": "#1a7f37",
    "bad": "#cf222e",
}
_DARK = {
    "card": "#161b22",
    "ink": "#f0f6fc",
    "soft": "#9da7b3",
    "line": "#3d444d",
    "first": "#4493f8",
    "second": "#8b949e",
    "third": "#db8b30",
    "good": "#3fb950",
    "bad": "#f85149",
}
SERVERS = ("first", "second", "third")
"""The colours of the servers, in their order."""


class Drawing:
    """What has been drawn so far, from the top down."""

    def __init__(self, title: str, subtitle: str) -> None:
        """Begin a drawing. `y` is where the next thing goes."""
        self._title = title
        self._parts: list[str] = []
        self.text(MARGIN, 40, title, size=19, bold=True)
        self.text(MARGIN, 63, subtitle, colour="soft")
        self.y = 92.0

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 13,
        colour: str = "ink",
        bold: bool = False,
        anchor: Anchor = "start",
    ) -> None:
        """Write a line; `y` is its base."""
        more = ' font-weight="600"' * bold + f' text-anchor="{anchor}"' * (anchor != "start")
        self._add(
            f'<text class="{colour}" x="{x:g}" y="{y:g}" font-size="{size:g}"{more}>{escape(words)}</text>'
        )

    def lines(self, x: float, middle: float, lines: list[str], *, size: float = 13) -> None:
        """Write lines around a height."""
        height = size * 1.25
        for number, words in enumerate(lines):
            above = (len(lines) - 1) / 2 - number
            self.text(x, round(middle - above * height + 0.36 * size, 1), words, size=size)

    def bar(
        self, x: float, y: float, width: float, height: float, colour: str, *, faint: bool = False
    ) -> None:
        """Draw a bar."""
        more = ' opacity="0.45"' if faint else ""
        self._add(
            f'<rect class="{colour}" x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" '
            f'rx="2"{more}/>'
        )

    def dot(self, x: float, y: float, colour: str, *, hollow: bool) -> None:
        """Draw a dot, or a ring."""
        kind = f"{colour} ring" if hollow else colour
        self._add(f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="{6 if hollow else 7}"/>')

    def mark(self, x: float, y: float, *, good: bool) -> None:
        """Draw a tick or a cross: told apart by shape before colour."""
        shape = "m-6 0 4 5 8-10" if good else "m-5-5 10 10m0-10-10 10"
        colour = "good" if good else "bad"
        self._add(f'<path class="{colour} stroke" transform="translate({x:g} {y:g})" d="M0 0{shape}"/>')

    def rule(self, y: float) -> None:
        """Draw a line across."""
        self._add(f'<path class="line stroke thin" d="M{MARGIN} {round(y) + 0.5}H{WIDTH - MARGIN}"/>')

    def whisker(self, low: float, high: float, y: float) -> None:
        """Draw where the middle half of what was measured lies."""
        self._add(f'<path class="ink stroke thin" d="M{low:.1f} {y - 3:g}v6m0-3H{high:.1f}m0-3v6"/>')

    def svg(self, description: str) -> str:
        """The whole; `description` says it to those who do not see it."""
        height = round(self.y)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
                f'height="{height}" role="img" aria-labelledby="title description" '
                "font-family=\"system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\">",
                f'<title id="title">{escape(self._title)}</title>',
                f'<desc id="description">{escape(description)}</desc>',
                "<style>",
                *_rules(_LIGHT),
                ".stroke { fill: none; stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round }",
                ".thin { stroke-width: 1 }",
                ".ring { fill: none; stroke-width: 2 }",
                "@media (prefers-color-scheme: dark) {",
                *_rules(_DARK),
                "}",
                "</style>",
                f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" '
                f'rx="{_CORNER}"/>',
                *self._parts,
                "</svg>",
                "",
            ]
        )

    def _add(self, element: str) -> None:
        self._parts.append(element)


def wrapped(words: str, width: float, size: float = 13) -> list[str]:
    """Break a text into lines that fit a width."""
    letters = int(width / (0.55 * size))
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) > letters and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _rules(colours: dict[str, str]) -> list[str]:
    card = f".card {{ fill: {colours['card']}; stroke: {colours['line']} }}"
    others = [name for name in colours if name != "card"]
    return [
        card,
        *(f".{name} {{ fill: {colours[name]} }}" for name in others),
        *(f".{name}.stroke, .{name}.ring {{ fill: none; stroke: {colours[name]} }}" for name in others),
    ]
