"""One server for many callers: `rotor-mcp serve --http`.

`settings.py` is what the operator decides, `tokens.py` and `issuer.py` who calls, `desk.py` whether a call is
let in and where it works, `app.py` the web application around it, `running.py` the processes.
"""
