"""Verifies access tokens against a token file, for private networks without an identity provider.

Each line is a caller: a name, the token, and its scopes, or `all` for all of them.

    night-agent  b0Vt…  all
    dashboard    Yk3q…  leads:read

A line without scopes is invalid: it may have been truncated after the token.
"""

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from mcp.server.auth.provider import AccessToken

from rotor_mcp.hosting.auth import SCOPES, InvalidToken, TokensUnavailable
from rotor_mcp.hosting.callers import TOKEN_FILE_PREFIX
from rotor_mcp.hosting.reloading_file import MAX_STALE_SECONDS, FileUnavailable, ReloadingFile
from rotor_mcp.hosting.settings import MIN_SECRET_CHARS

ALL_SCOPES = "all"
"""The word for every scope."""


@dataclass(frozen=True)
class _TokenEntry:
    name: str
    digest: bytes
    scopes: tuple[str, ...]


def parse(text: str) -> tuple[_TokenEntry, ...]:
    """Parse a token file.

    Raises:
        ValueError: if a line is invalid. The message names the line, not its content.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        match line.split():
            case []:
                continue
            case [name, *_] if name.startswith("#"):
                continue
            case [name, token, *scopes]:
                if len(token) < MIN_SECRET_CHARS:
                    raise ValueError(
                        f"line {number}: a token must have {MIN_SECRET_CHARS} characters or more"
                    )
                entries.append(_TokenEntry(name, _digest(token), _parse_scopes(number, scopes)))
            case _:
                raise ValueError(f"line {number}: must be a name, a token and scopes")
    if not entries:
        raise ValueError("holds no token")
    if min(len({entry.name for entry in entries}), len({entry.digest for entry in entries})) < len(entries):
        raise ValueError("holds a name or a token twice")
    return tuple(entries)


def _parse_scopes(number: int, words: list[str]) -> tuple[str, ...]:
    if not words:
        raise ValueError(
            f"line {number}: names no scopes. Write {' or '.join(SCOPES)} or both behind the token, or the "
            f"word {ALL_SCOPES}"
        )
    if words == [ALL_SCOPES]:
        return SCOPES
    if unknown := set(words) - set(SCOPES):
        raise ValueError(
            f"line {number}: {len(unknown)} of its scopes are none of {', '.join(SCOPES)}; the word "
            f"{ALL_SCOPES} must stand alone"
        )
    return tuple(words)


class TokenFileVerifier:
    """Identifies callers by the tokens of a file."""

    def __init__(self, path: Path, max_stale_seconds: float = MAX_STALE_SECONDS) -> None:
        """Read the file. Its last valid content is used for `max_stale_seconds` while it cannot be read.

        Raises:
            OSError: if the file cannot be read.
            ValueError: if the file is invalid.
        """
        self._file = ReloadingFile(path, parse, max_stale_seconds)

    async def verify_token(self, token: str) -> AccessToken:
        """Return the caller of a token. An unknown token takes as long as a known one.

        Raises:
            InvalidToken: if the token is not in the file.
            TokensUnavailable: if the file was unreadable for longer than `max_stale_seconds`.
        """
        try:
            entries = self._file.read()
        except FileUnavailable:
            raise TokensUnavailable("the file of access tokens cannot be read") from None
        digest, found = _digest(token), None
        for entry in entries:
            if hmac.compare_digest(entry.digest, digest):
                found = entry
        if found is None:
            raise InvalidToken("the access token is not one of this server's token file")
        name = f"{TOKEN_FILE_PREFIX}{found.name}"
        return AccessToken(token="", client_id=name, subject=name, scopes=list(found.scopes))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
