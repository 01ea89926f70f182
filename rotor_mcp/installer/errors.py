"""Errors of reading and editing a client's configuration."""


class ParseError(Exception):
    """The client cannot parse the text; the message says where and why."""


class CannotEdit(Exception):
    """The configuration cannot be edited; the message says why, and what to do."""
