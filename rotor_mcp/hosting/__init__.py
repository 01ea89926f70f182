"""One server for many callers: `rotor-mcp serve --http`.

`settings.py` is what the operator decides, `auth.py` with `tokens.py` and `issuer.py` who calls, `desk.py`
and `limits.py` whether a call is let in and where it works, `app.py` the web application around it with what
`doorway.py` and `accept.py` put before the protocol, `running.py` the processes.
"""
