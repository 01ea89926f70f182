"""`rotor-mcp install` and `rotor-mcp uninstall`, as processes in a home directory of their own."""

import json
import os
import re
import select
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import anyio.to_thread
import pytest
from inline_snapshot import snapshot

from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.server import serving
from tests.conftest import posix
from tests.homes import KEY, Home, backups
from tests.installer.samples import TEXTS


def shown(home: Home, text: str) -> str:
    """What was printed, on whatever machine and day."""
    text = re.sub(r'"command": ".*",\s.*\s+"args": \[.*\]', '"command": <how it starts>', text)
    text = re.sub(r'command = ".*"\n.*args = \[.*\]', "command = <how it starts>", text)
    return re.sub(r"\.\d{4}-\d\d-\d\d-\d{6}(-\d+)?\.bak", ".<time>.bak", text.replace(str(home.path), "~"))


def test_what_is_said(home: Home) -> None:
    home.have("cursor", '{\n  "mcpServers": {}\n}\n').chmod(0o600)
    home.have("codex")
    ended = home.install(ROTOR_MCP_TIMEZONE="America/Chicago")
    assert (ended.status, ended.err) == (0, "")
    assert shown(home, ended.out) == snapshot("""\
Found: Codex and ChatGPT desktop, Cursor.
Codex and ChatGPT desktop, ~/.codex/config.toml (a new file)
  in mcp_servers:
  + [mcp_servers.rotor]
  + command = <how it starts>
  + \n\
  + [mcp_servers.rotor.env]
  + ROTOR_API_KEY = "«API key»"
  + ROTOR_MCP_TIMEZONE = "America/Chicago"
Cursor, ~/.cursor/mcp.json
  in mcpServers:
  + "rotor": {
  +   "command": <how it starts>,
  +   "env": {
  +     "ROTOR_API_KEY": "«API key»",
  +     "ROTOR_MCP_TIMEZONE": "America/Chicago"
  +   }
  + }
Codex and ChatGPT desktop: done. Start a new session of Codex; quit ChatGPT desktop and start it again.
Cursor: done. The file as it was is kept beside it as mcp.json.<time>.bak. Switch the server on in Cursor's settings under MCP, or start Cursor again.
Then say to the assistant, for example: Who is overdue for a follow-up?
""")
    ended = home.install(ROTOR_MCP_TIMEZONE="America/Chicago")
    assert (ended.status, shown(home, ended.out), ended.err) == snapshot(
        (
            0,
            """\
Found: Codex and ChatGPT desktop, Cursor.
Codex and ChatGPT desktop, ~/.codex/config.toml: nothing to do, it is connected just so.
Cursor, ~/.cursor/mcp.json: nothing to do, it is connected just so.
Then say to the assistant, for example: Who is overdue for a follow-up?
""",
            "",
        )
    )
    ended = home.uninstall()
    assert (ended.status, ended.err) == (0, "")
    assert shown(home, ended.out) == snapshot("""\
Found: Codex and ChatGPT desktop, Cursor.
Codex and ChatGPT desktop, ~/.codex/config.toml
  in mcp_servers:
  - [mcp_servers.rotor]
  - command = <how it starts>
  - \n\
  - [mcp_servers.rotor.env]
  - ROTOR_API_KEY = "«API key»"
  - ROTOR_MCP_TIMEZONE = "America/Chicago"
Cursor, ~/.cursor/mcp.json
  in mcpServers:
  - "rotor": {
  -   "command": <how it starts>,
  -   "env": {
  -     "ROTOR_API_KEY": "«API key»",
  -     "ROTOR_MCP_TIMEZONE": "America/Chicago"
  -   }
  - }
Codex and ChatGPT desktop: done. The server is gone when Codex and ChatGPT desktop is started again.
Cursor: done. The file as it was is kept beside it as mcp.json.<time>.bak. That copy holds the secret: delete it when all is well. The server is gone when Cursor is started again.
""")
    assert shown(home, home.uninstall("cursor").out) == snapshot("""\
Found: Cursor.
Cursor, ~/.cursor/mcp.json: nothing to do, it is not connected.
""")


@pytest.mark.parametrize("name", TEXTS)
def test_a_client_is_connected_and_let_go(name: str, home: Home) -> None:
    file = home.have(name, TEXTS[name])
    ended = home.install(name)
    assert (ended.status, ended.err) == (0, "")
    assert (KEY in file.read_text()) == (not CLIENTS[name].asks_for_secrets)
    assert backups(file) == [TEXTS[name].encode()]
    assert "nothing to do" in home.install(name).out
    assert home.uninstall(name).status == 0
    assert file.read_text() == TEXTS[name]
    assert len(backups(file)) == 2
    for text in (ended.out, ended.err):
        assert "s3cr3tpart" not in text
        assert "FOREIGNSECRET" not in text


def test_a_file_that_was_made_for_the_entry_goes(home: Home) -> None:
    file = home.have("claude-desktop")
    assert home.install().status == 0
    assert file.exists()
    assert home.uninstall().status == 0
    assert list(file.parent.iterdir()) == []


def test_nobody_to_ask(home: Home) -> None:
    file = home.have("cursor", "{}")
    for arguments, variables in [(("install",), {}), (("install",), {"ROTOR_API_KEY": KEY})]:
        ended = home.run(*arguments, **variables)
        assert (ended.status, ended.err) == (
            1,
            "Nothing was written: there is nobody to ask. Add --yes to write without asking.\n",
        )
        assert "+ " in ended.out
    assert file.read_text() == "{}"
    home.install()
    written = file.read_text()
    ended = home.run("uninstall")
    assert (ended.status, file.read_text()) == (1, written)
    assert "- " in ended.out


def test_no_key(home: Home) -> None:
    home.have("cursor", "{}")
    ended = home.run("install", "--yes")
    assert (ended.status, ended.err.splitlines()[-1]) == (
        2,
        "Error: there is no API key. Set ROTOR_API_KEY, or run this in a terminal, where it is asked for; "
        "with --sandbox none is needed",
    )


def test_vscode_needs_no_key(home: Home) -> None:
    file = home.have("vscode")
    assert home.run("install", "--yes").status == 0
    assert '"ROTOR_API_KEY": "${input:rotor_key}"' in file.read_text()


@pytest.mark.parametrize(
    ("key", "words"),
    [("rotor_a b", "holds a space"), ("${ROTOR_API_KEY}", "holds the name of a variable")],
)
def test_a_key_that_cannot_be_sent(key: str, words: str, home: Home) -> None:
    file = home.have("cursor", "{}")
    ended = home.install(ROTOR_API_KEY=key)
    assert (ended.status, file.read_text()) == (2, "{}")
    assert f"ROTOR_API_KEY {words}" in ended.err


def test_a_key_of_another_product(home: Home) -> None:
    home.have("cursor", "{}")
    ended = home.install(ROTOR_API_KEY="sk-123456789")
    assert ended.status == 0
    assert ended.err.startswith("Warning: ROTOR_API_KEY looks like another product's key")
    assert "123456789" not in ended.out + ended.err


def test_the_settings_go_along(home: Home) -> None:
    file = home.have("cursor", "{}")
    ended = home.install("--timezone", "America/Chicago", "--read-only", ROTOR_MCP_PHONE_REGION="CA")
    assert ended.status == 0
    for variable in (
        '"ROTOR_MCP_TIMEZONE": "America/Chicago"',
        '"ROTOR_MCP_READ_ONLY": "true"',
        '_REGION": "CA"',
    ):
        assert variable in file.read_text()
    assert home.install().status == 0
    assert "ROTOR_MCP" not in file.read_text()
    ended = home.install("--timezone", "Mars")
    assert (ended.status, "--timezone: must be" in ended.err) == (2, True)


def test_the_sandbox(home: Home) -> None:
    file = home.have("vscode")
    home.have("codex")
    assert home.install("--sandbox", "vscode", "codex").status == 0
    for text in (file.read_text(), home.file("codex").read_text()):
        assert '"--sandbox"' in text
        assert "ROTOR_API_KEY" not in text


def test_another_name(home: Home) -> None:
    file = home.have("cursor", "{}")
    assert home.install("--name", "crm").status == 0
    assert '"crm": {' in file.read_text()
    assert "there is no rotor" in home.uninstall("--name", "rotor").out
    assert home.uninstall().status == 0
    assert file.read_text() == "{}"
    assert home.install("--name", "a b").status == 2


def test_a_client_that_is_not_there(home: Home) -> None:
    cursor = home.have("cursor", "{}")
    ended = home.install("cursor", "windsurf")
    assert ended.status == 1
    assert "Windsurf: not found, for there is no" in ended.err
    assert "rotor" in cursor.read_text()
    assert not home.file("windsurf").parent.exists()
    assert home.uninstall("cursor", "windsurf").status == 0


def test_no_client_at_all(home: Home) -> None:
    ended = home.install()
    assert ended.status == 1
    assert ended.out.startswith(
        "Found: none of Claude Desktop, Claude Code, Codex and ChatGPT desktop, Cursor,"
    )
    assert list(home.path.iterdir()) == []


def test_a_client_that_does_not_exist(home: Home) -> None:
    ended = home.install("emacs")
    assert (ended.status, "'emacs' is not one of 'claude-desktop'" in ended.err) == (2, True)


def test_one_that_is_broken_stops_no_other(home: Home) -> None:
    broken = home.have("cursor", '{"mcpServers": ')
    home.have("windsurf", "{}")
    ended = home.install()
    assert ended.status == 1
    assert "Cursor cannot read it (line 1, column 16: there should be a value)" in ended.err
    assert (broken.read_text(), backups(broken)) == ('{"mcpServers": ', [])
    assert "rotor" in home.file("windsurf").read_text()


def test_print_touches_nothing(home: Home) -> None:
    home.have("vscode")
    home.have("codex", TEXTS["codex"])
    ended = home.run("install", "--print", "--timezone", "UTC")
    assert (ended.status, ended.err) == (0, "")
    assert shown(home, ended.out) == snapshot("""\
Codex and ChatGPT desktop, ~/.codex/config.toml
[mcp_servers.rotor]
command = <how it starts>

[mcp_servers.rotor.env]
ROTOR_API_KEY = "«API key»"
ROTOR_MCP_TIMEZONE = "UTC"

VS Code, ~/.config/Code/User/mcp.json
{
  "servers": {
    "rotor": {
      "type": "stdio",
      "command": <how it starts>,
      "env": {
        "ROTOR_API_KEY": "${input:rotor_key}",
        "ROTOR_MCP_TIMEZONE": "UTC"
      }
    }
  },
  "inputs": [
    {
      "type": "promptString",
      "id": "rotor_key",
      "description": "Rotor API key",
      "password": true
    }
  ]
}

""")
    assert not home.file("vscode").exists()
    assert home.file("codex").read_text() == TEXTS["codex"]


def test_print_needs_no_client(home: Home) -> None:
    assert home.run("install", "--print").out.count("rotor_key") == 2 * 2
    assert home.run("install", "--print", "gemini").out.count('"command"') == 1
    assert list(home.path.iterdir()) == []


@posix
def test_links_and_permissions_stay(home: Home) -> None:
    file = home.have("cursor")
    real = home.path / "dotfiles.json"
    real.write_text("{}")
    real.chmod(0o640)
    file.symlink_to(real)
    ended = home.install()
    assert ended.status == 0
    assert "Other users of this machine cannot read the file any more" in ended.out
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert "rotor" in real.read_text()
    assert [stat.S_IMODE(backup.stat().st_mode) for backup in file.parent.glob("*.bak")] == [0o600]
    real.chmod(0o400)
    ended = home.install("--timezone", "UTC")
    assert "Other users" not in ended.out
    assert stat.S_IMODE(real.stat().st_mode) == 0o400


@posix
def test_a_file_without_a_secret_keeps_its_permissions(home: Home) -> None:
    file = home.have("cursor", "{}")
    file.chmod(0o644)
    assert "Other users" not in home.install("--sandbox").out
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [stat.S_IMODE(backup.stat().st_mode) for backup in file.parent.glob("*.bak")] == [0o600]


@posix
def test_a_new_file_is_private(home: Home) -> None:
    file = home.have("cursor")
    ended = home.install()
    assert "Other users" not in ended.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["kiro", "cline"])
def test_a_new_file_in_directories_that_are_not_there(name: str, home: Home) -> None:
    file = home.have(name)
    assert not file.parent.exists()
    assert home.install().status == 0
    assert KEY in file.read_text()


def test_no_backup_makes_room_for_another(home: Home) -> None:
    file = home.have("cursor", "{}")
    texts = [b"{}"]
    for zone in ("UTC", "America/Chicago", "America/Denver", "Europe/Vienna"):
        home.install("--timezone", zone)
        texts.append(file.read_bytes())
    assert sorted(backups(file)) == sorted(texts[:-1])
    assert home.uninstall().status == 0
    assert file.read_text() == "{}"


@posix
def test_a_file_that_cannot_be_written(home: Home) -> None:
    file = home.have("cursor")
    file.symlink_to(home.path / "not there" / "mcp.json")
    home.have("windsurf", "{}")
    ended = home.install()
    assert ended.status == 1
    assert f"Cursor, {file}: it cannot be written: No such file or directory. It is as it was." in ended.err
    assert "Windsurf: done." in ended.out


def test_a_directory_in_the_place_of_the_file(home: Home) -> None:
    home.have("cursor").mkdir()
    ended = home.install()
    assert (ended.status, "it cannot be read: " in ended.err) == (1, True)


def test_a_place_that_may_vanish(home: Home, tmp_path: Path) -> None:
    home.have("cursor", "{}")
    cached = tmp_path / ".cache" / "uv" / "archive-v0" / "x" / "bin"
    cached.mkdir(parents=True)
    python = cached / "python"
    python.symlink_to(sys.executable)
    ended = subprocess.run(
        [python, "-m", "rotor_mcp", "install", "--yes", "--sandbox"],
        env=home.variables(PYTHONPATH=os.pathsep.join(path for path in sys.path if path)),
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 0
    assert "Better install it to stay, with `uv tool install` or `pipx install`" in ended.stderr


class Terminal:
    """Somebody at a terminal, who runs a command."""

    def __init__(self, home: Home, *arguments: str) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rotor_mcp", *arguments],
            env=home.variables(),
            cwd=home.path,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.said = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def until(self, words: str) -> None:
        """Read what is printed up to some words, and no further."""
        said = b""
        while not said.endswith(words.encode()):
            ready, _, _ = select.select([self._ours], [], [], 20)
            assert ready, f"{words} did not come after {said.decode()}"
            said += os.read(self._ours, 1)
        self.said += said.decode()

    def answer(self, words: str, answer: str) -> None:
        self.until(words)
        os.write(self._ours, f"{answer}\n".encode())

    def ended(self) -> int:
        """The status of the command, when all that it printed was read."""
        with suppress(OSError):
            while text := os.read(self._ours, 1000):
                self.said += text.decode()
        return self._process.wait(timeout=20)


@posix
@pytest.mark.parametrize("answer", ["y", "n"])
def test_somebody_at_a_terminal(answer: str, home: Home) -> None:
    file = home.have("cursor", "{}")
    with Terminal(home, "install") as terminal:
        terminal.answer("Rotor API key: ", "rotor_a b")
        terminal.until("What you entered holds a space, a line break or another character that no key has.")
        terminal.answer("Rotor API key: ", "sk-123456789")
        terminal.until("What you entered looks like another product's key")
        terminal.answer("Rotor API key: ", KEY)
        terminal.answer("Test this key now? It costs 1 request of Rotor's 1,000 a day. [Y/n]: ", "n")
        terminal.answer("Write this? [y/N]: ", answer)
        status = terminal.ended()
    last = terminal.said.splitlines()[-1]
    assert "s3cr3tpart" not in terminal.said
    assert (status, KEY in file.read_text(), last) == (
        (0, True, "Then say to the assistant, for example: Who is overdue for a follow-up?")
        if answer == "y"
        else (1, False, "Nothing was written.")
    )


@posix
def test_a_key_of_another_form_is_taken_if_it_is_entered_twice(home: Home) -> None:
    file = home.have("cursor", "{}")
    with Terminal(home, "install") as terminal:
        terminal.answer("Rotor API key: ", "sk-123456789")
        terminal.until("Try again, or enter the same once more to use it.")
        terminal.answer("Rotor API key: ", "sk-123456789")
        terminal.answer("[Y/n]: ", "n")
        terminal.answer("Write this? [y/N]: ", "y")
        status = terminal.ended()
    assert (status, "sk-123456789" in file.read_text(), "sk-123456789" in terminal.said) == (0, True, False)


@posix
@pytest.mark.anyio
async def test_a_key_is_tested_before_it_is_written(home: Home) -> None:
    file = home.have("cursor", "{}")

    def install(url: str) -> tuple[int, str]:
        with Terminal(home, "install", "--base-url", url) as terminal:
            terminal.answer("Rotor API key: ", KEY)
            terminal.answer("[Y/n]: ", "")
            terminal.answer("Use this key all the same? [y/N]: ", "")
            terminal.answer("Rotor API key: ", FULL_KEY)
            terminal.answer("[Y/n]: ", "y")
            terminal.answer("Write this? [y/N]: ", "y")
            return terminal.ended(), terminal.said

    with closing(Sandbox()) as sandbox:
        async with serving(sandbox) as url:
            status, said = await anyio.to_thread.run_sync(install, url)
    lines = [line for line in said.splitlines() if line.startswith(("access", "clock"))]
    assert (status, lines) == snapshot(
        (
            0,
            [
                "access: Rotor does not accept this key (401). 1 request spent.",
                "access: Rotor accepts the key, with the scopes: leads:read, leads:write. 1 request spent.",
                "clock: as Rotor's",
            ],
        )
    )
    assert FULL_KEY in file.read_text()


@posix
def test_the_key_of_another_client_is_proposed(home: Home) -> None:
    home.have("cursor", "{}")
    home.have("kiro", "{}")
    assert home.install("cursor").status == 0
    with Terminal(home, "install") as terminal:
        terminal.answer("Connect which? Enter for all, or names: cursor kiro: ", "emacs")
        terminal.until("emacs is none of these names. Try again.")
        terminal.answer("names: cursor kiro: ", "kiro")
        terminal.answer("An API key is in Cursor's configuration. Use it? [Y/n]: ", "")
        terminal.answer("Write this? [y/N]: ", "y")
        status = terminal.ended()
    assert (status, KEY in home.file("kiro").read_text(), KEY in terminal.said) == (0, True, False)


@posix
def test_a_file_that_changes_while_somebody_thinks(home: Home) -> None:
    file = home.have("cursor", "{}")
    with Terminal(home, "install", "--sandbox") as terminal:
        terminal.until("Write this? [y/N]: ")
        file.write_text('{"mcpServers": {}}')
        terminal.answer("", "y")
        terminal.until("it was changed by somebody else meanwhile, and was left as it is. Try again.")
        status = terminal.ended()
    assert (status, file.read_text(), backups(file)) == (1, '{"mcpServers": {}}', [])


def test_the_key_of_another_client_is_used_where_nobody_can_be_asked(home: Home) -> None:
    home.have("goose", TEXTS["goose"])
    home.have("kiro", "{}")
    assert home.install("goose").status == 0
    ended = home.run("install", "--yes", "kiro")
    assert (ended.status, ended.err) == (0, "")
    assert "The API key is the one that is in Goose's configuration.\n" in ended.out
    assert KEY in home.file("kiro").read_text()


def test_a_key_for_another_address_is_not_used(home: Home) -> None:
    home.have("cursor", "{}")
    assert home.install("--base-url", "https://rotor.example.com").status == 0
    home.have("kiro", "{}")
    ended = home.run("install", "--yes", "kiro")
    assert (ended.status, "there is no API key" in ended.err) == (2, True)
    assert home.run("install", "--yes", "kiro", "--base-url", "https://rotor.example.com").status == 0


URL = "https://mcp.acme.com/mcp"


def test_a_remote_server(home: Home) -> None:
    for client in ("claude-desktop", "cursor", "codex"):
        home.have(client)
    home.have("vscode", TEXTS["vscode"])
    home.have("antigravity", TEXTS["antigravity"])
    ended = home.run("install", "--yes", "--http", URL, ROTOR_MCP_TOKEN="t0ken-secret")
    assert (ended.status, ended.err) == (0, "")
    assert "t0ken-secret" not in ended.out
    assert shown(home, ended.out) == snapshot("""\
Found: Claude Desktop, Codex and ChatGPT desktop, Cursor, VS Code, Antigravity.
Codex and ChatGPT desktop, ~/.codex/config.toml (a new file)
  in mcp_servers:
  + [mcp_servers.rotor]
  + url = "https://mcp.acme.com/mcp"
  + \n\
  + [mcp_servers.rotor.http_headers]
  + Authorization = "Bearer «access token»"
Cursor, ~/.cursor/mcp.json (a new file)
  in mcpServers:
  + "rotor": {
  +   "url": "https://mcp.acme.com/mcp",
  +   "headers": {
  +     "Authorization": "Bearer «access token»"
  +   }
  + }
VS Code, ~/.config/Code/User/mcp.json
  in servers:
  + "rotor": {
  +   "type": "http",
  +   "url": "https://mcp.acme.com/mcp",
  +   "headers": {
  +     "Authorization": "Bearer ${input:rotor_token}"
  +   }
  + }
    It asks for this when it starts the server, and keeps it in its own store.
Antigravity, ~/.gemini/config/mcp_config.json
  in mcpServers:
  + "rotor": {
  +   "serverUrl": "https://mcp.acme.com/mcp",
  +   "headers": {
  +     "Authorization": "Bearer «access token»"
  +   }
  + }
Codex and ChatGPT desktop: done. Start a new session of Codex; quit ChatGPT desktop and start it again.
Cursor: done. Switch the server on in Cursor's settings under MCP, or start Cursor again.
VS Code: done. The file as it was is kept beside it as mcp.json.<time>.bak. Start the server with the command MCP: List Servers.
Antigravity: done. The file as it was is kept beside it as mcp_config.json.<time>.bak. Other users of this machine cannot read the file any more, because it holds a secret. Press Refresh in Antigravity under Manage MCP servers.
Claude Desktop: Add it in Settings → Connectors as a custom connector: this client connects to remote servers from there alone: https://mcp.acme.com/mcp
Then say to the assistant, for example: Who is overdue for a follow-up?
""")
    assert "t0ken-secret" in home.file("cursor").read_text()
    assert "t0ken-secret" not in home.file("vscode").read_text()
    assert (
        "connected just so" in home.run("install", "--yes", "--http", URL, ROTOR_MCP_TOKEN="t0ken-secret").out
    )
    ended = home.uninstall()
    assert (ended.status, "it is not connected" in ended.out) == (0, True)
    assert home.uninstall("--http", URL).status == 0
    assert home.file("antigravity").read_text() == TEXTS["antigravity"]
    assert home.file("vscode").read_text() == TEXTS["vscode"]
    assert not home.file("cursor").exists()


def test_a_remote_server_without_a_token(home: Home) -> None:
    home.have("claude-desktop")
    file = home.have("cursor")
    assert home.run("install", "--yes", "--http", URL).status == 0
    assert json.loads(file.read_text()) == {"mcpServers": {"rotor": {"url": URL}}}
    ended = home.run("install", "--yes", "--http", URL, "claude-desktop")
    assert (ended.status, ended.err) == (1, "")
    assert "Add it in Settings → Connectors as a custom connector" in ended.out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--http", "mcp.acme.com"], "--http: must be an address such as https://mcp.acme.com/mcp"),
        (["--http", "https://[x/mcp"], "--http: must be an address"),
        (["--http", "https://ann:pw@mcp.acme.com/mcp"], "--http: must hold no user name, password, query"),
        (["--http", "http://mcp.acme.com/mcp"], "--http: must begin with https"),
        (["--http", URL, "--sandbox"], "leave --sandbox out"),
        (["--http", URL, "--timezone", "UTC"], "leave --timezone out"),
        (["--sandbox", "--keychain"], "give one of them"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], why: str, home: Home) -> None:
    file = home.have("cursor", "{}")
    ended = home.install(*arguments)
    assert (ended.status, why in ended.err) == (2, True)
    assert file.read_text() == "{}"


def test_a_token_that_cannot_be_sent(home: Home) -> None:
    home.have("cursor", "{}")
    ended = home.run("install", "--yes", "--http", URL, ROTOR_MCP_TOKEN="a b")
    assert (ended.status, ended.err.splitlines()[-1]) == (
        2,
        "Error: ROTOR_MCP_TOKEN holds a space, a line break or a character no token has.",
    )


def test_a_client_without_a_file(home: Home) -> None:
    ended = home.install("jetbrains")
    assert (ended.status, ended.err) == (1, "")
    assert shown(home, ended.out) == snapshot("""\
Found: none of Claude Desktop, Claude Code, Codex and ChatGPT desktop, Cursor, VS Code, VS Code Insiders, Copilot CLI, Devin Desktop, Windsurf, Gemini CLI, Antigravity, Kiro, LM Studio, Zed, opencode, Cline, Goose, JetBrains Junie, JetBrains AI Assistant, Warp.
JetBrains AI Assistant: Paste this in Settings → Tools → AI Assistant → Model Context Protocol (MCP), and press Apply.
{
  "mcpServers": {
    "rotor": {
      "command": <how it starts>
    }
  }
}

""")


def test_rotor_has_a_server_of_its_own_there(home: Home) -> None:
    own = '{"mcpServers": {"rotor": {"url": "https://mcp.getrotor.com/mcp"}}}'
    file = home.have("cursor", own)
    ended = home.install()
    assert (ended.status, ended.err) == (0, "")
    assert (
        f"Cursor, {file}: rotor is the name of Rotor's own server there; this server is called rotor-leads."
        in ended.out
    )
    assert list(json.loads(file.read_text())["mcpServers"]) == ["rotor", "rotor-leads"]
    assert "connected just so" in home.install().out
    assert home.install("--name", "rotor").status == 1
    assert home.uninstall().status == 0
    assert file.read_text() == own


def test_rotor_has_a_plugin_there(home: Home) -> None:
    home.have("claude-code", TEXTS["claude-code"])
    settings = home.path / ".claude" / "settings.json"
    settings.write_text('{"enabledPlugins": {"rotor@getrotor": true, "other@x": true}}')
    assert "rotor is the name of the plugin rotor@getrotor there" in home.install().out
    assert '"rotor-leads"' in home.file("claude-code").read_text()
    assert home.uninstall().status == 0
    settings.write_text('{"enabledPlugins": {"rotor@getrotor": false}}')
    assert "this server is called" not in home.install().out
    settings.write_text('{"enabledPlugins": {"rotor-mcp@rotor-mcp": true}}')
    assert "the plugin rotor-mcp@rotor-mcp brings this server, too. Remove one of both" in home.install().err
    for text in ("[]", '{"enabledPlugins": []}', "{", '{"enabledPlugins": {"rotor": 1}}'):
        settings.write_text(text)
        assert home.install().status == 0


def test_entries_of_projects_go_too(home: Home) -> None:
    """What `claude mcp add` writes for one project, or for all who work in one."""
    entry = {"type": "stdio", "command": "/opt/rotor-mcp", "args": ["serve"]}
    project = home.path / "work" / "site"
    (project / "src").mkdir(parents=True)
    value = {
        "mcpServers": {"rotor": entry},
        "projects": {
            str(project): {"mcpServers": {"rotor": entry, "other": {"command": "x"}}},
            "/elsewhere": {"mcpServers": {"rotor": entry}},
        },
    }
    file = home.have("claude-code", json.dumps(value))
    shared = project / ".mcp.json"
    shared.write_text(json.dumps({"mcpServers": {"acme": entry}}))
    ended = home.run_in(project / "src", "check", "--sandbox")
    assert f"rotor in {file}, project {project} starts /opt/rotor-mcp serve" in ended.out
    assert f"acme in {shared} starts /opt/rotor-mcp serve" in ended.out
    assert home.run_in(project / "src", "uninstall", "--yes").status == 0
    assert json.loads(file.read_text()) == {
        "mcpServers": {},
        "projects": {
            str(project): {"mcpServers": {"other": {"command": "x"}}},
            "/elsewhere": {"mcpServers": {}},
        },
    }
    assert json.loads(shared.read_text()) == {"mcpServers": {}}
