"""How callers are named: each name begins with the kind of credential that was shown.

So a caller of one kind is never taken for one of another: in limits and budgets, in the audit log, and in the
file of Rotor keys.
"""

from mcp.server.auth.provider import AccessToken

ANONYMOUS = "anybody"
"""The name of all callers together where nobody asks who they are."""
TOKEN_FILE_PREFIX = "token:"  # noqa: S105 - no password
"""Before the name of a caller who showed a token of the token file."""
JWT_PREFIX = "jwt:"
"""Before the subject of a caller who showed an access token of the issuer."""


def caller_of(token: AccessToken | None) -> str:
    """Name the caller who showed a token; None is shown where no token is asked for."""
    return ANONYMOUS if token is None else token.subject or token.client_id


def full_name(name: str) -> str:
    """Complete a caller's name as it stands in a file: one without a prefix is a subject of the issuer."""
    return name if name.startswith((TOKEN_FILE_PREFIX, JWT_PREFIX)) else f"{JWT_PREFIX}{name}"
