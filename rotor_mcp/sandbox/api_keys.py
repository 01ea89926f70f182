"""The API keys that the sandbox knows, and what each may do."""

from collections.abc import Mapping
from types import MappingProxyType

READ = "leads:read"
WRITE = "leads:write"
"""Rotor's reference names `leads:read`; this name for the other one is assumed."""

FULL_KEY = "rotor_full_sandbox-key-not-secret"
"""May do everything."""

CREATE_ONLY_KEY = "rotor_create_sandbox-key-not-secret"
"""May only write, as a key made with Rotor's "Create Leads" alone: every read answers 403."""

READ_ONLY_KEY = "rotor_read_sandbox-key-not-secret"
"""May only read: every write answers 403."""

DEFAULT_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {FULL_KEY: (READ, WRITE), CREATE_ONLY_KEY: (WRITE,), READ_ONLY_KEY: (READ,)}
)
"""Key → its scopes. The same on every machine: no key of the sandbox is a secret."""


def key_id(key: str) -> str:
    """The part of `rotor_<keyId>_<keySecret>` that may be stored: requests are counted under it."""
    prefix, _, rest = key.partition("_")
    name, _, secret = rest.partition("_")
    if prefix != "rotor" or not name or not secret:
        raise ValueError("a key has the form rotor_<keyId>_<keySecret>")
    return name
