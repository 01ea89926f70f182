"""How things are called in Redis. No name there shows a Rotor key, a phone or an e-mail."""

import hashlib
import hmac

_LENGTH = 32
"""Hexadecimal digits of a digest."""


class KeyNames:
    """The names of one company's things. Those of two companies never meet."""

    def __init__(self, key: str) -> None:
        """Take the company's Rotor key for what tells it apart; of the key nothing is kept but a digest.

        The digest is a secret as well: with it in every name, nobody who reads Redis can find out a phone
        by trying all there are.
        """
        self._secret = hashlib.sha256(b"rotor-mcp " + key.encode()).digest()
        self.company = self._digest("company", key)
        """KeyNames the company; in braces in all its names, so that a cluster keeps them in one place."""

    def of(self, kind: str, what: str = "") -> str:
        """Name a thing of a kind: the only one, or the one for what is given."""
        name = f"rotor-mcp:{{{self.company}}}:{kind}"
        return f"{name}:{self._digest(kind, what)}" if what else name

    def _digest(self, kind: str, what: str) -> str:
        return hmac.digest(self._secret, f"{kind} {what}".encode(), "sha256").hex()[:_LENGTH]
