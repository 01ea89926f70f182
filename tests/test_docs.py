"""The documentation says what the code does.

Tables and results in it are generated: `python -m tests.test_docs` writes them again. Links lead somewhere, paths
exist, and so do the tests that it names.
"""

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import anyio
import click
import pytest
from mcp import Client

from release import buttons
from rotor_mcp.behavior import QUESTIONS
from rotor_mcp.cli.main import main
from rotor_mcp.cli.options import default_text, flag_names
from rotor_mcp.config import EnvironmentSettings, Settings, environment_variable
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.catalog import Client as InstallerClient
from rotor_mcp.installer.host_system import HostSystem
from rotor_mcp.log_events import EVENTS
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import NOW, text
from tests.hosting.test_log_samples import SAMPLES
from tests.test_architecture import LAYERS, PACKAGE
from tests.tools.test_token_counts import cost_table

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))),
]


@dataclass(frozen=True)
class Example:
    """A turn of a conversation: what a person says, and the call that an assistant makes."""

    said: str
    tool: str
    arguments: dict[str, Any]
    in_readme: bool = False


EXAMPLES = [
    Example(
        "Add Dana Whitfield, 214 Oak Street, (612) 555-0142. Get back to her on December 1st.",
        "upsert_lead",
        {
            "name": "Dana Whitfield",
            "phone": "(612) 555-0142",
            "address_street1": "214 Oak Street",
            "follow_up_date": "2026-12-01",
        },
    ),
    Example(
        "6125550142 wants the gutters done as well; I sent a quote.",
        "upsert_lead",
        {"phone": "6125550142", "stage": "Quoted", "tags": ["Gutter Cleaning"]},
    ),
    Example(
        "Now add Bob Whitfield, 612-555-0142.",
        "upsert_lead",
        {"name": "Bob Whitfield", "phone": "612-555-0142"},
    ),
    Example(
        "No: that is Dana's husband, only note that he takes the calls.",
        "upsert_lead",
        {"phone": "612-555-0142", "notes": "Bob, her husband, takes the calls."},
    ),
    Example(
        "From the home show: Ann Roe 612-555-0199, Max Lee max at lee dot com, Dana Whitfield again wants screens.",
        "upsert_leads",
        {
            "rows": [
                {"name": "Ann Roe", "phone": "612-555-0199"},
                {"name": "Max Lee", "email": "max at lee dot com"},
                {"name": "Dana Whitfield", "phone": "(612) 555-0142", "notes": "Wants screens."},
            ],
            "source": "Home show",
        },
    ),
    Example("Who is overdue?", "search_leads", {"overdue": True, "limit": 3}, in_readme=True),
    Example(
        "Which source converts best?",
        "search_leads",
        {"count_by": ["source", "stage"], "limit": 0},
    ),
    Example("Who is in there twice?", "search_leads", {"duplicates": True}),
    Example(
        "Which open leads have no follow-up date and are worth more than $1,000?",
        "search_leads",
        {
            "not_stage": ["Won", "Lost"],
            "lacks": ["follow_up_date"],
            "value_from": 1000,
            "order": "value",
            "fields": ["id", "name", "projected_value"],
        },
    ),
    Example(
        "Get back to the first two on Monday.",
        "upsert_leads",
        {"ids": ["c6711905", "31cef314"], "follow_up_date": "2026-11-23"},
    ),
    Example(
        "How many leads came in this month, from where, and what are they worth?",
        "search_leads",
        {"created_from": "2026-11-01", "count_by": "source", "limit": 0},
    ),
    Example("What do we know about Jane Doe?", "get_lead", {"id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"}),
    Example(
        "File Sam from Delano, sam at example dot com.",
        "upsert_lead",
        {"name": "Sam", "city": "Delano", "email": "sam at example dot com"},
    ),
]


def server(sandbox: Sandbox) -> Any:
    # Without a memory each example costs what it would cost on its own.
    values = {"api_key": FULL_KEY, "timezone": "America/Chicago", "search_memory": "0"}
    settings = Settings.load(dict(values))
    return build_server(settings, transport=sandbox.transport, clock=lambda: NOW)


def examples(*, in_readme: bool = False) -> str:
    """Every example, called for real on the day of the tests, or only those of the README."""

    async def converse() -> list[str]:
        parts = []
        new_id = ""
        with closing(Sandbox(now=lambda: NOW)) as sandbox:
            async with Client(server(sandbox)) as client:
                for example in EXAMPLES:
                    result = await client.call_tool(example.tool, example.arguments)
                    shown = text(result)
                    if created := re.search(r"\ACreated .*^id (\S+)", shown, re.DOTALL | re.MULTILINE):
                        new_id = created[1]
                    # What differs from run to run is the id of a new lead, and so the token of a plan for it.
                    shown = shown.replace(new_id, "5d1f0a52-3c44-4a0e-9d43-0e6f2c9b7a18")
                    shown = re.sub(r'confirm "\w{8}"', 'confirm "v7rvz7pa"', shown)
                    call = f"{example.tool} {json.dumps(example.arguments, ensure_ascii=False)}"
                    if example.in_readme or not in_readme:
                        parts.append(f"> {example.said}\n\n```text\n{call}\n\n{shown}\n```")
        return parts

    return "\n\n".join(anyio.run(converse))


def tokens() -> str:
    """What definitions and results cost."""
    return anyio.run(cost_table)


def arguments() -> str:
    """The arguments of each tool."""
    definitions = json.loads((ROOT / "rotor_mcp/tools/definitions.json").read_text("utf-8"))
    return "\n\n".join("\n".join(_arguments(tool)) for tool in definitions)


def _arguments(tool: dict[str, Any]) -> Iterator[str]:
    schema = tool["inputSchema"]
    yield f"### `{tool['name']}`"
    yield ""
    yield tool["description"]
    yield ""
    yield "| argument | type | meaning | default |"
    yield "| --- | --- | --- | --- |"
    for name, argument in schema["properties"].items():
        required = " (required)" if name in schema.get("required", ()) else ""
        default = f"`{argument['default']}`" if "default" in argument else ""
        yield f"| `{name}`{required} | {_type(argument)} | {argument['description']} | {default} |"
    for name, argument in schema["properties"].items():
        if row := argument.get("items", {}).get("properties"):
            yield ""
            yield f"Each of the `{name}` takes: {', '.join(f'`{field}`' for field in row)}."


def _type(argument: dict[str, Any]) -> str:
    if "enum" in argument:
        return ", ".join(f"`{word}`" for word in argument["enum"])
    if argument["type"] == "array":
        return f"list of {_type(argument['items']) if 'enum' in argument['items'] else argument['items']['type'] + 's'}"
    low, high = argument.get("minimum"), argument.get("maximum")
    if high is not None:
        return f"{argument['type']}, {low} to {high}"
    return str(argument["type"]) if low is None else f"{argument['type']}, at least {low}"


def settings() -> str:
    """Every setting: variable, flag, meaning, default."""
    return "\n".join(_settings_table(Settings))


def _settings_table(model: type[EnvironmentSettings]) -> Iterator[str]:
    yield "| variable | flag | meaning | default |"
    yield "| --- | --- | --- | --- |"
    for name, field in model.model_fields.items():
        flags = ", ".join(f"`{flag}`" for flag in flag_names(name, field))
        default = "" if field.default in (None, ()) else f"`{default_text(field)}`"
        yield f"| `{environment_variable(name)}` | {flags} | {field.description} | {default} |"


def hosting() -> str:
    """What there is to decide about HTTP: variable, flag, meaning, default."""
    return "\n".join(_settings_table(HostSettings))


def log_events() -> str:
    """The events of the log, and a line of each, which `test_log_samples.py` compares with real ones."""
    table = [
        "| event | when |",
        "| --- | --- |",
        *(f"| `{name}` | {when} |" for name, when in EVENTS.items()),
    ]
    samples = (json.dumps(line, ensure_ascii=False) for line in SAMPLES.values())
    return "\n".join([*table, "", "```jsonl", *samples, "```"])


def clients() -> str:
    """Every client: the name for commands, the configuration, and whether it can hold a remote server."""
    lines = ["| name | client | configuration | `--http` |", "| --- | --- | --- | --- |"]
    for client in CLIENTS.values():
        remote = "by hand" if client.remote_by_hand else "yes"
        lines.append(f"| `{client.name}` | {client.title} | {_configuration(client)} | {remote} |")
    return "\n".join(lines)


def _configuration(client: InstallerClient) -> str:
    files = {}
    for platform, system in (("darwin", "macOS"), ("win32", "Windows"), ("linux", "Linux")):
        locations = client.locations(HostSystem(platform, {}, Path("/home/jo")))
        files[system] = ", ".join(f"`{location.file}`".replace("/home/jo", "~") for location in locations)
    if not any(files.values()):
        return "by hand; `install` prints what to paste, and where"
    if len(set(files.values())) == 1:
        return files["Linux"]
    return "; ".join(f"{system} {file}" for system, file in files.items())


def purpose(module: Path) -> str:
    """The first sentence of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    first = " ".join(docstring.partition("\n\n")[0].split())
    assert first, f"{module} has no docstring"
    return first.replace("|", "\\|")


def questions() -> str:
    """The questions that Rotor's reference leaves open, with their answers, by topic."""
    lines = ["| Question | Answers | Why the first one is assumed |", "| --- | --- | --- |"]
    for question in QUESTIONS:
        if question.topic:
            lines.append(f"| **{question.topic}** | | |")
        answers = "<br>".join(f"`{answer}`: {what}" for answer, what in question.answers.items())
        lines.append(f"| `{question.name}`<br>{question.text} | {answers} | {question.why} |")
    return "\n".join(lines)


def layers() -> str:
    """The layers of the package, from top to bottom."""
    lines = ["| layer | folders and modules |", "| --- | --- |"]
    for number, names in enumerate(LAYERS, 1):
        lines.append(f"| {number} | {', '.join(f'`{name}`' for name in sorted(names))} |")
    return "\n".join(lines)


def modules() -> str:
    """Each module of the package, and what it is for."""
    parts = []
    folders = [PACKAGE, *sorted({path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE})]
    for folder in folders:
        name = folder.relative_to(ROOT).as_posix()
        lines = [
            f"### `{name}`",
            "",
            purpose(folder / "__init__.py"),
            "",
            "| module | purpose |",
            "| --- | --- |",
        ]
        lines += (
            f"| `{path.relative_to(ROOT).as_posix()}` | {purpose(path)} |"
            for path in sorted(folder.glob("*.py"))
            if path.name != "__init__.py"
        )
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def example(name: str) -> str:
    """A program of tests/examples, which tests/test_embedding.py runs."""
    return f"```python\n{read(f'tests/examples/{name}.py')}```"


RUN_ELSEWHERE = {
    "uvx --from . rotor-mcp demo": (".ci/package", "uvx --quiet --from . rotor-mcp demo"),
    "uv tool install .": (".ci/package", "uv tool install --quiet ."),
    ".venv/bin/rotor-mcp demo": (".ci/run", "'.venv/bin/rotor-mcp demo'"),
    ".venv/bin/pytest -q": (".ci/run", "'.venv/bin/pytest -q'"),
    "granian": ("tests/hosting/test_asgi.py", "granian"),
    "uvicorn": ("tests/hosting/test_asgi.py", "uvicorn"),
    "claude mcp add --scope user --transport http": ("tests/interop/command_lines.py", "mcp add"),
    "codex mcp add": ("tests/interop/command_lines.py", "mcp add"),
    "curl -sS http://127.0.0.1:8080/": ("tests/hosting/test_five_minutes.py", "Five minutes"),
    "export ROTOR_MCP_TOKEN": ("tests/hosting/test_five_minutes.py", "Five minutes"),
    "rotor-mcp serve --http --sandbox": ("tests/hosting/test_five_minutes.py", "Five minutes"),
    "codex plugin": (".ci/clients", "codex plugin add rotor-mcp@rotor-mcp"),
    "codex plugin marketplace": (".ci/clients", "codex plugin marketplace add ./"),
}
"""Part of a command in the documentation → the file that runs it, and the words in it."""
NOT_RUN = {
    "py -m venv": "needs Windows",
    "claude mcp add": "`rotor-mcp install` writes the same entry, and `.ci/clients` has Claude Code start that",
    "docker compose": "needs Docker; `tests/hosting/test_deploy.py` checks the files",
    "sudo ": "changes the machine; `tests/hosting/test_deploy.py` and `tests/hosting/test_tls.py` run the files",
    "rotor-mcp.env": "prepares Docker Compose",
    "secrets": "prepares Docker Compose",
    "cd deploy": "prepares Docker Compose",
    "kubectl": "needs Kubernetes; `tests/hosting/test_deploy.py` checks the files",
    "gemini extensions install": "downloads from GitHub; `.ci/clients` validates the extension",
}
"""Part of a command in the documentation that no test runs → why."""


def not_run() -> str:
    """The commands of the documentation that no test runs, and why."""
    lines = ["| command | why |", "| --- | --- |"]
    for part, why in NOT_RUN.items():
        found = [command for document in DOCUMENTS for command in shell_commands(document) if part in command]
        assert found, part
        lines += [f"| `{command}` | {why} |" for command in dict.fromkeys(found) if judged(command) == part]
    return "\n".join(lines)


def judged(command: str) -> str | None:
    """The part of a command by which it is known to be not run; None if it is run."""
    if any(part in command for part in RUN_ELSEWHERE):
        return None
    return next((part for part in NOT_RUN if part in command), None)


def shell_commands(document: str) -> list[str]:
    """The commands in the blocks of a document."""
    blocks = re.findall(r"^```(?:sh|powershell)\n(.*?)^```", read(document), re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [" ".join(line.partition("   #")[0].split()) for line in lines if line.strip()]


BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"buttons": buttons.block, "examples": lambda: examples(in_readme=True)},
    "docs/tools.md": {"examples": examples, "tokens": tokens, "arguments": arguments},
    "docs/configuration.md": {"settings": settings},
    "docs/README.md": {"not_run": not_run},
    "docs/clients.md": {"clients": clients},
    "docs/hosting.md": {"hosting": hosting},
    "docs/observability.md": {"log_events": log_events},
    "rotor_mcp/sandbox/ASSUMPTIONS.md": {"questions": questions},
    "docs/architecture.md": {"layers": layers, "modules": modules},
    "docs/embedding.md": {name: partial(example, name) for name in ("in_memory", "asgi", "stdio")},
}
"""Document → the blocks of it that are generated."""


def read(document: str) -> str:
    """The text of a document."""
    return (ROOT / document).read_text("utf-8")


def regenerated(document: str) -> str:
    """A document with its blocks made again."""
    content = read(document)
    for name, make in BLOCKS[document].items():
        begin, end = f"<!-- begin: {name} -->\n", "<!-- end"
        before, found, rest = content.partition(begin)
        assert found, name
        _, _, after = rest.partition(end)
        content = f"{before}{begin}{make()}\n{end}{after}"
    return content


@pytest.mark.parametrize("document", BLOCKS)
def test_generated_blocks_are_up_to_date(document: str) -> None:
    assert read(document) == regenerated(document)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_json_blocks_are_json(document: str) -> None:
    for block in re.findall(r"```json\n(.*?)```", read(document), re.DOTALL):
        json.loads(block)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code_blocks(read(document))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), target
        assert not anchor or anchor in _anchors(file.read_text("utf-8")), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document: str) -> None:
    paths = [word for word in _code_words(read(document)) if _is_path(word)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_that_are_to_be_run_exist(document: str) -> None:
    for module in re.findall(r"python -m ((?:bench|evals|release|tests)[\w.]*)", read(document)):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


@pytest.mark.parametrize("document", DOCUMENTS)
def test_tests_that_are_named_exist(document: str) -> None:
    """A line that names a test also names its file."""
    for line in read(document).splitlines():
        words = list(_code_words(line))
        files = [ROOT / word for word in words if word.startswith("tests/") and word.endswith(".py")]
        sources = "".join(file.read_text("utf-8") for file in files)
        for word in words:
            if re.fullmatch(r"test_\w+", word):
                assert f"def {word}(" in sources, word


def test_sizes() -> None:
    assert len(read("README.md").splitlines()) <= 150
    assert len(read("CONTRIBUTING.md").splitlines()) <= 60


def test_every_page_is_in_the_index() -> None:
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\((\w[\w-]*\.md)\)", read("docs/README.md"))) == pages


def test_every_client_has_a_source() -> None:
    table = read("docs/clients.md").partition("## Sources")[2]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == list(CLIENTS)


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = [names for extra, names in project["optional-dependencies"].items() if extra != "dev"]
    names = {re.split(r"[^\w-]", name)[0] for name in chain(project["dependencies"], *extras)}
    table = read("docs/architecture.md").partition("## Dependencies")[2]
    assert {name for name in names if not re.search(rf"^\| .*[\[ ]{name}[\],]", table, re.MULTILINE)} == set()


@pytest.mark.parametrize("command", [".venv/bin/rotor-mcp demo", ".venv/bin/pytest -q"])
def test_commands_that_ci_takes_from_the_readme(command: str) -> None:
    """`.ci/run` takes the first line that holds them."""
    line = next(line for line in read("README.md").splitlines() if command in line)
    assert line.startswith("python3 -m venv .venv && ")
    assert line.endswith(command)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_is_run_or_said_not_to_be(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of `rotor-mcp` are parsed here, and run by the tests of each command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home-show.csv").touch()
    inline = [
        word for word in _code_words(read(document)) if re.fullmatch(r"rotor-mcp [a-z][^A-Z\[|{]*", word)
    ]
    for command in shell_commands(document) + inline:
        words = shlex.split(command)
        if words[0] in ("rotor-mcp", ".venv/bin/rotor-mcp"):
            group = main.make_context("rotor-mcp", words[1:])
            name, found, rest = main.resolve_command(group, words[1:])
            assert found is not None, command
            with suppress(
                click.MissingParameter, click.exceptions.NoArgsIsHelpError, click.exceptions.Exit
            ):  # named alone, or `help`
                found.make_context(name, rest, parent=group)
            continue
        elsewhere = [place for part, place in RUN_ELSEWHERE.items() if part in command]
        assert elsewhere or judged(command), command
        for file, text_of_file in elsewhere:
            assert text_of_file in read(file), file


_PROSE_SUFFIXES = {".md", ".py", ".toml", ".yaml", ".yml"}


def _is_path(word: str) -> bool:
    """Whether a word in code type is a path in this repository, and not one on somebody's machine."""
    if not re.fullmatch(r"[\w.][\w./-]*", word):
        return False
    first = word.partition("/")[0]
    return Path(word).suffix in _PROSE_SUFFIXES or (
        "/" in word and (ROOT / first).is_dir() and first != ".venv"
    )


def _code_words(content: str) -> Iterator[str]:
    """What stands in code type within a line."""
    yield from re.findall(r"`([^`\n]+)`", _without_code_blocks(content))


def _without_code_blocks(content: str) -> str:
    return re.sub(r"^```.*?^```$", "", content, flags=re.DOTALL | re.MULTILINE)


def _anchors(content: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _without_code_blocks(content), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    for page in BLOCKS:
        (ROOT / page).write_text(regenerated(page), "utf-8")
