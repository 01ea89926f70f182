"""`rotor-mcp check`, and other commands, in environments in which something is wrong: always a sentence and a status."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import anyio
import pytest
from inline_snapshot import snapshot
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from rotor_mcp.extras import install_hint
from rotor_mcp.sandbox import FULL_KEY
from tests import commands
from tests.conftest import posix, sandbox_url
from tests.homes import Home

pytestmark = pytest.mark.anyio

WITHOUT_SOCKS = "import sys; sys.modules['socksio'] = None; from rotor_mcp.__main__ import main; main(prog_name='rotor-mcp')"

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "socks": {"ALL_PROXY": "socks://127.0.0.1:1/"},
    "socks5h in small letters": {"all_proxy": "socks5h://jo:s3cretword@127.0.0.1:1"},
    "socks4": {"ALL_PROXY": "socks4://127.0.0.1:1"},
    "bad port": {"HTTPS_PROXY": "http://127.0.0.1:eighty"},
    "port out of range": {"HTTPS_PROXY": "127.0.0.1:80800"},
    "no host": {"https_proxy": "http://"},
    "blank inside": {"HTTPS_PROXY": "http://my proxy:3128"},
    "proxy refuses": {"HTTPS_PROXY": "http://jo:s3cretword@127.0.0.1:1"},
    "proxy unknown": {"ALL_PROXY": "http://proxy.invalid:3128"},
    "no certificate file": {"SSL_CERT_FILE": "/nonexistent/ca.pem"},
    "certificate file is a folder": {"SSL_CERT_FILE": "."},
    "certificate file is no PEM": {"SSL_CERT_FILE": sys.executable},
    "no certificate folder": {"SSL_CERT_DIR": "/nonexistent", "SSL_CERT_FILE": ""},
}
SOME = ("socks4", "blank inside", "proxy refuses", "certificate file is a folder", "no certificate folder")
NEEDED = {"ROTOR_API_KEY": FULL_KEY, "ROTOR_MCP_TIMEOUT": "1.1", "ROTOR_MCP_TIMEZONE": "UTC"}
REASONS: dict[str, str] = snapshot(
    {
        "socks": "the proxy 127.0.0.1:1 (ALL_PROXY) refused the connection",
        "socks5h in small letters": "the proxy 127.0.0.1:1 (all_proxy) refused the connection",
        "socks4": "ALL_PROXY cannot be used: only proxies of the kinds http, https, socks5, socks5h can be used",
        "bad port": "HTTPS_PROXY cannot be used: it is no address such as http://proxy.example.com:3128",
        "port out of range": "HTTPS_PROXY cannot be used: it is no address such as http://proxy.example.com:3128",
        "no host": "https_proxy cannot be used: it is no address such as http://proxy.example.com:3128",
        "blank inside": "HTTPS_PROXY cannot be used: it is no address such as http://proxy.example.com:3128",
        "proxy refuses": "the proxy 127.0.0.1:1 (HTTPS_PROXY) refused the connection",
        "proxy unknown": "the proxy proxy.invalid:3128 (ALL_PROXY) cannot be found",
        "no certificate file": "SSL_CERT_FILE names a file that cannot be read: No such file or directory",
        "certificate file is a folder": "SSL_CERT_FILE names a file that cannot be read: Is a directory",
        "certificate file is no PEM": "SSL_CERT_FILE names a file that cannot be read: it holds no certificate in PEM form",
        "no certificate folder": "SSL_CERT_DIR names a folder that cannot be used: No such file or directory",
    }
)


def environment(name: str) -> dict[str, str]:
    return NEEDED | ENVIRONMENTS[name]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_check_says_what_is_wrong(name: str, home: Home) -> None:
    ended = home.run("check", **environment(name))
    as_json = home.run("check", "--json", **environment(name))
    assert (ended.status, ended.err, as_json.status, as_json.err) == (1, "", 1, "")
    assert "s3cretword" not in ended.out + as_json.out
    report = json.loads(as_json.out)
    found = {check["subject"]: check["finding"] for check in report["checks"]}
    assert f"FAIL connection: {found['connection']}\n" in ended.out
    assert found["connection"] == REASONS[name]
    # All that can be looked at nevertheless was looked at.
    assert list(found) == [
        "rotor-mcp",
        "time zone",
        "address",
        "key",
        "proxy",
        "connection",
        "access",
        "clients",
    ]


@pytest.mark.parametrize("name", SOME)
def test_import_and_export_say_what_is_wrong(name: str, home: Home) -> None:
    (home.path / "leads.csv").write_text("name,phone\nDana Whitfield,612-555-0142\n")
    for command in (["import", "leads.csv", "--yes"], ["export"], ["export", "out.csv"]):
        ended = home.run(*command, **environment(name))
        assert (ended.status, "Traceback" in ended.err) == (1, False)
        assert REASONS[name] in ended.out + ended.err
        assert "s3cretword" not in ended.out + ended.err
    assert sorted(file.name for file in home.path.iterdir()) == ["leads.csv"]


@pytest.mark.parametrize("name", SOME)
async def test_a_tool_says_what_is_wrong(name: str, home: Home) -> None:
    started = StdioServerParameters(
        command=sys.executable, args=["-m", "rotor_mcp"], env=home.variables(**environment(name))
    )
    async with Client(started) as client:
        result = await client.call_tool("search_leads", {"search": "Dana"})
    assert result.is_error
    (part,) = result.content
    assert isinstance(part, TextContent)
    assert part.text.startswith(f"Nothing was sent: {REASONS[name]}. ")
    assert part.text.endswith(" No requests spent.")


@pytest.mark.parametrize("name", SOME)
async def test_nothing_of_that_matters_to_an_api_on_this_machine(name: str, home: Home) -> None:
    async with sandbox_url() as url:
        ended = await anyio.to_thread.run_sync(
            lambda: home.run("check", **environment(name), ROTOR_BASE_URL=url)
        )
    assert (ended.status, ended.err, "ok   connection: 127.0.0.1" in ended.out) == (0, "", True)


def test_a_socks_proxy_needs_an_extra(home: Home) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOCKS, "check"],
        env=home.variables(**NEEDED, ALL_PROXY="socks://127.0.0.1:1"),
        cwd=home.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert (
        f"""\
FAIL connection: ALL_PROXY cannot be used: a SOCKS proxy needs another package
     → Name an HTTP proxy, or {install_hint("socks")}.
"""
        in ended.stdout
    )


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_check_names_settings_that_cannot_be_used_and_goes_on(form: tuple[str, ...], home: Home) -> None:
    home.have("cursor", "{}")
    ended = home.run("check", *form, ROTOR_MCP_TIMEOUT="soon", ROTOR_API_KEY="rotor_a_s3cretword")
    assert (ended.status, ended.err, "s3cretword" in ended.out) == (1, "", False)
    assert "ROTOR_MCP_TIMEOUT: must be a number above 0, 600 at most" in ended.out
    assert "not connected in" in ended.out
    assert not form or [check["subject"] for check in json.loads(ended.out)["checks"]] == [
        "settings",
        "Cursor",
    ]


ZONES = ["CET-1CEST,M3.5.0,M10.5.0", "Mars/Olympus", ":nowhere", "/etc/nothing", "EST5EDT"]


@pytest.mark.parametrize("zone", ZONES)
def test_check_survives_any_time_zone(zone: str, home: Home) -> None:
    ended = home.run("check", "--sandbox", TZ=zone)
    assert (ended.status, ended.err) == (0, "")
    assert ("Set ROTOR_MCP_TIMEZONE to a name" in ended.out) == (zone != "EST5EDT")


# Encodings


ENCODINGS: dict[str, tuple[str, dict[str, str]]] = {
    "cp1252": ("cp1252", {"PYTHONIOENCODING": "cp1252"}),
    "strict": ("cp437", {"PYTHONIOENCODING": "cp437:strict"}),
    "latin-1": ("latin-1", {"PYTHONIOENCODING": "latin-1"}),
    "gbk": ("gbk", {"PYTHONIOENCODING": "gbk"}),
    # click takes ASCII for an encoding that was set wrongly, and writes UTF-8.
    "ascii": ("utf-8", {"PYTHONIOENCODING": "ascii"}),
    "C": ("utf-8", {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
}


def run(home: Home, encoding: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = home.variables(**{"PYTHONUTF8": "0"} | ENCODINGS[encoding][1])
    return commands.run(arguments, environment, home.path)


@pytest.mark.parametrize(
    ("encoding", "arguments", "status"),
    [
        ("cp1252", ("check", "--sandbox"), 0),
        ("gbk", ("check", "--sandbox"), 0),
        ("C", ("check", "--sandbox"), 0),
        ("cp1252", ("demo",), 0),
        ("gbk", ("install", "--print"), 0),
        ("cp1252", ("import", "leads.csv", "--dry-run", "--sandbox"), 1),
        ("gbk", ("import", "leads.csv", "--dry-run", "--sandbox"), 1),
        ("C", ("import", "leads.csv", "--dry-run", "--sandbox"), 1),
        ("cp1252", ("import", "leads.csv", "--yes", "--sandbox=rotor.db"), 1),
        ("cp1252", ("import", "--help"), 0),
        ("C", ("demo",), 0),
        ("ascii", ("check", "--sandbox"), 0),
        ("strict", ("help", "export"), 0),
        ("ascii", ("--help",), 0),
        ("gbk", ("completion", "bash"), 0),
        ("ascii", ("import", "leads.csv", "--dry-run", "--sandbox"), 1),
    ],
)
def test_a_command_ends_as_usual_in_any_encoding(
    encoding: str, arguments: tuple[str, ...], status: int, home: Home
) -> None:
    (home.path / "leads.csv").write_text("name,phone\nŁucja Wójcik → 李,612-555-0142\nBad,12\n", "utf-8")
    ended = run(home, encoding, *arguments)
    assert (ended.returncode, b"Traceback" in ended.stderr) == (status, False)
    assert ended.stdout.decode(ENCODINGS[encoding][0])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_import_writes_and_an_export_is_utf_8_in_any_encoding(encoding: str, home: Home) -> None:
    (home.path / "leads.csv").write_text("name,phone\nŁucja Wójcik → 李,612-555-0142\n", "utf-8")
    assert run(home, encoding, "import", "leads.csv", "--yes", "--sandbox=rotor.db").returncode == 0
    ended = run(
        home, encoding, "export", "--search", "612-555-0142", "--fields", "name", "--sandbox=rotor.db"
    )
    assert (ended.returncode, ended.stdout.decode("utf-8-sig")) == (0, "name\r\nŁucja Wójcik → 李\r\n")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_is_ascii_in_any_encoding(encoding: str, home: Home) -> None:
    ended = run(home, encoding, "check", "--json", "--sandbox")
    assert json.loads(ended.stdout.decode("ascii"))["passed"]


def test_a_file_name_that_is_no_utf_8(home: Home) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    (home.path / name).write_text("name,phone\nDana Whitfield,612-555-0142\n")
    ended = run(home, "cp1252", "import", name, "--yes", "--sandbox=rotor.db")
    assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False)


# Outputs that nobody reads


def narrow_pipe() -> tuple[int, int]:
    """A pipe that holds one write at a time: whoever writes again waits until that one was read.

    So a command that writes three times is still there when its reader goes away after the first. Only Linux
    has such pipes; others hold more than some commands write.
    """
    if sys.platform != "linux":
        return os.pipe()
    import fcntl

    ours, theirs = os.pipe2(os.O_DIRECT)
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 1)  # rounded up to one page, which is one write
    return ours, theirs


def ended_after_one_line(home: Home, *arguments: str, **variables: str) -> tuple[int, bytes, bytes]:
    """Run a command whose reader goes away after the first line."""
    ours, theirs = narrow_pipe()
    with Path(os.devnull).open("rb") as stdin, tempfile.TemporaryFile() as stderr:
        streams = stdin.fileno(), theirs, stderr.fileno()
        command = commands.Command(arguments, home.variables(**variables), streams, folder=home.path)
        os.close(theirs)
        with os.fdopen(ours, "rb") as stdout:
            line = stdout.readline()
        status = command.wait(60)
        stderr.seek(0)
        return status, line, stderr.read()


@posix
@pytest.mark.parametrize(
    "arguments",
    [
        ("demo",),
        ("check", "--sandbox"),
        ("import", "leads.csv", "--yes", "--sandbox"),
    ],
)
def test_a_reader_that_has_read_enough_ends_a_command_without_a_word(
    arguments: tuple[str, ...], home: Home
) -> None:
    rows = "".join(f"Dana Whitfield {number},612-555-{number:04}\n" for number in range(300))
    (home.path / "leads.csv").write_text("name,phone\n" + rows)
    status, line, errors = ended_after_one_line(home, *arguments)
    assert line
    assert (status, errors) == (128 + signal.SIGPIPE, b"")


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    "arguments",
    ["--help", "help import", "check --sandbox", "completion bash", "import leads.csv --sandbox"],
)
def test_a_command_ends_as_usual_if_a_standard_stream_is_closed(
    arguments: str, closed: str, home: Home
) -> None:
    (home.path / "leads.csv").write_text("name,phone\nDana Whitfield,612-555-0142\n")
    ended = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m rotor_mcp {arguments} {closed}', sys.executable],
        env=home.variables(),
        cwd=home.path,
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert bool(ended.stdout) == (">&-" not in closed.split())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("check", "--sandbox"), ("import", "leads.csv", "--sandbox")])
def test_an_output_that_cannot_be_written_is_said(arguments: tuple[str, ...], home: Home) -> None:
    (home.path / "leads.csv").write_text("name,phone\nDana Whitfield,612-555-0142\n")
    with (
        Path(os.devnull).open("rb") as stdin,
        Path("/dev/full").open("wb") as full,
        tempfile.TemporaryFile() as stderr,
    ):
        streams = stdin.fileno(), full.fileno(), stderr.fileno()
        status = commands.Command(arguments, home.variables(), streams, folder=home.path).wait(60)
        stderr.seek(0)
        assert (status, stderr.read()) == (1, b"Error: [Errno 28] No space left on device\n")


@pytest.mark.parametrize("stream", [0, 1, 2])
@pytest.mark.parametrize(
    "arguments", [("check", "--sandbox"), ("import", "-", "--sandbox"), ("serve", "--sandbox")]
)
def test_a_standard_stream_that_is_not_open(stream: int, arguments: tuple[str, ...], home: Home) -> None:
    def close() -> None:
        os.close(stream)

    streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout"), subprocess.DEVNULL)
    ended = subprocess.run(
        [sys.executable, "-m", "rotor_mcp", *arguments],
        env=home.variables(),
        cwd=home.path,
        stderr=subprocess.PIPE,
        preexec_fn=close,
        check=False,
        **streams,
    )
    assert (ended.returncode in {0, 1}, b"Traceback" in ended.stderr) == (True, False)
