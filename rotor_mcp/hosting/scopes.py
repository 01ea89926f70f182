"""The scopes of a caller: which tools it is shown and may call."""

READ = "leads:read"
WRITE = "leads:write"
SCOPES = (READ, WRITE)
