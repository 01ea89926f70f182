from pathlib import Path

from rotor_mcp import Settings, build_server
from rotor_mcp.server.stdio import serve_stdio

key = Path("rotor-key.txt").read_text("utf-8")
serve_stdio(build_server(Settings.load({"api_key": key, "timezone": "America/Chicago"})))
