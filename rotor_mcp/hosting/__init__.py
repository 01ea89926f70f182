"""One server for many callers: `rotor-mcp serve --http`, or `rotor_mcp.hosting.asgi:app` for any ASGI server.

`settings.py` is what the operator decides, `auth.py` with `auth_token_file.py` and `auth_jwt.py` who calls,
`access.py` and `rate_limits.py` whether a call is let in and with which Rotor key, `app.py` the application
with what `middleware.py` puts before the protocol, `startup.py` and `server.py` how a process serves it.
"""
