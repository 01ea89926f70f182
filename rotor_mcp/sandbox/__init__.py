"""Rotor's Leads API on SQLite, in this process: for trying things out, for tests and for demos.

It answers as Rotor's reference says; what that leaves open is listed in `ASSUMPTIONS.md` beside this file.
Of the rest of `rotor_mcp` it knows the facts about fields in `models`, and nothing of the client.
`rotor_mcp.sandbox.server` puts it on a port.
"""

from rotor_mcp.sandbox.api_keys import CREATE_ONLY_KEY, DEFAULT_KEYS, FULL_KEY, READ_ONLY_KEY
from rotor_mcp.sandbox.faults import Fault
from rotor_mcp.sandbox.sandbox import Sandbox

__all__ = ["CREATE_ONLY_KEY", "DEFAULT_KEYS", "FULL_KEY", "READ_ONLY_KEY", "Fault", "Sandbox"]
