import os

from rotor_mcp import Settings, build_server

settings = Settings.load({"api_key": os.environ.get("ROTOR_API_KEY"), "read_only": "true"})
app = build_server(settings).streamable_http_app(stateless_http=True)
