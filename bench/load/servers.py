"""The servers that are loaded, and what they talk to: a Redis and a Rotor, each in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.baselines.environments import ROOT, prepare
from bench.load.report import BARE, OURS, PAIRS
from bench.processes import free_port, wait_for
from rotor_mcp.sandbox import FULL_KEY

ASGI_SERVERS = ["granian>=2.8,<3", "gunicorn", "uvicorn-worker"]
"""What is installed beside ours for this alone. uvicorn is there already."""
APP = "rotor_mcp.hosting.asgi:app"


class Started:
    """A server that runs."""

    def __init__(self, command: Sequence[str], port: int, variables: Mapping[str, str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")}
        self.port = port
        self.process = subprocess.Popen(
            command, env={**kept, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


@contextmanager
def servers(folder: Path, scratch: Path) -> Iterator[dict[str, Started]]:
    """Start everything; yield the servers by name.

    Args:
        folder: where the environments are kept.
        scratch: for what Redis and nginx write.
    """
    installed = prepare(folder, ["rotor-mcp", "bare"])
    python = installed["rotor-mcp"].command[0]
    subprocess.run([python, "-m", "pip", "install", "-q", "redis", *ASGI_SERVERS], check=True)
    running: list[subprocess.Popen[bytes]] = []
    try:
        rotor = subprocess.Popen([sys.executable, "-m", "bench.load.rotor"], stdout=subprocess.PIPE)
        running.append(rotor)
        rotor_port = rotor.stdout.readline().decode().strip() if rotor.stdout else ""
        redis_port = free_port()
        redis = f"redis-server --port {redis_port} --bind 127.0.0.1 --save".split()
        running.append(subprocess.Popen([*redis, "", "--dir", str(scratch)], stdout=subprocess.DEVNULL))
        known = {
            "ROTOR_API_KEY": FULL_KEY,
            "ROTOR_BASE_URL": f"http://127.0.0.1:{rotor_port}/open-api",
            "ROTOR_MCP_SEARCH_MEMORY": "0",
            "ROTOR_MCP_CALLS_AT_ONCE": "1000",
            "ROTOR_MCP_CALLS_PER_MINUTE": "100000000",
        }
        shared = known | {"ROTOR_MCP_REDIS_URL": f"redis://127.0.0.1:{redis_port}"}

        def start(variables: Mapping[str, str], *command: str) -> Started:
            port = free_port()
            begun = Started([part.replace("PORT", str(port)) for part in command], port, variables)
            running.append(begun.process)
            return begun

        ours = (*installed["rotor-mcp"].command, "serve", "--http=127.0.0.1:PORT")
        module = (python, "-P", "-m")
        started = {
            OURS: start(known, *ours),
            f"{OURS}, with Redis": start(shared, *ours),
            f"{OURS}, 2 processes": start(shared | {"ROTOR_MCP_WORKERS": "2"}, *ours),
            BARE: start(known, *installed["bare"].command, "PORT"),
            f"{BARE}, again": start(known, *installed["bare"].command, "PORT"),
        }
        for one, two in PAIRS["uvicorn"], PAIRS["gunicorn"], PAIRS["granian"]:
            for name, number in (one, "1"), (two, "2"):
                started[name] = start(shared, *module, *_ASGI[name.partition(",")[0]], "--workers", number)
        behind = [start(shared, *ours).port, start(shared, *ours).port]
        for port in behind:
            wait_for(port)
        balancer = started[PAIRS["nginx"][1]] = _nginx(scratch, behind)
        running.append(balancer.process)
        for port in (redis_port, *(server.port for server in started.values())):
            wait_for(port)
        yield started
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)


_ASGI = {
    "uvicorn": ["uvicorn", APP, "--port", "PORT", "--no-access-log"],
    "gunicorn": ["gunicorn", "-k", "uvicorn_worker.UvicornWorker", APP, "--bind", "127.0.0.1:PORT"],
    "granian": ["granian", "--interface", "asgi", APP, "--port", "PORT"],
}


def _nginx(scratch: Path, ports: Sequence[int]) -> Started:
    """Run nginx with `deploy/nginx.conf` before two servers on these ports."""
    port = free_port()
    text = (ROOT / "deploy/nginx.conf").read_text("utf-8").replace("listen 8080", f"listen 127.0.0.1:{port}")
    text = re.sub(r" *server rotor-3:8080.*\n", "", text)
    for number, behind in enumerate(ports, 1):
        text = text.replace(f"rotor-{number}:8080", f"127.0.0.1:{behind}")
    text = text.replace("/dev/stderr", "stderr").replace("/tmp/", f"{scratch}/")  # noqa: S108 - of the container
    file = scratch / "nginx.conf"
    file.write_text(text, "utf-8")
    user = " user root;" if os.geteuid() == 0 else ""
    return Started(["nginx", "-e", "stderr", "-c", str(file), "-g", f"daemon off;{user}"], port, {})
