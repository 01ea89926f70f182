"""What clients install: plugins, skills, the bundle and install links. Each starts this server.

The files that `release` generates are those that are committed. Every command is started as its client would, except
that this interpreter runs the sources instead of uv, which would make an environment in the folder of the plugin.
`.ci/package` starts them with uv, and `.ci/clients` with the clients' own programs.
"""

import base64
import json
import re
import shutil
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from inline_snapshot import snapshot
from mcp import Client, StdioServerParameters

from release import bundle, buttons, entries, icon, metadata, plugins, version
from release.entries import Answers, Entry
from tests.conftest import content, text
from tests.test_docs import read

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("path", plugins.files())
def test_committed_files_are_the_generated_ones(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == plugins.files()[path]


def test_nothing_else_is_committed_beside_them() -> None:
    folders = [".claude-plugin", ".codex-plugin", ".cursor-plugin", ".agents", "skills"]
    found = {
        file.relative_to(ROOT).as_posix()
        for folder in folders
        for file in (ROOT / folder).rglob("*")
        if file.is_file()
    }
    assert found | {"gemini-extension.json"} == plugins.files().keys()


@pytest.mark.parametrize(
    "name", [".mcp.json", "mcp.json", "plugin.json", ".cursor/mcp.json", ".vscode/mcp.json"]
)
def test_nothing_that_clients_take_for_the_configuration_of_this_project(name: str) -> None:
    """Nor for another manifest: Codex prefers a `plugin.json` in the root."""
    assert not (ROOT / name).exists()


def test_every_manifest_has_the_version() -> None:
    manifests = {path for path, written in plugins.files().items() if '"version"' in written}
    assert set(version.MANIFESTS) == manifests


def test_a_manifest_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "__version__", "9.9.9")
    found = list(version.disagreements())
    for path in version.MANIFESTS:
        assert f"{path} says {metadata_version()}, not 9.9.9" in found


def metadata_version() -> str:
    return str(plugins.claude_plugin()["version"])


def test_the_registry_entry_says_the_same() -> None:
    server = json.loads(read("server.json"))
    assert (server["title"], server["description"]) == (metadata.TITLE, metadata.DESCRIPTION)


@pytest.mark.parametrize("skill", plugins.SKILLS, ids=lambda skill: skill.name)
def test_a_skill_keeps_to_the_format(skill: plugins.Skill) -> None:
    """Limits of agentskills.io/specification: 64 characters of name, 1,024 of description."""
    _, front, body = skill.text().split("---\n", 2)
    assert yaml.safe_load(front) == {"name": skill.name, "description": skill.description}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", skill.name)
    assert (len(skill.name) <= 64, len(skill.description) <= 1_024) == (True, True)
    assert body.endswith(f"{skill.steps}\n")


def test_paths_in_manifests_exist() -> None:
    """Clients refuse a plugin with a path that leads nowhere, or that does not begin with a dot."""
    interface = plugins.codex_plugin()["interface"]
    paths = [interface["logo"], interface["composerIcon"], plugins.codex_plugin()["skills"]]
    assert [path for path in paths if not path.startswith("./") or not (ROOT / path).exists()] == []
    assert (ROOT / plugins.cursor_plugin()["logo"]).exists()
    for marketplace in (plugins.claude_marketplace(), plugins.cursor_marketplace()):
        # "." is refused, and a path is relative to the folder that .claude-plugin is in.
        assert [plugin["source"] for plugin in marketplace["plugins"]] == ["./"]


FIELDS_OF_CURSOR = {
    "name", "displayName", "description", "version", "minClientVersions", "author", "publisher", "homepage", "repository",
    "license", "logo", "keywords", "category", "tags", "commands", "agents", "skills", "rules", "hooks", "variables",
    "mcpServers",
}  # fmt: skip
"""Of `schemas/plugin.schema.json` in cursor/plugins, which allows no others."""


def test_cursor_knows_the_fields_of_its_manifest() -> None:
    assert plugins.cursor_plugin().keys() <= FIELDS_OF_CURSOR


def test_the_icon() -> None:
    assert icon.SVG_FILE.read_text("utf-8") == icon.svg()
    committed = icon.PNG_FILE.read_bytes()
    assert struct.unpack(">II", committed[16:24]) == (512, 512)
    (drawn,) = re.findall(rb"IDAT(.*)....\x00\x00\x00\x00IEND", committed, re.DOTALL)
    rows = zlib.decompress(drawn)  # how well it is compressed depends on the version of zlib
    width = icon.SIZE * 4
    assert (
        b"".join(rows[start + 1 : start + 1 + width] for start in range(0, len(rows), width + 1))
        == icon.pixels()
    )
    assert len(committed) < 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation in a folder as it may be called on somebody's machine: plugin and unpacked bundle in one."""
    place = tmp_path_factory.mktemp("Program Files") / "Zoë's plugins" / "rotor mcp"
    shutil.copytree(ROOT / "rotor_mcp", place / "rotor_mcp", ignore=shutil.ignore_patterns("__pycache__"))
    for path, written in plugins.files().items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(written, "utf-8")
    (place / "manifest.json").write_text(json.dumps(bundle.manifest()), "utf-8")
    return place


READERS: dict[str, Callable[[Path, Answers], Entry]] = {
    "bundle": entries.bundle,
    **entries.PLUGINS,
    "cursor-link": lambda _, answers: entries.cursor_link(buttons.cursor_link(), answers),
    "vs-code-link": lambda _, answers: entries.vs_code_link(buttons.vs_code_link(), answers),
}


def without_uv(entry: Entry) -> StdioServerParameters:
    """The same start, of the same sources in the same folder, with this interpreter."""
    program, *arguments = entry.command
    if program == "uvx":
        assert arguments == ["--from", metadata.ARCHIVE, "rotor-mcp", "serve"]
        command, place = ["-m", "rotor_mcp", "serve"], ROOT
    else:
        *directory, python = arguments[: arguments.index("python") + 1]
        assert (program, directory[0], directory[-1], python) == ("uv", "run", "--no-dev", "python")
        command = arguments[arguments.index("python") + 1 :]
        named = Path(directory[2]) if "--directory" in directory else entry.folder
        assert named is not None
        place = named
    return StdioServerParameters(
        command=sys.executable, args=command, env={**entry.environment, "PATH": ""}, cwd=place
    )


async def jane(entry: Entry) -> str:
    """The name that a search of the started server finds, or the first sentence about what is missing."""
    async with Client(without_uv(entry)) as client:
        result = await client.call_tool("search_leads", {"search": "Jane Doe"})
    if result.is_error:
        return text(result).partition(". ")[0]
    return str(content(result)["leads"][0]["name"])


NO_KEY = "Nothing was sent: ROTOR_API_KEY is not set"


@pytest.mark.parametrize("reader", READERS)
async def test_each_starts_without_a_key_on_sample_leads(reader: str, folder: Path) -> None:
    assert await jane(READERS[reader](folder, {"sandbox": "true"})) == "Jane Doe"


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
async def test_each_starts_if_nothing_was_answered(reader: str, folder: Path) -> None:
    """The server is there, and each call says what is missing."""
    assert await jane(READERS[reader](folder, {})) == NO_KEY


@pytest.mark.parametrize("reader", READERS)
async def test_what_each_hands_on(reader: str, folder: Path) -> None:
    """Every answer arrives under the name of its variable, and no placeholder is left."""
    answers = {"api_key": "rotor_k_s3cr3tpart", "sandbox": "false", "timezone": "America/Chicago"}
    answers |= {"phone_region": "CA", "read_only": "true"}
    entry = READERS[reader](folder, answers)
    given = {each.variable: answers[each.name] for each in metadata.QUESTIONS}
    if reader.endswith("-link"):
        given = {name: given[name] for name in ("ROTOR_API_KEY", "ROTOR_MCP_SANDBOX")}
    assert {name: value for name, value in entry.environment.items() if name.startswith("ROTOR_")} == given
    assert "${" not in " ".join([*entry.command, *entry.environment.values()])


UNTOUCHED = {each.name: f"${{user_config.{each.name}}}" for each in metadata.QUESTIONS}
"""What Claude Desktop hands on for each value that nobody gave and that has no default (modelcontextprotocol/mcpb#250)."""


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        (UNTOUCHED, NO_KEY),
        (UNTOUCHED | {"sandbox": "True"}, "Jane Doe"),
        # Booleans as other clients write them.
        ({"sandbox": "1", "read_only": "0"}, "Jane Doe"),
        ({"sandbox": " ", "read_only": " "}, NO_KEY),
        # A key is no reason to use it: the box is ticked.
        ({"sandbox": "true", "api_key": "rotor_k_s3cr3tpart"}, "Jane Doe"),
    ],
)  # fmt: skip
async def test_answers_as_clients_hand_them_on(answers: Answers, outcome: str, folder: Path) -> None:
    assert await jane(entries.bundle(folder, answers)) == outcome


async def test_only_read(folder: Path) -> None:
    entry = entries.claude(folder, {"sandbox": "true", "read_only": "true"})
    async with Client(without_uv(entry)) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["search_leads", "get_lead"]


def test_no_manifest_names_the_package_of_an_index(folder: Path) -> None:
    """The name belongs to nobody there: what would be started is anybody's."""
    for reader in READERS.values():
        program, *arguments = reader(folder, {}).command
        source = arguments[arguments.index("--from") + 1] if program == "uvx" else None
        assert source in (None, "https://github.com/example/rotor-mcp/archive/HEAD.zip")
        assert "--with" not in arguments


def test_the_links_of_the_readme() -> None:
    """What the buttons hold, decoded: no key, and the entry that is tested above."""
    links = re.findall(r"\]\((https://(?:cursor\.com/link|vscode\.dev/redirect)/\S+)\)", read("README.md"))
    assert links == [buttons.cursor_link(), buttons.vs_code_link()]
    assert [decoded(link) for link in links] == snapshot(
        [
            {
                "name": "rotor",
                "inputs": [],
                "config": {
                    "command": "uvx",
                    "args": [
                        "--from",
                        "https://github.com/example/rotor-mcp/archive/HEAD.zip",
                        "rotor-mcp",
                        "serve",
                    ],
                    "env": {
                        "ROTOR_API_KEY": "${env:ROTOR_API_KEY}",
                        "ROTOR_MCP_SANDBOX": "${env:ROTOR_MCP_SANDBOX}",
                    },
                },
            },
            {
                "name": "rotor",
                "inputs": [
                    {
                        "type": "promptString",
                        "id": "rotor_api_key",
                        "description": "API key. Begins with rotor_. In Rotor it is made under Settings → Integrations. Not needed with sample leads",
                        "password": True,
                    },
                    {
                        "type": "pickString",
                        "id": "rotor_sandbox",
                        "description": "Try with sample leads. 150 invented leads instead of your own, gone when the server stops; no key is needed",
                        "options": ["false", "true"],
                        "default": "false",
                    },
                ],
                "config": {
                    "type": "stdio",
                    "command": "uvx",
                    "args": [
                        "--from",
                        "https://github.com/example/rotor-mcp/archive/HEAD.zip",
                        "rotor-mcp",
                        "serve",
                    ],
                    "env": {
                        "ROTOR_API_KEY": "${input:rotor_api_key}",
                        "ROTOR_MCP_SANDBOX": "${input:rotor_sandbox}",
                    },
                },
            },
        ]
    )


def decoded(link: str) -> dict[str, Any]:
    query = dict(parse_qsl(urlsplit(link).query, strict_parsing=True))
    config = query["config"] if query["config"].startswith("{") else base64.b64decode(query["config"])
    inputs = json.loads(query.get("inputs", "[]"))
    return {"name": query["name"], "inputs": inputs, "config": json.loads(config)}
