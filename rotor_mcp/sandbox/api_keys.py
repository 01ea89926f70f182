"""The API keys of the sandbox and their scopes."""

from collections.abc import Mapping
from types import MappingProxyType

READ = "leads:read"
WRITE = "leads:write"
"""Rotor's reference names `leads:read`; the name `leads:write` is assumed."""

FULL_KEY = "rotor_full_sandbox-key-not-secret"
"""Has every scope."""

CREATE_ONLY_KEY = "rotor_create_sandbox-key-not-secret"
"""Has the scope for writing only, as a key with only Rotor's "Create Leads": every read returns 403."""

READ_ONLY_KEY = "rotor_read_sandbox-key-not-secret"
"""Has the scope for reading only: every write returns 403."""

DEFAULT_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {FULL_KEY: (READ, WRITE), CREATE_ONLY_KEY: (WRITE,), READ_ONLY_KEY: (READ,)}
)
"""Key → its scopes. They are the same on every machine and not secret."""


def key_id(key: str) -> str:
    """Return the `keyId` of `rotor_<keyId>_<keySecret>`, under which requests are counted."""
    prefix, _, rest = key.partition("_")
    name, _, secret = rest.partition("_")
    if prefix != "rotor" or not name or not secret:
        raise ValueError("a key has the form rotor_<keyId>_<keySecret>")
    return name
