"""Who calls, by a token of a file: for a private network that has no identity provider.

A line for each caller: a name, the token, and its scopes, or `all` for all of them.

    night-agent  b0Vt…  all
    dashboard    Yk3q…  leads:read

A line without scopes is refused: it may have been cut behind the token.
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
"""The word that stands for every scope."""


@dataclass(frozen=True)
class _Known:
    name: str
    digest: bytes
    scopes: tuple[str, ...]


def parse(text: str) -> tuple[_Known, ...]:
    """Read the lines of a token file.

    Raises:
        ValueError: if one is not as it should be. The text names the line, not what it holds.
    """
    known = []
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
                known.append(_Known(name, _digest(token), _parse_scopes(number, scopes)))
            case _:
                raise ValueError(f"line {number}: must be a name, a token and scopes")
    if not known:
        raise ValueError("holds no token")
    if len({one.name for one in known}) < len(known) or len({one.digest for one in known}) < len(known):
        raise ValueError("holds a name or a token twice")
    return tuple(known)


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
    """Knows callers by the tokens of a file."""

    def __init__(self, path: Path, max_stale_seconds: float = MAX_STALE_SECONDS) -> None:
        """Read the file.

        Args:
            path: of the file.
            max_stale_seconds: seconds for which its last good content is used while it cannot be read.

        Raises:
            OSError: if it cannot be read.
            ValueError: if it does not hold what it should.
        """
        self._file = ReloadingFile(path, parse, max_stale_seconds)

    async def verify_token(self, token: str) -> AccessToken:
        """Find out whose token this is. That takes as long for a wrong one as for a right one.

        Raises:
            InvalidToken: if the file does not hold it.
            TokensUnavailable: if the file has not been readable for a while.
        """
        try:
            callers = self._file.read()
        except FileUnavailable:
            raise TokensUnavailable("the file of access tokens cannot be read") from None
        digest, found = _digest(token), None
        for known in callers:
            if hmac.compare_digest(known.digest, digest):
                found = known
        if found is None:
            raise InvalidToken("the access token is not one of this server's token file")
        name = f"{TOKEN_FILE_PREFIX}{found.name}"
        return AccessToken(token="", client_id=name, subject=name, scopes=list(found.scopes))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
