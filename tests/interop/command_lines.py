"""Other people's clients list this server after `rotor-mcp install`: `command_lines.py FOLDER [CLIENT…]`.

FOLDER has their commands. Each client gets an entry for a local server, and one for a remote server with a token, in a
home directory of its own; then its own command lists its servers. After `uninstall` its configuration is as it was.
The clients that docs/hosting.md connects by a command of theirs are connected by that, too.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.host_system import HostSystem
from tests.hosting.servers import server_process

TOKEN = "t0ken-of-ann-0123456789abcdef0123456789"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class CommandLine:
    """A client's command that lists its servers, and what it then prints of this one, local and remote.

    `<start>` stands for the command that starts the server, and `<url>` for the address.
    """

    name: str
    command: str
    local: str
    remote: str


COMMAND_LINES = (
    CommandLine(
        "claude-code",
        "claude mcp list",
        "rotor: <start> serve --sandbox - ✔ Connected",
        "rotor: <url> (HTTP) - ✔ Connected",
    ),
    CommandLine(
        "codex",
        "codex mcp list",
        "rotor <start> serve --sandbox - - enabled Unsupported",
        "rotor <url> - enabled Bearer token",
    ),
    CommandLine(
        "gemini",
        "gemini mcp list",
        "✓ rotor: <start> serve --sandbox (stdio) - Connected",
        "✓ rotor: <url> (http) - Connected",
    ),
    CommandLine("copilot-cli", "copilot mcp list", "rotor (local)", "rotor (http)"),
    CommandLine("opencode", "opencode mcp list", "● ✓ rotor connected", "● ✓ rotor connected"),
    CommandLine("cline", "cline config mcp", "rotor [stdio]", "rotor [streamableHttp]"),
)


def run(words: list[str], home: Path, path: str, **variables: str) -> str:
    """Run a command in a home directory, and return what it printed, one blank between words.

    Raises:
        RuntimeError: if it fails, or does not end.
    """
    environment = {"HOME": str(home), "PATH": path, "NO_COLOR": "1", **variables}
    ended = subprocess.run(
        words,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        timeout=120,
    )
    if ended.returncode:
        raise RuntimeError(f"{words}: {ended.returncode}\n{ended.stdout}")
    return "\n".join(" ".join(line.split()) for line in ANSI.sub("", ended.stdout).splitlines())


def check(line: CommandLine, options: list[str], expected: str, path: str) -> None:
    """Connect a client, and see what it lists.

    Raises:
        AssertionError: if it does not list this server, or its configuration is not as it was after all.
    """
    with tempfile.TemporaryDirectory(prefix="home-") as folder:
        home = Path(folder)
        location = CLIENTS[line.name].locations(HostSystem("linux", {}, home))[0]
        location.directory.mkdir(parents=True)
        # Gemini CLI connects to nothing where it does not trust the directory.
        (home / ".gemini").mkdir(exist_ok=True)
        (home / ".gemini" / "trustedFolders.json").write_text(f'{{"{home}": "TRUST_FOLDER"}}')
        ours = [str(Path(sys.executable).with_name("rotor-mcp"))]
        run([*ours, "install", line.name, "--yes", *options], home, path, ROTOR_MCP_TOKEN=TOKEN)
        listed = run(line.command.split(), home, path)
        if expected.replace("<start>", ours[0]) not in listed.splitlines():
            raise AssertionError(f"{line.command}: {listed}")
        remote = [option for option in options if option != "--sandbox"]
        run([*ours, "uninstall", line.name, "--yes", *remote], home, path)
        if location.file.exists() and "rotor" in location.file.read_text("utf-8"):
            raise AssertionError(location.file.read_text("utf-8"))
    sys.stdout.write(f"{line.command}: {expected}\n")


def by_its_own_command(line: CommandLine, url: str, path: str) -> None:
    """Connect a client by the command that docs/hosting.md has for it, if it has one, and see what it lists.

    Raises:
        AssertionError: if it does not list this server.
    """
    program = line.command.split()[0]
    page = Path("docs/hosting.md").read_text("utf-8")
    for command in re.findall(rf"^{program} mcp add .*$", page, re.MULTILINE):
        with tempfile.TemporaryDirectory(prefix="home-") as folder:
            home = Path(folder)
            (home / f".{program}").mkdir()
            there = command.replace("http://127.0.0.1:8080/mcp", url)
            run(["sh", "-c", there], home, path, ROTOR_MCP_TOKEN=TOKEN)
            listed = run(line.command.split(), home, path, ROTOR_MCP_TOKEN=TOKEN)
        # Codex has the name of the variable where it has a dash else.
        expected = {word for word in line.remote.replace("<url>", url).split() if word != "-"}
        if not any(expected.issubset(row.split()) for row in listed.splitlines()):
            raise AssertionError(f"{command}: {listed}")
        sys.stdout.write(f"{command}\n")


def main(folder: str, *names: str) -> None:
    """Check the named clients, or all."""
    path = os.pathsep.join([folder, os.environ["PATH"]])
    with tempfile.TemporaryDirectory() as place:
        tokens = Path(place) / "tokens"
        tokens.write_text(f"ann {TOKEN} all\n")
        tokens.chmod(0o600)
        tokens.chmod(0o600)
        with server_process({"ROTOR_MCP_TOKEN_FILE": str(tokens)}, "--sandbox") as server:
            url = f"{server.url}/mcp"
            for line in COMMAND_LINES:
                if line.name in (names or CLIENTS):
                    check(line, ["--sandbox"], line.local, path)
                    check(line, ["--http", url], line.remote.replace("<url>", url), path)
                    by_its_own_command(line, url, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
