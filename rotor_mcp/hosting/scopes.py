"""The scopes of a caller: which tools it is shown and may call."""

from collections.abc import Mapping
from typing import Any

READ = "leads:read"
WRITE = "leads:write"
SCOPES = (READ, WRITE)

SCOPE_CLAIMS = ("scope", "scp", "permissions", "roles")
"""Where issuers put scopes. The first of them that grants one of ours counts, and no other: what a client
asked for (`scope`, `scp`) is narrower than all that a user may do (`permissions`, `roles`)."""


def granted_scopes(claims: Mapping[str, Any], claim: str | None = None) -> list[str]:
    """The scopes of a token that mean something here."""
    for name in SCOPE_CLAIMS if claim is None else (claim,):
        words = _words(_find_claim(claims, name))
        if granted := [scope for scope in SCOPES if scope in words]:
            return granted
    return []


def _find_claim(claims: Mapping[str, Any], name: str) -> object:
    """Find a claim by its name, or by the names on the way to it. Names may hold dots themselves."""
    if name in claims:
        return claims[name]
    for position, character in enumerate(name):
        inner = claims.get(name[:position]) if character == "." else None
        if isinstance(inner, Mapping) and (found := _find_claim(inner, name[position + 1 :])) is not None:
            return found
    return None


def _words(value: object) -> set[str]:
    """The words of a claim, which is a text with blanks or commas, or a list of such texts."""
    texts = value if isinstance(value, list) else [value]
    return {word for text in texts if isinstance(text, str) for word in text.replace(",", " ").split()}
