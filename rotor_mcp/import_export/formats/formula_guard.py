"""Guards cells against CSV injection (OWASP): a text that would be a formula gets an apostrophe before it.

Spreadsheets take a text that begins with one of these characters for a formula, also after invisible
characters, and after a semicolon where that separates columns. The apostrophe marks it as text; `unguard`
removes it.
"""

import re

_FORMULA = (
    "(?=['\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff ]*"
    "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])"  # the wide forms count too
)
_UNGUARDED = re.compile(f"(^|;){_FORMULA}")
_GUARDED = re.compile(f"(^|;)'{_FORMULA}")


def guard(text: str) -> str:
    """Return a text that is safe to open in a spreadsheet."""
    return _UNGUARDED.sub(r"\1'", text)


def unguard(text: str) -> str:
    """Return the text that `guard` was given."""
    return _GUARDED.sub(r"\1", text)
