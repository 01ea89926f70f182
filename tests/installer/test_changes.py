"""What an entry changes in a file, and that it goes as it came."""

import json
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotor_mcp.installer import backups
from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.changes import ConfigChange, plan_install, plan_removal
from rotor_mcp.installer.entry import build_entry, merge_server
from rotor_mcp.installer.entry_format import LocalServer, RemoteServer, Server
from rotor_mcp.installer.errors import CannotEdit
from rotor_mcp.installer.host_system import HostSystem
from rotor_mcp.installer.targets import Target, find_targets
from tests.installer.samples import TEXTS
from tests.installer.test_jsonc_edit import documents

COMMAND = "/opt/bin/rotor-mcp"
VARIABLES = {"ROTOR_API_KEY": "rotor_a_secretpart", "ROTOR_MCP_TIMEZONE": "UTC"}


def target(name: str, file: Path) -> Target:
    return Target(CLIENTS[name], file, (CLIENTS[name].section,))


def install(name: str, file: Path, **more: str) -> ConfigChange | None:
    """Put an entry in as the command does, and keep what was there."""
    return put(name, file, LocalServer(COMMAND, ("serve",), VARIABLES | more))


def put(name: str, file: Path, server: Server) -> ConfigChange | None:
    change = plan_install(target(name, file), build_entry(CLIENTS[name], "rotor", server))
    if change and change.before is not None:
        backups.create_backup(file, change.before)
    if change:
        file.write_bytes(change.after or b"")
    return change


def removed(name: str, file: Path, url: str | None = None) -> bytes | None:
    change = plan_removal(target(name, file), "rotor", url)
    assert change is not None
    return change.after


def written(name: str, file: Path) -> Server | None:
    """The server that a client reads in its configuration."""
    value = CLIENTS[name].syntax.read(file.read_bytes().decode("utf-8-sig"))
    return CLIENTS[name].entry_format.read(value[CLIENTS[name].section]["rotor"])


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
    server = written(name, file)
    assert isinstance(server, LocalServer)
    assert (server.command, server.args) == (COMMAND, ("serve",))
    assert after.count(b"\r\n") == (after.count(b"\n") if form == "crlf" and b"\n" in text else 0)
    assert install(name, file) is None
    assert removed(name, file) == before


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("platform", ["darwin", "win32", "linux"])
def test_it_comes_and_goes_where_each_system_has_it(name: str, platform: str, tmp_path: Path) -> None:
    machine = HostSystem(platform, {}, tmp_path)
    location = CLIENTS[name].locations(machine)[0]
    location.directory.mkdir(parents=True)
    location.file.parent.mkdir(parents=True, exist_ok=True)
    before = TEXTS[name].replace("\n", "\r\n" if platform == "win32" else "\n").encode()
    location.file.write_bytes(before)
    [found], absent = find_targets([name], machine)
    assert (found, absent) == (target(name, location.file), [])
    assert install(name, found.file) is not None
    assert written(name, found.file) is not None
    assert removed(name, found.file) == before


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
    assert written(name, file)
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


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://mcp.getrotor.com/mcp", "rotor is the name of Rotor's own server there"),
        ("https://getrotor.com.evil.com/mcp", "another server is called rotor there"),
        ("http://[", "another server is called rotor there"),
    ],
)
def test_another_server_of_that_name_is_left(url: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    text = json.dumps({"mcpServers": {"rotor": {"url": url}}})
    file.write_text(text)
    with pytest.raises(CannotEdit, match=why):
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
        ("cursor", b"[]", r"\(there should be an object\)"),
        ("cursor", b'{"mcpServers": null}', "there should be an object where mcpServers belongs"),
        ("cursor", b'{"mcpServers": {}, "mcpServers": {}}', '"mcpServers" is in it twice'),
        ("vscode", b'{"inputs": null}', "there should be an array where inputs belong"),
        ("windsurf", b"\xff\xfe{\x00}\x00", "it is not UTF-8 text"),
        ("codex", b"model = ", r"Codex and ChatGPT desktop cannot read it \(Invalid value"),
        ("codex", b"mcp_servers = {a = {command = 'x'}}\n", "With --print, install shows what belongs there"),
        ("goose", b"extensions: [a]\n", "there should be an object where extensions belongs"),
        ("goose", b"a: [\n", r"Goose cannot read it \(line 2, column 1: "),
        ("goose", b"a: 1\na: 2\n", '"a" is in it twice'),
        ("goose", b"a: 1\n---\nb: 2\n", r"Goose cannot read it \(line 2, column 1: "),
        ("goose", b"a: !!python/object:os.system {}\n", "could not determine a constructor"),
        ("goose", b"extensions: {a: {cmd: x}}\n", "With --print, install shows what belongs there"),
        ("goose", b"a: 1\n...\n", "With --print, install shows what belongs there"),
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
    assert plan_removal(target("codex", tmp_path / "config.toml")) is None


@given(
    st.dictionaries(st.text(max_size=3), st.text(max_size=3)), st.dictionaries(st.text(max_size=3), st.text())
)
def test_renewing_twice_is_renewing_once(before: dict[str, str], variables: dict[str, str]) -> None:
    wanted = LocalServer("/x", (), variables)
    once = merge_server(LocalServer("/old", (), before), wanted)
    assert merge_server(once, wanted) == once


URL = "https://mcp.acme.com/mcp"
REMOTE = [name for name in TEXTS if CLIENTS[name].remote_by_hand is None]


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.parametrize("token", ["t0ken-secret", None])
def test_a_remote_server_comes_and_goes(name: str, token: str | None, tmp_path: Path) -> None:
    file = tmp_path / "configuration"
    before = TEXTS[name].encode()
    file.write_bytes(before)
    change = put(name, file, RemoteServer(URL, token))
    assert change is not None
    asked = CLIENTS[name].asks_for_secrets
    assert written(name, file) == RemoteServer(URL, "${input:rotor_token}" if token and asked else token)
    assert change.secret_after is (token is not None and not asked)
    assert "t0ken-secret" not in "".join(change.preview)
    assert put(name, file, RemoteServer(URL, token)) is None
    with pytest.raises(CannotEdit, match="is not this one, and was left as it is"):
        removed(name, file)
    assert removed(name, file, URL) == before


@pytest.mark.parametrize("name", REMOTE)
def test_a_local_server_leaves_nothing_of_itself_in_a_remote_one(name: str, tmp_path: Path) -> None:
    file = tmp_path / "configuration"
    put(name, file, LocalServer(COMMAND, ("serve",), VARIABLES))
    entry = CLIENTS[name].syntax.read(file.read_text())[CLIENTS[name].section]["rotor"]
    fresh = CLIENTS[name].entry_format.write("rotor", RemoteServer(URL, "t"))
    assert CLIENTS[name].entry_format.write("rotor", RemoteServer(URL, "t"), entry) == fresh


def test_all_entries_of_this_server_go(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    before = TEXTS["cursor"].encode()
    file.write_bytes(before)
    for name in ("rotor", "acme", "zeta"):
        entry = build_entry(CLIENTS["cursor"], name, LocalServer(COMMAND, ("serve",), VARIABLES))
        change = plan_install(target("cursor", file), entry)
        assert change is not None
        backups.create_backup(file, file.read_bytes())
        file.write_bytes(change.after or b"")
    change = plan_removal(target("cursor", file), "acme")
    assert change is not None
    assert b"acme" not in (change.after or b"")
    assert (change.after or b"").count(b"/opt/bin/rotor-mcp") == 2
    change = plan_removal(target("cursor", file))
    assert change is not None
    assert change.after == before


def test_an_entry_of_one_project(tmp_path: Path) -> None:
    file = tmp_path / ".claude.json"
    text = TEXTS["claude-code"]
    entry = '{"type": "stdio", "command": "/opt/bin/rotor-mcp"}'
    file.write_text(text.replace('"mcpServers": {}', f'"mcpServers": {{"rotor": {entry}}}'))
    local = Target(CLIENTS["claude-code"], file, ("projects", "/home/jo/site", "mcpServers"))
    change = plan_removal(local)
    assert change is not None
    assert (change.after or b"").decode() == text
