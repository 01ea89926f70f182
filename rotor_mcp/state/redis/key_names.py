"""Names of keys in Redis. They reveal no Rotor key, phone or e-mail."""

import hashlib
import hmac

_LENGTH = 32
"""Hexadecimal digits of a digest."""


class KeyNames:
    """Names for one company. Two companies share no name."""

    def __init__(self, key: str) -> None:
        """Keep a digest of the company's Rotor key.

        The digest is a secret: names are keyed hashes (HMAC), so that a reader of Redis cannot find a phone
        by trying all numbers.
        """
        self._secret = hashlib.sha256(b"rotor-mcp " + key.encode()).digest()
        self.company = self._digest("company", key)
        """Identifies the company. In braces in each name, it keeps all its keys in one slot of a cluster."""

    def of(self, kind: str, what: str = "") -> str:
        """Return the name of a key: the only one of a kind, or the one for a value."""
        name = f"rotor-mcp:{{{self.company}}}:{kind}"
        return f"{name}:{self._digest(kind, what)}" if what else name

    def _digest(self, kind: str, what: str) -> str:
        return hmac.digest(self._secret, f"{kind} {what}".encode(), "sha256").hex()[:_LENGTH]
