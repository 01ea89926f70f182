"""`rotor-mcp serve --http --check-config`, and settings for HTTP as flags and in a file."""

import socket

import httpx2
import pytest
from inline_snapshot import snapshot

from rotor_mcp.sandbox import FULL_KEY
from tests.homes import Ended, Home
from tests.hosting.servers import server_process

TOKEN = "t0k3n" * 8


def check(home: Home, *arguments: str, **variables: str) -> Ended:
    return home.run("serve", "--check-config", *arguments, **variables)


def test_http_alone_leaves_the_address_to_the_variable_and_the_file(home: Home) -> None:
    (home.path / "rotor.toml").write_text('http = "127.0.0.1:7001"\n')
    for arguments, variables, port in (
        ([], {}, 8080),
        (["--config=rotor.toml"], {}, 7001),
        (["--config=rotor.toml"], {"ROTOR_MCP_HTTP": "127.0.0.1:7002"}, 7002),
    ):
        ended = check(home, "--http", *arguments, ROTOR_API_KEY=FULL_KEY, **variables)
        assert ended.out.splitlines()[0].startswith(f"Address: 127.0.0.1:{port}, in one process"), ended.err
    ended = check(home, "--http=127.0.0.1:7003", "--config=rotor.toml", ROTOR_API_KEY=FULL_KEY)
    assert ended.out.startswith("Address: 127.0.0.1:7003, in one process")


def test_what_would_be_served(home: Home) -> None:
    tokens = home.path / "tokens"
    tokens.write_text(f"ann {TOKEN} all\nben sha256:{'0' * 64} all expires=2020-01-31T12:00:00Z\n")
    tokens.chmod(0o600)
    (home.path / "rotor.toml").write_text(
        f'api_key = "{FULL_KEY}"\nredis_url = "redis://:pa55word@redis:6379/0"\ndaily_requests = 300\n'
        'allowed_hosts = ["rotor.internal", "10.0.0.7"]\n'
    )
    (home.path / "rotor.toml").chmod(0o600)
    ended = check(
        home,
        "--http=0.0.0.0:8080",
        "--config=rotor.toml",
        "--token-file=tokens",
        "--no-log-probes",
        ROTOR_MCP_PUBLIC_URL="https://rotor.example.com",
        ROTOR_MCP_METRICS="0.0.0.0:9464",
        ROTOR_MCP_DAILY_REQUEST="3",
    )
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == snapshot("""\
Address: 0.0.0.0:8080, in one process; clients reach it at https://rotor.example.com/mcp
Callers: 2 tokens of tokens (1 expired, 1 in plain text)
Rotor: https://api.getrotor.com/open-api; the key is this server's, from api_key in rotor.toml
Redis: redis:6379, required
Limits of a caller: 8 calls at once, 120 in a minute, 300 requests a day
Log: from the level info, as text
Metrics: http://0.0.0.0:9464/metrics
api_key = «hidden» (api_key in rotor.toml)
redis_url = «hidden» (redis_url in rotor.toml)
http = 0.0.0.0:8080 (--http)
public_url = https://rotor.example.com (ROTOR_MCP_PUBLIC_URL)
allowed_hosts = rotor.internal, 10.0.0.7 (allowed_hosts in rotor.toml)
token_file = tokens (--token-file)
daily_requests = 300 (daily_requests in rotor.toml)
metrics = 0.0.0.0:9464 (ROTOR_MCP_METRICS)
log_probes = false (--log-probes)
Note: ROTOR_MCP_DAILY_REQUEST is no setting: is ROTOR_MCP_DAILY_REQUESTS meant?
Nothing is wrong.
""")
    for secret in (FULL_KEY, "pa55word", TOKEN):
        assert secret not in ended.out
    assert sorted(path.name for path in home.path.iterdir()) == ["rotor.toml", "tokens"]


def test_what_is_wrong(home: Home) -> None:
    (home.path / "keys.json").write_text("{}")
    (home.path / "keys.json").chmod(0o644)
    ended = check(
        home,
        "--http=127.0.0.1:8080",
        "--workers=2",
        "--metrics=127.0.0.1:9464",
        ROTOR_MCP_TOKEN_FILE="nowhere",
        ROTOR_MCP_KEY_FROM="file",
        ROTOR_MCP_KEY_FILE="keys.json",
        ROTOR_MCP_AUDIT_FILE="/nowhere/audit.jsonl",
        OTEL_TRACES_EXPORTER="console",
    )
    assert (ended.status, ended.err) == (1, "")
    assert [line for line in ended.out.splitlines() if line.startswith(("Wrong", "The server"))] == snapshot(
        [
            "Wrong: ROTOR_MCP_WORKERS: several processes need ROTOR_MCP_REDIS_URL, since there calls for one person wait for each other; without it one person could be filed twice",
            "Wrong: ROTOR_MCP_METRICS: each of several processes counts for itself, and one address shows one of them. Serve several servers of one process, each with an address for its metrics; or let OTEL_METRICS_EXPORTER=otlp send them to a collector",
            "Wrong: set ROTOR_MCP_STATE_SECRET: what one process asks a person may be answered to another, and they have no Rotor key in common to seal it with",
            "Wrong: ROTOR_MCP_TOKEN_FILE: nowhere cannot be read: No such file or directory",
            "Wrong: ROTOR_MCP_KEY_FILE: keys.json: every user of this machine can use it (mode 0644), and it holds secrets: run `chmod o= keys.json`, or give a mounted secret the mode 0440",
            "Wrong: ROTOR_MCP_AUDIT_FILE: /nowhere/audit.jsonl cannot be written",
            "Wrong: OTEL_TRACES_EXPORTER: must be otlp or none; nothing else is built in, but for Prometheus there is ROTOR_MCP_METRICS",
            "The server would not work with these settings.",
        ]
    )
    assert [path.name for path in home.path.iterdir()] == ["keys.json"]


def test_all_values_that_cannot_be_used_are_named(home: Home) -> None:
    ended = check(home, "--http=8080", "--timeout=soon", ROTOR_MCP_KEEP_ALIVE="0", ROTOR_API_KEY=FULL_KEY)
    assert (ended.status, ended.out) == (
        1,
        snapshot("""\
Wrong: --timeout: must be a number above 0, 600 at most
Wrong: --http: must be an address and a port, such as 127.0.0.1:8080 or [::]:8080; ROTOR_MCP_KEEP_ALIVE: must be a whole number from 1 to 3,600
The server would not work with these settings.
"""),
    )


def test_a_server_without_a_key_would_not_be_ready(home: Home) -> None:
    ended = check(home, "--http")
    assert ended.status == 1
    assert "Wrong: ROTOR_API_KEY is not set: the server would start, and not be ready" in ended.out


def test_no_port_is_opened(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        http = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = check(
            home, f"--http={http}", ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=f"http://{http}/open-api"
        )
        assert ended.status == 0
        taken.settimeout(0)
        with pytest.raises(BlockingIOError):
            taken.accept()


@pytest.mark.parametrize("flag", ["--workers=2", "--check-config", "--token-file=tokens", "--no-log-probes"])
def test_a_flag_for_http_without_http(flag: str, home: Home) -> None:
    ended = home.run("serve", flag)
    name = flag.partition("=")[0].replace("--no-", "--")
    assert (ended.status, ended.err.splitlines()[-1]) == (
        2,
        f"Error: {name} is for serving over HTTP: add --http, or leave {name} out",
    )
    assert home.run("serve", "--sandbox", ROTOR_MCP_WORKERS="2").status == 0, "a variable may be for others"


def test_a_file_can_hold_all_there_is_to_say(home: Home) -> None:
    file = home.path / "rotor.toml"
    file.write_text(f'api_key = "{FULL_KEY}"\nkeep_alive = 6\nlog_format = "json"\nlog_probes = false\n')
    file.chmod(0o600)
    with server_process({"ROTOR_MCP_CONFIG": str(file)}) as server:
        assert httpx2.get(f"{server.url}/healthz").status_code == 200
        assert '"event": "server_started"' in server.written
        assert "healthz" not in server.written


def test_the_address_can_be_in_the_file(home: Home) -> None:
    (home.path / "rotor.toml").write_text('http = "8080"\n')
    ended = home.run("serve", "--sandbox", "--config", "rotor.toml")
    assert (ended.status, ended.err.splitlines()[-1]) == (
        2,
        "Error: http in rotor.toml: must be an address and a port, such as 127.0.0.1:8080 or [::]:8080",
    )
