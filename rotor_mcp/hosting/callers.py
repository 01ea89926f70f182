"""Names of callers, prefixed with the kind of their credential.

The prefix keeps callers of different kinds apart in limits, budgets, the audit log and the key file.
"""

from mcp.server.auth.provider import AccessToken

ANONYMOUS = "anybody"
"""The name of all callers where no authentication is required."""
TOKEN_FILE_PREFIX = "token:"  # noqa: S105 - no password
"""Prefix of a caller authenticated by the token file."""
JWT_PREFIX = "jwt:"
"""Prefix of a caller authenticated by an access token of the issuer, before the subject."""


def caller_of(token: AccessToken | None) -> str:
    """Return the caller of a token; None where no authentication is required."""
    return ANONYMOUS if token is None else token.subject or token.client_id


def full_name(name: str) -> str:
    """Return the name of a caller in a file with its prefix; without one it is a subject of the issuer."""
    return name if name.startswith((TOKEN_FILE_PREFIX, JWT_PREFIX)) else f"{JWT_PREFIX}{name}"
