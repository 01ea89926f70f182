"""Why a client's configuration is left as it is."""

BY_HAND = (
    "its servers are written in a way that this command does not change. "
    "With --print, install shows what belongs there, to be put in by hand."
)
"""What is said where a change would reach beyond the entry."""


class ParseError(Exception):
    """A text is not what its client can read; the words say where and why."""


class CannotEdit(Exception):
    """A configuration cannot be changed; the words say why, and what to do."""
