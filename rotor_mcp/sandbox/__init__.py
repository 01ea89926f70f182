"""An embedded implementation of Rotor's Leads API on SQLite, for trials, tests and demos.

It follows Rotor's reference; `ASSUMPTIONS.md` in this folder lists what the reference leaves open. Of the
rest of `rotor_mcp` it uses the fields of `api.models`, not the client. `server.py` serves it over HTTP.
"""

from rotor_mcp.sandbox.api_keys import CREATE_ONLY_KEY, DEFAULT_KEYS, FULL_KEY, READ_ONLY_KEY
from rotor_mcp.sandbox.faults import Fault
from rotor_mcp.sandbox.sandbox import Sandbox

__all__ = ["CREATE_ONLY_KEY", "DEFAULT_KEYS", "FULL_KEY", "READ_ONLY_KEY", "Fault", "Sandbox"]
