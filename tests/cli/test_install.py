"""`rotor-mcp install` and `rotor-mcp uninstall`, as processes in a home directory of their own."""

import os
import re
import select
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from rotor_mcp.installer.catalog import CLIENTS
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
Found: Cursor, Codex.
Cursor, ~/.cursor/mcp.json
  in mcpServers:
  + "rotor": {
  +   "command": <how it starts>,
  +   "env": {
  +     "ROTOR_API_KEY": "«API key»",
  +     "ROTOR_MCP_TIMEZONE": "America/Chicago"
  +   }
  + }
Codex, ~/.codex/config.toml (a new file)
  in mcp_servers:
  + [mcp_servers.rotor]
  + command = <how it starts>
  + \n\
  + [mcp_servers.rotor.env]
  + ROTOR_API_KEY = "«API key»"
  + ROTOR_MCP_TIMEZONE = "America/Chicago"
Cursor: done. The file as it was is kept beside it as mcp.json.<time>.bak. Switch the server on in Cursor's settings under MCP, or start Cursor again.
Codex: done. Start a new session of Codex.
""")
    ended = home.install(ROTOR_MCP_TIMEZONE="America/Chicago")
    assert (ended.status, shown(home, ended.out), ended.err) == snapshot(
        (
            0,
            """\
Found: Cursor, Codex.
Cursor, ~/.cursor/mcp.json: nothing to do, it is connected just so.
Codex, ~/.codex/config.toml: nothing to do, it is connected just so.
""",
            "",
        )
    )
    ended = home.uninstall()
    assert (ended.status, ended.err) == (0, "")
    assert shown(home, ended.out) == snapshot("""\
Found: Cursor, Codex.
Cursor, ~/.cursor/mcp.json
  in mcpServers:
  - "rotor": {
  -   "command": <how it starts>,
  -   "env": {
  -     "ROTOR_API_KEY": "«API key»",
  -     "ROTOR_MCP_TIMEZONE": "America/Chicago"
  -   }
  - }
Codex, ~/.codex/config.toml
  in mcp_servers:
  - [mcp_servers.rotor]
  - command = <how it starts>
  - \n\
  - [mcp_servers.rotor.env]
  - ROTOR_API_KEY = "«API key»"
  - ROTOR_MCP_TIMEZONE = "America/Chicago"
Cursor: done. The file as it was is kept beside it as mcp.json.<time>.bak. That copy holds the API key: delete it when all is well. The server is gone when Cursor is started again.
Codex: done. The server is gone when Codex is started again.
""")
    assert shown(home, home.uninstall("cursor").out) == snapshot("""\
Found: Cursor.
Cursor, ~/.cursor/mcp.json: nothing to do, there is no rotor.
""")


@pytest.mark.parametrize("name", TEXTS)
def test_a_client_is_connected_and_let_go(name: str, home: Home) -> None:
    file = home.have(name, TEXTS[name])
    ended = home.install(name)
    assert (ended.status, ended.err) == (0, "")
    assert (KEY in file.read_text()) == (not CLIENTS[name].asks_for_key)
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
    assert "there is no rotor" in home.uninstall().out
    assert home.uninstall("--name", "crm").status == 0
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
    assert ended.out.startswith("Found: none of Claude Desktop, Claude Code, Cursor,")
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

Codex, ~/.codex/config.toml
[mcp_servers.rotor]
command = <how it starts>

[mcp_servers.rotor.env]
ROTOR_API_KEY = "«API key»"
ROTOR_MCP_TIMEZONE = "UTC"

""")
    assert not home.file("vscode").exists()
    assert home.file("codex").read_text() == TEXTS["codex"]


def test_print_needs_no_client(home: Home) -> None:
    assert home.run("install", "--print").out.count('"command"') == 7
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
    assert "Others who use this machine can read the key there" in ended.out
    assert file.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "rotor" in real.read_text()
    assert [stat.S_IMODE(backup.stat().st_mode) for backup in file.parent.glob("*.bak")] == [0o640]
    real.chmod(0o600)
    assert "Others who use" not in home.install("--timezone", "UTC").out


@posix
def test_a_new_file_is_private(home: Home) -> None:
    file = home.have("cursor")
    ended = home.install()
    assert "Others who use" not in ended.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


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
    assert "Better install it to stay, with `uv tool install rotor-mcp`" in ended.stderr


@posix
@pytest.mark.parametrize("answer", ["y", "n"])
def test_somebody_at_a_terminal(answer: str, home: Home) -> None:
    import pty

    file = home.have("cursor", "{}")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "rotor_mcp", "install"],
        env=home.variables(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        said = until(ours, "Rotor API key:")
        os.write(ours, b"rotor_a b\n")
        said += until(ours, "Try again.") + until(ours, "Rotor API key:")
        os.write(ours, f"{KEY}\n".encode())
        said += until(ours, "Write this? [y/N]:")
        os.write(ours, f"{answer}\n".encode())
        said += until(ours, "done." if answer == "y" else "Nothing was written.")
        status = process.wait(timeout=20)
    os.close(ours)
    assert "What you entered holds a space" in said
    assert "s3cr3tpart" not in said
    assert (status, KEY in file.read_text()) == ((0, True) if answer == "y" else (1, False))


@posix
def test_a_file_that_changes_while_somebody_thinks(home: Home) -> None:
    import pty

    file = home.have("cursor", "{}")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "rotor_mcp", "install", "--sandbox"],
        env=home.variables(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        until(ours, "Write this? [y/N]:")
        file.write_text('{"mcpServers": {}}')
        os.write(ours, b"y\n")
        until(ours, "it was changed by somebody else meanwhile, and was left as it is. Try again.")
        status = process.wait(timeout=20)
    os.close(ours)
    assert (status, file.read_text(), backups(file)) == (1, '{"mcpServers": {}}', [])


def until(terminal: int, words: str) -> str:
    """Read what is printed up to some words, and no further."""
    said = b""
    while not said.endswith(words.encode()):
        ready, _, _ = select.select([terminal], [], [], 20)
        assert ready, f"{words} did not come after {said.decode()}"
        said += os.read(terminal, 1)
    return said.decode()
