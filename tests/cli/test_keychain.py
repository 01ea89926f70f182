"""The API key in a keychain: put there by `install`, read by the server, taken out by `uninstall`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from rotor_mcp.extras import install_hint
from rotor_mcp.sandbox import FULL_KEY
from tests.commands import ROOT
from tests.conftest import sandbox_url
from tests.homes import KEY, KEYRING, Home


@pytest.fixture
def kept(home: Home) -> Home:
    return Home(home.path, {"PYTHON_KEYRING_BACKEND": KEYRING})


def keychain(home: Home) -> dict[str, str]:
    file = home.path / "keychain.json"
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return kept


def server(file: Path) -> dict[str, object]:
    entry: dict[str, object] = json.loads(file.read_text())["mcpServers"]["rotor"]
    return entry


def test_the_key_is_in_no_file(kept: Home) -> None:
    file = kept.have("cursor", "{}")
    ended = kept.install("--keychain")
    assert (ended.status, ended.err) == (0, "")
    assert "The API key is in this system's keychain." in ended.out
    assert server(file)["env"] == {"ROTOR_MCP_KEYCHAIN": "true", "PYTHON_KEYRING_BACKEND": KEYRING}
    assert keychain(kept) == {"rotor-mcp/Rotor API key": KEY}
    again = kept.run("install", "--yes", "--keychain")
    assert (again.status, "nothing to do" in again.out) == (0, True)


def test_another_key_takes_its_place(kept: Home) -> None:
    kept.have("cursor", "{}")
    kept.install("--keychain")
    assert kept.install("--keychain", ROTOR_API_KEY="rotor_b_another1").status == 0
    assert keychain(kept) == {"rotor-mcp/Rotor API key": "rotor_b_another1"}


def test_it_leaves_the_file_for_the_keychain(kept: Home) -> None:
    file = kept.have("vscode")
    cursor = kept.have("cursor", "{}")
    kept.install()
    ended = kept.install("--keychain")
    assert "That copy holds the secret: delete it when all is well." in ended.out
    assert "ROTOR_API_KEY" not in cursor.read_text() + json.dumps(json.loads(file.read_text())["servers"])


def test_it_is_taken_out_only_if_asked(kept: Home) -> None:
    kept.have("cursor", "{}")
    kept.install("--keychain")
    assert kept.uninstall().status == 0
    assert keychain(kept) != {}
    assert "The API key is out of the keychain." in kept.uninstall("--keychain").out
    assert keychain(kept) == {}
    assert "There was no API key in the keychain." in kept.uninstall("--keychain").out


def test_nothing_is_kept_if_nobody_agrees(kept: Home) -> None:
    file = kept.have("cursor", "{}")
    assert kept.run("install", "--keychain", ROTOR_API_KEY=KEY).status == 1
    assert (file.read_text(), keychain(kept)) == ("{}", {})
    kept.install("--keychain")
    kept.run("install", "--keychain", ROTOR_API_KEY="rotor_b_another1")
    assert keychain(kept) == {"rotor-mcp/Rotor API key": KEY}


def test_a_system_without_a_keychain(home: Home) -> None:
    file = home.have("cursor", "{}")
    ended = home.install("--keychain", PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    assert (ended.status, file.read_text()) == (1, "{}")
    assert "Error: this system's keychain cannot be used (NoKeyringError)" in ended.err


def test_without_the_library(home: Home, tmp_path: Path) -> None:
    (tmp_path / "keyring.py").write_text("raise ImportError")
    file = home.have("cursor", "{}")
    ended = home.install("--keychain", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert (ended.status, file.read_text()) == (1, "{}")
    assert f"the keychain needs another package: {install_hint('keychain')}." in ended.err
    ended = home.run("check", PYTHONPATH=f"{tmp_path}:{ROOT}", ROTOR_MCP_KEYCHAIN="true")
    assert "ROTOR_MCP_KEYCHAIN is set, but the keychain needs another package" in ended.out


def test_a_keychain_without_a_key(kept: Home) -> None:
    ended = kept.run("check", ROTOR_MCP_KEYCHAIN="true")
    assert ended.status == 1
    assert "FAIL key: ROTOR_MCP_KEYCHAIN is set, but there is no key for it there." in ended.out


def test_with_the_sandbox_it_makes_no_sense(home: Home) -> None:
    assert home.install("--keychain", "--sandbox").status == 2


def test_who_does_not_use_it_does_not_load_it() -> None:
    code = (
        "import sys; from rotor_mcp.server.backend import load_settings\n"
        "load_settings({}); load_settings({'api_key': 'rotor_a_b', 'keychain': 'true'})\n"
        "sys.exit(any(name in sys.modules for name in ('keyring', 'rotor_mcp.keychain')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


@pytest.mark.anyio
async def test_the_server_reads_it(kept: Home) -> None:
    file = kept.have("cursor", "{}")
    async with sandbox_url() as url:
        assert kept.install("--keychain", "--base-url", url, ROTOR_API_KEY=FULL_KEY).status == 0
        assert FULL_KEY not in file.read_text()
        entry = StdioServerParameters.model_validate(server(file))
        # What a client adds to the variables of the entry: hardly anything.
        entry.env = {**(entry.env or {}), "HOME": str(kept.path), "PYTHONPATH": str(ROOT)}
        async with Client(entry) as client:
            found = await client.call_tool("search_leads", {"limit": 1})
    assert not found.is_error
