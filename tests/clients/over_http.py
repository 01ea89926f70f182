"""The server over HTTP on this machine, on the embedded Rotor: `python tests/clients/over_http.py PORT`.

For the protocol's conformance suite, which talks HTTP only.
"""

import logging
import sys
from contextlib import closing

import uvicorn

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server import build_server


def main() -> None:
    """Serve until the process is stopped."""
    logging.basicConfig(level=logging.WARNING)
    with closing(Sandbox(quota=1_000_000)) as sandbox:
        server = build_server(Settings.load({"api_key": FULL_KEY}), transport=sandbox.transport)
        uvicorn.run(
            server.streamable_http_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning"
        )


if __name__ == "__main__":
    main()
