"""Cells that a spreadsheet may open: a text that it would take for a formula is written behind an apostrophe.

What begins with one of these characters is a formula to some spreadsheet, and a stranger may have written it
(OWASP, "CSV injection"). So is what follows a semicolon, where a spreadsheet takes that for the separator of
columns, and invisible characters before it change nothing. The apostrophe says "text"; reading takes it off
again, so nothing is lost.
"""

import re

_FORMULA = (
    "(?=['\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff ]*"
    "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"  # the wide forms count too
)
_UNGUARDED = re.compile(f"(^|;){_FORMULA}")
_GUARDED = re.compile(f"(^|;)'{_FORMULA}")


def guard(text: str) -> str:
    """Make a text safe to open in a spreadsheet."""
    return _UNGUARDED.sub(r"\1'", text)


def unguard(text: str) -> str:
    """Read what `guard` wrote."""
    return _GUARDED.sub(r"\1", text)
