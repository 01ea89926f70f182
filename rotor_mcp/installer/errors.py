"""Errors of reading and editing a client's configuration."""

from rotor_mcp.installer.entry_format import RemoteServer, Server

BY_HAND = (
    "its servers are written in a way that this command does not change. "
    "With --print, install shows what belongs there, to be put in by hand."
)
"""What is said where a change would reach beyond the entry."""


class ParseError(Exception):
    """The client cannot parse the text; the message says where and why."""


class CannotEdit(Exception):
    """The configuration cannot be edited; the message says why, and what to do."""


class NameTaken(CannotEdit):
    """Another server has the name of the entry; `what` says which."""

    def __init__(self, name: str, server: Server | None) -> None:
        self.what = f"another server is called {name} there"
        if isinstance(server, RemoteServer) and server.is_of_rotor:
            self.what = f"{name} is the name of Rotor's own server there"
        super().__init__(f"{self.what}, and was left as it is. Choose another --name.")
