"""What an entry changes in a file, and that it goes as it came."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotor_mcp.installer import backups
from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.changes import ConfigChange, plan_install, plan_removal
from rotor_mcp.installer.entry import LaunchCommand, build_entry, merge_server
from rotor_mcp.installer.errors import CannotEdit
from tests.installer.samples import TEXTS
from tests.installer.test_jsonc_edit import documents

LAUNCH = LaunchCommand("/opt/bin/rotor-mcp", ("serve",))
VARIABLES = {"ROTOR_API_KEY": "rotor_a_secretpart", "ROTOR_MCP_TIMEZONE": "UTC"}


def install(name: str, file: Path, **more: str) -> ConfigChange | None:
    """Put an entry in as the command does, and keep what was there."""
    client = CLIENTS[name]
    change = plan_install(client, file, build_entry(client, "rotor", LAUNCH, VARIABLES | more))
    if change and change.before is not None:
        backups.create_backup(file, change.before)
    if change:
        file.write_bytes(change.after or b"")
    return change


def removed(name: str, file: Path) -> bytes | None:
    change = plan_removal(CLIENTS[name], file, "rotor")
    assert change is not None
    return change.after


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("form", ["plain", "crlf", "mark", "empty", "missing"])
def test_it_comes_and_goes(name: str, form: str, tmp_path: Path) -> None:
    text = TEXTS[name].encode()
    before = {
        "plain": text,
        "crlf": text.replace(b"\n", b"\r\n"),
        "mark": b"\xef\xbb\xbf" + text,
        "empty": b"",
        "missing": None,
    }[form]
    file = tmp_path / "configuration"
    if before is not None:
        file.write_bytes(before)
    assert install(name, file) is not None
    after = file.read_bytes()
    form_of = CLIENTS[name].syntax
    section = CLIENTS[name].section
    assert form_of.read(after.decode("utf-8-sig"))[section]["rotor"]["command"] == "/opt/bin/rotor-mcp"
    assert after.count(b"\r\n") == (after.count(b"\n") if form == "crlf" and b"\n" in text else 0)
    assert install(name, file) is None
    assert removed(name, file) == before


@given(documents())
def test_any_text_is_given_back(
    tmp_path_factory: pytest.TempPathFactory, document: tuple[object, str]
) -> None:
    value, text = document
    assert isinstance(value, dict)
    servers = value.get("mcpServers", {})
    assume(isinstance(servers, dict) and "rotor" not in servers)
    file = tmp_path_factory.mktemp("cursor") / "mcp.json"
    before = text.encode()
    file.write_bytes(before)
    assert install("cursor", file) is not None
    install("cursor", file, ROTOR_MCP_TIMEZONE="America/Chicago")
    assert removed("cursor", file) == before


def test_what_came_in_the_meantime_stays(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("{}\n")
    install("gemini", file)
    file.write_text(file.read_text().replace('"mcpServers"', '"theme": "Ayu", // new\n  "mcpServers"'))
    assert removed("gemini", file) == b'{\n  "theme": "Ayu", // new\n  "mcpServers": {}\n}\n'


@pytest.mark.parametrize("name", TEXTS)
def test_a_byte_order_mark_is_not_written_again(name: str, tmp_path: Path) -> None:
    file = tmp_path / "configuration"
    before = b"\xef\xbb\xbf" + TEXTS[name].encode()
    file.write_bytes(before)
    change = install(name, file)
    assert change is not None
    assert change.preview[-1] == "  The byte order mark at the start goes: not every client can read it."
    assert not file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert CLIENTS[name].syntax.read(file.read_bytes().decode())[CLIENTS[name].section]["rotor"]
    assert removed(name, file) == before


def test_a_byte_order_mark_goes_even_if_the_entry_is_there_just_so(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    install("gemini", file)
    written = file.read_bytes()
    file.write_bytes(b"\xef\xbb\xbf" + written)
    change = install("gemini", file)
    assert change is not None
    assert [line for line in change.preview if line[0] in "+-"] == []
    assert file.read_bytes() == written
    assert install("gemini", file) is None


def test_an_editor_that_added_a_byte_order_mark_does_not_keep_the_file_from_going(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    install("gemini", file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert removed("gemini", file) is None


def test_a_prompt_of_vscode_that_others_use_stays(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(TEXTS["vscode"])
    install("vscode", file)
    file.write_text(file.read_text().replace("@playwright/mcp@latest", "${input:rotor_key}"))
    after = json.loads((removed("vscode", file) or b"").replace(b"// the company's", b""))
    assert [item["id"] for item in after["inputs"]] == ["other", "rotor_key"]
    assert list(after["servers"]) == ["playwright"]


def test_a_prompt_of_vscode_that_nobody_else_uses_goes(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(TEXTS["vscode"])
    install("vscode", file)
    file.write_text(file.read_text() + "// mine\n")
    assert removed("vscode", file) == (TEXTS["vscode"] + "// mine\n").encode()


def test_another_server_of_that_name_is_left(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    text = '{"mcpServers": {"rotor": {"url": "https://mcp.getrotor.com"}}}'
    file.write_text(text)
    with pytest.raises(CannotEdit, match="another server is called rotor there"):
        install("cursor", file)
    with pytest.raises(CannotEdit, match="is not this one, and was left as it is"):
        removed("cursor", file)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("claude-desktop", b"{", r"Claude Desktop cannot read it \(line 1, column 2: there should be a name"),
        ("claude-desktop", b"{} // c", "this client reads no comments"),
        ("claude-code", b'{"a": 1,}', "this client reads no comma before }"),
        ("gemini", b'{"a": 1,} // c', "this client reads no comma before }"),
        ("cursor", b"[]", "there should be an object where mcpServers belongs"),
        ("cursor", b'{"mcpServers": null}', "there should be an object where mcpServers belongs"),
        ("cursor", b'{"mcpServers": {}, "mcpServers": {}}', '"mcpServers" is in it twice'),
        ("vscode", b'{"inputs": null}', "there should be an array where inputs belong"),
        ("windsurf", b"\xff\xfe{\x00}\x00", "it is not UTF-8 text"),
        ("codex", b"model = ", r"Codex cannot read it \(Invalid value"),
        ("codex", b"mcp_servers = {a = {command = 'x'}}\n", "With --print, install shows what belongs there"),
    ],
)
def test_a_file_that_cannot_be_changed(name: str, text: bytes, why: str, tmp_path: Path) -> None:
    file = tmp_path / "configuration"
    file.write_bytes(text)
    with pytest.raises(CannotEdit, match=why):
        install(name, file)
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == text


def test_a_table_of_ours_in_a_form_that_is_not_known_is_left(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('mcp_servers.rotor.command = "/opt/bin/rotor-mcp"\n')
    with pytest.raises(CannotEdit, match="written in a way that this command does not change"):
        removed("codex", file)
    with pytest.raises(CannotEdit, match="written in a way that this command does not change"):
        install("codex", file)


def test_the_preview_shows_the_entry_alone(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"mcpServers": {"a": {"env": {"TOKEN": "FOREIGNSECRET"}}}}')
    change = install("cursor", file)
    assert change is not None
    assert not any("FOREIGNSECRET" in line or "secretpart" in line for line in change.preview)
    assert '+     "ROTOR_API_KEY": "«API key»",' in change.preview
    changed = install("cursor", file, ROTOR_API_KEY="rotor_a_othersecret")
    assert changed is not None
    assert [line.strip() for line in changed.preview if line[0] in "+-"] == [
        '-     "ROTOR_API_KEY": "«old API key»",',
        '+     "ROTOR_API_KEY": "«new API key»",',
    ]


def test_nothing_is_there_to_remove(tmp_path: Path) -> None:
    assert plan_removal(CLIENTS["codex"], tmp_path / "config.toml", "rotor") is None


@given(
    st.dictionaries(st.text(max_size=3), st.text(max_size=3)), st.dictionaries(st.text(max_size=3), st.text())
)
def test_renewing_twice_is_renewing_once(before: dict[str, str], variables: dict[str, str]) -> None:
    wanted = {"command": "/x", "env": variables} if variables else {"command": "/x"}
    once = merge_server({"env": before}, wanted)
    assert merge_server(once, wanted) == once
