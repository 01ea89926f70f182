"""Why a client's configuration is left as it is."""


class ParseError(Exception):
    """A text is not what its client can read; the words say where and why."""


class CannotEdit(Exception):
    """A configuration cannot be changed; the words say why, and what to do."""
