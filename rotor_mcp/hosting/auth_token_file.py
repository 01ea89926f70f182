"""Verifies access tokens against a token file."""

import hmac
import logging
from datetime import UTC, datetime
from pathlib import Path

from mcp.server.auth.provider import AccessToken

from rotor_mcp.hosting.auth import InvalidToken, TokensUnavailable
from rotor_mcp.hosting.callers import TOKEN_FILE_PREFIX
from rotor_mcp.hosting.reloading_file import MAX_STALE_SECONDS, FileUnavailable, ReloadingFile
from rotor_mcp.hosting.token_file import TokenEntry, format_time, hash_token, parse

logger = logging.getLogger(__name__)


class TokenFileVerifier:
    """Identifies callers by the tokens of a file."""

    def __init__(self, path: Path, max_stale_seconds: float = MAX_STALE_SECONDS) -> None:
        """Read the file. Its last valid content is used for `max_stale_seconds` while it cannot be read.

        Raises:
            OSError: if the file cannot be read.
            ValueError: if the file is invalid, or everybody can read it.
        """
        self._path = path
        self._file = ReloadingFile(path, self._parse, max_stale_seconds)

    async def verify_token(self, token: str) -> AccessToken:
        """Return the caller of a token. An unknown token takes as long as a known one.

        Raises:
            InvalidToken: if the token is not in the file, or has expired.
            TokensUnavailable: if the file was unreadable for longer than `max_stale_seconds`.
        """
        try:
            entries = self._file.read()
        except FileUnavailable:
            raise TokensUnavailable("the file of access tokens cannot be read") from None
        digest, found = hash_token(token), None
        for entry in entries:
            if hmac.compare_digest(entry.digest, digest):
                found = entry
        if found is None:
            raise InvalidToken("the access token is not one of this server's token file")
        if found.expires is not None and found.has_expired(datetime.now(UTC)):
            raise InvalidToken(
                f"the access token expired at {format_time(found.expires)}; whoever runs this server makes a "
                "new one with rotor-mcp token new"
            )
        name = f"{TOKEN_FILE_PREFIX}{found.name}"
        return AccessToken(token="", client_id=name, subject=name, scopes=list(found.scopes))

    def _parse(self, text: str) -> tuple[TokenEntry, ...]:
        entries = parse(text)
        if plain := sum(not entry.hashed for entry in entries):
            logger.warning(
                "%s holds %d tokens in plain text, which whoever reads a copy of it can use; "
                "rotor-mcp token new writes only their hashes",
                self._path,
                plain,
                extra={"event": "tokens_in_plain_text", "file": self._path, "tokens": plain},
            )
        return entries
