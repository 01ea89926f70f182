"""The API key in the keychain of the system, through the library `keyring`, which is an extra.

It is imported by whoever reads, keeps or forgets a key there, and by nobody else. Its backends raise
whatever their systems raise, so that every exception of theirs counts as a keychain that cannot be used.
"""

from types import ModuleType

SERVICE = "rotor-mcp"
ACCOUNT = "Rotor API key"


class KeychainError(Exception):
    """The keychain cannot be used; the text says why, and what to do."""


def read_key() -> str | None:
    """The key that was kept, if there is one.

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
    """Keep a key in the place of the one before.

    Raises:
        KeychainError: if the keychain cannot be used.
    """
    keyring = _library()
    try:
        keyring.set_password(SERVICE, ACCOUNT, key)
    except Exception as exc:
        raise _unusable(exc) from None


def delete_key() -> bool:
    """Take the key out; return whether there was one.

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
    """Say so without the words of the error, which are a backend's and could hold anything."""
    return KeychainError(
        f"this system's keychain cannot be used ({type(exc).__name__}): is it there, and unlocked?"
    )
