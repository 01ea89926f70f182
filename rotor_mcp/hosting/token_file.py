"""The token file: the callers of a private network without an identity provider.

Each line is a caller: a name, the hash of a token or a token, its scopes or `all` for all of them, and the
time until which it is valid.

    night-agent  sha256:4f9a…  leads:read leads:write  expires=2027-02-24T09:30:00Z
    dashboard    Yk3q…         leads:read

A line without scopes is invalid: it may have been truncated after the token. The hash is SHA-256 without
salt: a token of 256 random bits cannot be found by trying, which is what a slow hash makes expensive, and no
two tokens are equal.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rotor_mcp.hosting.auth import SCOPES
from rotor_mcp.hosting.settings import MIN_SECRET_CHARS

ALL_SCOPES = "all"
"""The word for every scope."""
TOKEN_PREFIX = "rmcp_"  # noqa: S105 - no password
"""Begins each new token, so that programs that look for lost secrets can know it."""
_HASH_PREFIX = "sha256:"
_EXPIRY_PREFIX = "expires="
_NAME = re.compile(r"[\w.@:-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class TokenEntry:
    """A caller."""

    name: str
    digest: bytes = field(repr=False)
    scopes: tuple[str, ...]
    expires: datetime | None = None
    hashed: bool = True
    """Whether the file holds the hash of the token, and not the token."""

    @property
    def line(self) -> str:
        """The line of the file, with the hash of the token."""
        scopes = ALL_SCOPES if self.scopes == SCOPES else " ".join(self.scopes)
        expiry = f" {_EXPIRY_PREFIX}{format_time(self.expires)}" if self.expires else ""
        return f"{self.name} {_HASH_PREFIX}{self.digest.hex()} {scopes}{expiry}"

    def has_expired(self, now: datetime) -> bool:
        """Whether the token is no longer valid."""
        return self.expires is not None and now >= self.expires


def hash_token(token: str) -> bytes:
    """Return the hash of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def new_token(name: str, scopes: tuple[str, ...], expires: datetime | None) -> tuple[str, TokenEntry]:
    """Make a random token. Returns it, and the entry with its hash.

    Raises:
        ValueError: if the name cannot stand in the file.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a name has up to 64 letters, digits or any of . _ - @ :, and no blank")
    token = f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"
    return token, TokenEntry(name, hash_token(token), scopes, expires)


def parse(text: str) -> tuple[TokenEntry, ...]:
    """Parse a token file.

    Raises:
        ValueError: if a line is invalid, or there is no token. The message names the line, not its content.
    """
    entries = parse_entries(text)
    if not entries:
        raise ValueError("holds no token")
    return entries


def parse_entries(text: str) -> tuple[TokenEntry, ...]:
    """Parse a token file, which may hold no token.

    Raises:
        ValueError: if a line is invalid. The message names the line, not its content.
    """
    lines = [(number, _words(line)) for number, line in enumerate(text.splitlines(), 1)]
    entries = tuple(_parse_line(number, words) for number, words in lines if words)
    if min(len({entry.name for entry in entries}), len({entry.digest for entry in entries})) < len(entries):
        raise ValueError("holds a name or a token twice")
    return entries


def add_line(text: str, entry: TokenEntry) -> str:
    """Return the text of a token file with a further line at its end.

    Raises:
        ValueError: if the name is there already, or the text is invalid.
    """
    if any(other.name == entry.name for other in parse_entries(text)):
        raise ValueError(f"it has a token of the name {entry.name} already")
    if text and not text.endswith("\n"):
        text += "\n"
    return f"{text}{entry.line}\n"


def remove_line(text: str, name: str) -> str:
    """Return the text of a token file without the line of a name. Nothing else is changed.

    Raises:
        ValueError: if the name is not there.
    """
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if _words(line)[:1] != [name]]
    if len(kept) == len(lines):
        raise ValueError(f"it has no token of the name {name}")
    return "".join(kept)


def parse_time(text: str) -> datetime:
    """Parse a time with its time zone.

    Raises:
        ValueError: if the text is none.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError
    return time.astimezone(UTC)


def format_time(time: datetime) -> str:
    """Return a time in UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def parse_scopes(words: list[str]) -> tuple[str, ...]:
    """Parse the scopes of a line.

    Raises:
        ValueError: if there are none, or one is unknown. The message contains nothing of the words.
    """
    if not words:
        raise ValueError(
            f"names no scopes. Write {' or '.join(SCOPES)} or both behind the token, or the word {ALL_SCOPES}"
        )
    if words == [ALL_SCOPES]:
        return SCOPES
    if unknown := set(words) - set(SCOPES):
        raise ValueError(
            f"{len(unknown)} of its scopes are none of {', '.join(SCOPES)}; the word {ALL_SCOPES} must stand "
            "alone"
        )
    return tuple(scope for scope in SCOPES if scope in words)


def _words(line: str) -> list[str]:
    """Return the words of a line; none for a comment."""
    return [] if line.lstrip().startswith("#") else line.split()


def _parse_line(number: int, words: list[str]) -> TokenEntry:
    try:
        name, token, *rest = words
    except ValueError:
        raise ValueError(f"line {number}: must be a name, a token and scopes") from None
    expiries = [word for word in rest if word.startswith(_EXPIRY_PREFIX)]
    try:
        hashed = token.startswith(_HASH_PREFIX)
        return TokenEntry(
            name,
            _parse_hash(token) if hashed else _hash_plain(token),
            parse_scopes([word for word in rest if word not in expiries]),
            _parse_expiry(expiries),
            hashed,
        )
    except ValueError as exc:
        raise ValueError(f"line {number}: {exc}") from None


def _parse_hash(word: str) -> bytes:
    digits = word.removeprefix(_HASH_PREFIX)
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digits):
        raise ValueError(f"{_HASH_PREFIX} must be followed by 64 hexadecimal digits")
    return bytes.fromhex(digits)


def _hash_plain(token: str) -> bytes:
    if len(token) < MIN_SECRET_CHARS:
        raise ValueError(f"a token must have {MIN_SECRET_CHARS} characters or more")
    return hash_token(token)


def _parse_expiry(words: list[str]) -> datetime | None:
    if len(words) > 1:
        raise ValueError(f"{_EXPIRY_PREFIX} must stand once")
    try:
        return parse_time(words[0].removeprefix(_EXPIRY_PREFIX)) if words else None
    except (ValueError, OverflowError):
        raise ValueError(
            f"{_EXPIRY_PREFIX} must be followed by a time such as 2027-01-31T12:00:00Z"
        ) from None
