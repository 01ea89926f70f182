"""The line that installs an extra works in the installation at hand."""

import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.metadata.spec import get_core_metadata_constructors
from hatchling.plugin.manager import PluginManager

from rotor_mcp import extras
from rotor_mcp.extras import extra_requirements, install_hint
from rotor_mcp.shell_quoting import command_line
from tests.commands import ROOT
from tests.conftest import posix

LISTED: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]


def parts(requirement: str) -> tuple[str, list[str]]:
    """The name of a requirement with its extras, and its versions."""
    name, versions = re.fullmatch(r"([\w\[\]-]+)(.*)", requirement.replace(" ", "")).groups()  # type: ignore[union-attr]
    return name, sorted(versions.split(","))


@pytest.fixture(scope="module")
def core_metadata() -> str:
    """The metadata of this project as a wheel has it: that of this Python can be older than pyproject.toml."""
    return str(get_core_metadata_constructors()["2.4"](ProjectMetadata(str(ROOT), PluginManager())))


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, core_metadata: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on the module path with the metadata of this project."""
    info = tmp_path / "site-packages" / "rotor_mcp-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(core_metadata, "utf-8")
    monkeypatch.syspath_prepend(info.parent)
    return info


@pytest.mark.parametrize("extra", sorted(LISTED.keys() - {"dev"}))
def test_the_requirements_are_those_of_the_project(extra: str) -> None:
    assert sorted(map(parts, extra_requirements(extra))) == sorted(map(parts, LISTED[extra]))


def test_an_extra_that_there_is_not() -> None:
    assert extra_requirements("no-such-extra") == []


def test_the_package_index_is_never_asked_for_this_project() -> None:
    assert [
        extra
        for extra in LISTED.keys() - {"dev"}
        if "rotor-mcp" in install_hint(extra).replace(sys.executable, "")
    ] == []


def test_pip_of_this_python() -> None:
    packages = extra_requirements("xlsx")
    assert (
        install_hint("xlsx") == f"run `{command_line([sys.executable, '-m', 'pip', 'install', *packages])}`"
    )


def test_uv_where_there_is_no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    packages = extra_requirements("redis")
    line = command_line(["uv", "pip", "install", "--python", sys.executable, *packages])
    assert install_hint("redis") == f"run `{line}`"


def test_a_source_tree_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "DISTRIBUTION", "not-installed-anywhere")
    assert install_hint("redis") == "install the packages that pyproject.toml lists for the extra redis"


def test_markers_beside_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    required = [
        "click>=8",
        'keyring<26,>=25.6; extra == "keychain"',
        "jeepney>=0.8; (sys_platform == 'linux') and extra == 'keychain'",
        "redis>=7 ; extra=='redis'",
    ]
    monkeypatch.setattr(metadata, "requires", lambda _: required)
    assert extra_requirements("keychain") == ["keyring<26,>=25.6", "jeepney>=0.8"]
    assert extra_requirements("redis") == ["redis>=7"]


def stub_wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel with one module that holds nothing."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@posix
@pytest.mark.slow
def test_the_line_installs_the_extra_into_an_environment_of_its_own(tmp_path: Path, installed: Path) -> None:
    """A shell runs the line as it stands, in a new environment whose path has a blank; no network is used."""
    environment = tmp_path / "my environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    (packages,) = environment.glob("lib/python*/site-packages")
    shutil.copytree(installed, packages / installed.name)
    variables = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
    }
    stub_wheel(tmp_path, "python_calamine", "0.6.1")
    stub_wheel(tmp_path, "xlsxwriter", "3.2.5")
    said = "from rotor_mcp.extras import install_hint; print(install_hint('xlsx'))"
    hint = subprocess.run(
        [python, "-c", said], capture_output=True, env=variables, text=True, check=True
    ).stdout
    line = hint.strip().removeprefix("run `").removesuffix("`")
    assert "python-calamine" in line
    subprocess.run(["/bin/sh", "-c", line], capture_output=True, env=variables, check=True, timeout=60)
    subprocess.run([python, "-c", "import python_calamine, xlsxwriter"], env=variables, check=True)
