"""Cells that a spreadsheet may open: a text that it would take for a formula is written behind an apostrophe.

What begins with one of these characters is a formula to some spreadsheet, and a stranger may have written it
(OWASP, "CSV injection"). The apostrophe says "text"; reading takes it off again, so nothing is lost.
"""

import re

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001 - the wide forms count too
_GUARDED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001


def guard(text: str) -> str:
    """Make a text safe to open in a spreadsheet."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(text: str) -> str:
    """Read what `guard` wrote."""
    return text[1:] if _GUARDED.match(text) else text
