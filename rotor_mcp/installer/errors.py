"""Errors of reading and editing a client's configuration."""

BY_HAND = (
    "its servers are written in a way that this command does not change. "
    "With --print, install shows what belongs there, to be put in by hand."
)
"""What is said where a change would reach beyond the entry."""


class ParseError(Exception):
    """The client cannot parse the text; the message says where and why."""


class CannotEdit(Exception):
    """The configuration cannot be edited; the message says why, and what to do."""
