"""What programs use that run the server themselves: names, types, and the examples of docs/embedding.md."""

import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

import rotor_mcp
from rotor_mcp.config import Settings
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import text
from tests.hosting.serving import calling, on_port
from tests.test_docs import read

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "tests" / "examples"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")} | {
    "PYTHONPATH": str(ROOT)
}


def python(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_public_names() -> None:
    assert {name: getattr(rotor_mcp, name) for name in rotor_mcp.__all__} == {
        "Settings": Settings,
        "__version__": rotor_mcp.__version__,
        "build_server": build_server,
    }
    with pytest.raises(AttributeError, match="module 'rotor_mcp' has no attribute 'server_of'"):
        rotor_mcp.server_of  # type: ignore[attr-defined] # noqa: B018


def test_an_import_loads_nothing_else(tmp_path: Path) -> None:
    code = (
        "import importlib, sys; before = set(sys.modules); import rotor_mcp; print(set(sys.modules) - before)"
    )
    ended = python("-c", code, folder=tmp_path)
    assert (ended.stdout, ended.stderr) == ("{'rotor_mcp'}\n", "")


def test_the_wheel_has_types_and_all_other_files(tmp_path: Path) -> None:
    built = python("-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path, folder=ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "rotor_mcp").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert "rotor_mcp/py.typed" in names
    assert names == package


def test_in_memory(tmp_path: Path) -> None:
    ended = python(EXAMPLES / "in_memory.py", folder=tmp_path)
    # Nothing is logged: httpx2 would name the URL, and so whom somebody looked for.
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"```text\n{ended.stdout}```" in read("docs/embedding.md")


async def test_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROTOR_API_KEY", raising=False)
    app = runpy.run_path(str(EXAMPLES / "asgi.py"))["app"]
    async with on_port(app) as url, calling(url) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        refused = await client.call_tool("search_leads", {})
    assert tools == ["search_leads", "get_lead"]
    assert text(refused).startswith("Nothing was sent: ROTOR_API_KEY is not set.")


async def test_on_standard_input_and_output(tmp_path: Path) -> None:
    (tmp_path / "rotor-key.txt").write_text("rotor_k3y1d_s3cr3tpart", "utf-8")
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(EXAMPLES / "stdio.py")],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    async with Client(server) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
    assert tools == ["upsert_lead", "upsert_leads", "search_leads", "get_lead"]
