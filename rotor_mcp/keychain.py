"""Stores the API key in the system's keychain, through `keyring` (extra `keychain`).

`keyring` is imported when the keychain is used. Its backends raise exceptions of any class, so every
exception counts as a keychain that cannot be used.
"""

from types import ModuleType

SERVICE = "rotor-mcp"
ACCOUNT = "Rotor API key"


class KeychainError(Exception):
    """The keychain cannot be used; the text says why, and what to do."""


def read_key() -> str | None:
    """Return the stored key; None if there is none.

    Raises:
        KeychainError: if the keychain cannot be used.
    """
    keyring = _library()
    try:
        kept: str | None = keyring.get_password(SERVICE, ACCOUNT)
    except Exception as exc:
        raise _unusable(exc) from None
    return kept


def save_key(key: str) -> None:
    """Store a key, and replace an earlier one.

    Raises:
        KeychainError: if the keychain cannot be used.
    """
    keyring = _library()
    try:
        keyring.set_password(SERVICE, ACCOUNT, key)
    except Exception as exc:
        raise _unusable(exc) from None


def delete_key() -> bool:
    """Delete the stored key. Returns whether there was one.

    Raises:
        KeychainError: if the keychain cannot be used.
    """
    if read_key() is None:
        return False
    keyring = _library()
    try:
        keyring.delete_password(SERVICE, ACCOUNT)
    except Exception as exc:
        raise _unusable(exc) from None
    return True


def _library() -> ModuleType:
    try:
        import keyring
    except ImportError:
        raise KeychainError("the keychain needs another package: pip install 'rotor-mcp[keychain]'") from None
    return keyring


def _unusable(exc: Exception) -> KeychainError:
    """Return the error without the exception's text, which is a backend's and could hold a secret."""
    return KeychainError(
        f"this system's keychain cannot be used ({type(exc).__name__}): is it there, and unlocked?"
    )
