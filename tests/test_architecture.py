"""The dependency rule of docs/architecture.md: which folder may import which, and where modules load late."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rotor_mcp"

LAYERS = (
    {"cli"},
    {"hosting", "diagnostics", "import_export"},
    {"installer"},
    {"server"},
    {"tools", "view"},
    {"leads"},
    {"tenants"},
    {"state"},
    {"sandbox", "telemetry"},
    {"api", "log_setup", "config_file"},
    {"config", "events", "normalize", "concurrency"},
    {
        "behavior",
        "errors",
        "dates",
        "sanitize",
        "keychain",
        "gc_tuning",
        "atomic_file",
        "sockets",
        "log_events",
    },
    {"extras", "private_file"},
    {"shell_quoting", "terminal"},
)
"""From top to bottom. A module imports its own folder and those of the layers below it."""
LOADS_LATE = "server/backend.py"
"""The one module that imports others of this package inside its functions."""
LOADS_BY_NAME = {
    "cli/api_key.py",
    "__init__.py",
    "cli/main.py",
    "cli/serve.py",
    "tools/registry.py",
    LOADS_LATE,
}
"""Modules that load a command, a tool, what programs import from this package, or what a call needs, by its name."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(name: str) -> int:
    """The number of the layer that a folder or module is in; 0 is at the top."""
    (number,) = [number for number, names in enumerate(LAYERS) if name in names]
    return number


def folder_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the folder or top-level module of each import of this package, and whether a function makes it."""
    tree = ast.parse(path.read_text("utf-8"))
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "rotor_mcp":
            names = [f"rotor_mcp.{alias.name}" for alias in node.names if not alias.name.startswith("__")]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rotor_mcp."):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("rotor_mcp.")]
        yield from ((name.split(".")[1], node in inside) for name in names)


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_imports_go_one_way(path: Path) -> None:
    own = folder_of(path)
    if own in ("__init__", "__main__"):
        return
    upwards = {
        folder
        for folder, late in imports(path)
        if folder != own
        and layer_of(folder) <= layer_of(own)
        and not (late and named(path) == LOADS_LATE and folder == "sandbox")
    }
    assert upwards == set()


def test_every_folder_is_in_one_layer() -> None:
    found = {folder_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert Counter(name for names in LAYERS for name in names) == Counter(found)


def test_one_module_loads_late() -> None:
    late = {named(path) for path in MODULES if any(in_function for _, in_function in imports(path))}
    by_name = {named(path) for path in MODULES if "import_module(" in path.read_text("utf-8")}
    assert (late, by_name) == ({LOADS_LATE}, LOADS_BY_NAME)


def test_no_two_classes_share_a_name() -> None:
    classes = Counter(
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in classes.items() if count > 1] == []
