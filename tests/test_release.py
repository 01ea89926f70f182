"""What a release is made of: one version, a valid entry for the registry, a bundle that says what the code says."""

import html
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from inline_snapshot import external_file

from release import bundle, version
from rotor_mcp.config import Settings, environment_variable
from tests.conftest import posix

ROOT = Path(__file__).parent.parent
SERVER: dict[str, Any] = json.loads((ROOT / "server.json").read_text("utf-8"))


def schema(name: str) -> dict[str, Any]:
    """A copy of what the registry, or the bundles' maker, publishes, without the examples in it."""
    published: dict[str, Any] = json.loads((ROOT / f"tests/schemas/{name}.schema.json").read_text("utf-8"))
    return published


def test_the_entry_for_the_registry() -> None:
    published = schema("server-2025-12-11")
    assert SERVER["$schema"] == published["$id"]
    validator = jsonschema.validators.validator_for(published)
    validator(published, format_checker=validator.FORMAT_CHECKER).validate(SERVER)
    assert {package["registryType"] for package in SERVER["packages"]} == {"pypi", "oci"}


def test_the_entry_is_owned_by_what_it_names() -> None:
    name = SERVER["name"]
    assert f"<!-- mcp-name: {name} -->" in (ROOT / "README.md").read_text("utf-8")
    assert f'io.modelcontextprotocol.server.name="{name}"' in (ROOT / "Dockerfile").read_text("utf-8")


def test_the_entry_names_settings_that_exist() -> None:
    variables = {environment_variable(name) for name in Settings.model_fields}
    for package in SERVER["packages"]:
        given = {variable["name"]: variable for variable in package["environmentVariables"]}
        assert given.keys() <= variables
        assert given["ROTOR_API_KEY"]["isSecret"] is True


def test_one_version() -> None:
    assert list(version.disagreements()) == []


def test_a_tag_of_another_version() -> None:
    assert "the tag is v9.9.9, not v" in next(iter(version.disagreements("v9.9.9")))


def test_the_manifest_of_the_bundle() -> None:
    manifest = bundle.manifest()
    jsonschema.Draft202012Validator(schema("mcpb-manifest-0.4")).validate(manifest)
    assert manifest["user_config"]["api_key"]["sensitive"] is True
    assert json.loads(json.dumps(manifest)) == external_file("snapshots/manifest.json")


def test_the_bundle_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle.build(tmp_path)) as archive:
        names = archive.namelist()
        assert json.loads(archive.read("manifest.json")) == bundle.manifest()
    package = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "rotor_mcp").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if name.startswith("rotor_mcp/")} == package
    others = {"manifest.json", "icon.png", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"}
    assert {name for name in names if not name.startswith("rotor_mcp/")} == others


def test_the_same_sources_make_the_same_bundle(tmp_path: Path) -> None:
    first, second = (bundle.build(tmp_path / name).read_bytes() for name in ("one", "two"))
    assert first == second


@pytest.mark.parametrize("workflow", ["test", "release"])
def test_actions_are_pinned(workflow: str) -> None:
    text = (ROOT / f".github/workflows/{workflow}.yml").read_text("utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert "\npermissions:\n  contents: read\n" in text


@posix
def test_the_picture_of_the_demo_shows_what_it_prints() -> None:
    """But for ids, dates and what they cost, it is what `python -m release.demo_picture` would draw."""
    from release import demo_picture

    def words(picture: str) -> str:
        text = html.unescape(re.sub(r"<[^>]*>", "", picture.partition("</style>")[2])).replace("\xa0", " ")
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "<id>", text)
        text = re.sub(r"\d{4}-\d\d-\d\d", "<date>", text)
        return re.sub(r'"\w{8}"', '"<token>"', re.sub(r"\d+ tokens", "<n> tokens", text))

    committed = demo_picture.PICTURE.read_text("utf-8")
    assert words(demo_picture.draw(demo_picture.recorded())) == words(committed)
    assert set(re.findall(r"https?://[^/\s]+", committed)) == {
        "http://www.w3.org",
        "https://www.textualize.io",
    }
