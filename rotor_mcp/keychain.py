"""Stores the API key in the system's keychain, through `keyring` (extra `keychain`).

`keyring` is imported when the keychain is used. Its backends raise exceptions of any class, so every
exception counts as a keychain that cannot be used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rotor_mcp.extras import install_hint

SERVICE = "rotor-mcp"
ACCOUNT = "Rotor API key"


class KeychainError(Exception):
    """The keychain cannot be used; the text says why, and what to do."""


def read_key() -> str | None:
    """Return the stored key; None if there is none.

    Raises:
        KeychainError: if the keychain cannot be used.
    """
    with _keyring() as keyring:
        key: str | None = keyring.get_password(SERVICE, ACCOUNT)
    return key


def save_key(key: str) -> None:
    """Store a key, and replace an earlier one.

    Raises:
        KeychainError: if the keychain cannot be used.
    """
    with _keyring() as keyring:
        keyring.set_password(SERVICE, ACCOUNT, key)


def delete_key() -> bool:
    """Delete the stored key. Returns whether there was one.

    Raises:
        KeychainError: if the keychain cannot be used.
    """
    if read_key() is None:
        return False
    with _keyring() as keyring:
        keyring.delete_password(SERVICE, ACCOUNT)
    return True


@contextmanager
def _keyring() -> Iterator[Any]:
    try:
        import keyring
    except ImportError:
        raise KeychainError(f"the keychain needs another package: {install_hint('keychain')}") from None
    try:
        yield keyring
    except Exception as exc:
        # The exception's text is a backend's, and could hold a secret.
        raise KeychainError(
            f"this system's keychain cannot be used ({type(exc).__name__}): is it there, and unlocked?"
        ) from None
