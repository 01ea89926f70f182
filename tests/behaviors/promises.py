"""The promises of docs/write-safety.md, of searches and of imports, as calls to a company and what must be true then."""

import csv
import io
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.types import CallToolResult, TextContent

from rotor_mcp.behavior import Behavior
from rotor_mcp.config import Settings
from rotor_mcp.import_export import exporter, importer
from rotor_mcp.import_export.exporter import Export
from rotor_mcp.import_export.importer import ImportOptions
from rotor_mcp.leads.requests import SearchRequest, SharedFields
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.app import API_VERSION
from rotor_mcp.sandbox.delayed_reads import READS_BEHIND
from rotor_mcp.sandbox.store import FIELDS, StoredLead
from rotor_mcp.server.mcp_server import build_server

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
MAX_REQUESTS = 100
"""Requests of one call here, at most."""
SETTINGS = {"api_key": FULL_KEY, "timezone": "America/Chicago", "search_memory": "0"}

ANN = "0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f001"
JOSE = "0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002"
PAT = "0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f006"
TWIN_A = "0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f003"
TWIN_B = "0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f004"
GONE = "0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f005"
NOBODY = "0d9f3c1a-7b52-4c1e-9d54-2b7c0a51ffff"


def _people() -> list[StoredLead]:
    empty = dict.fromkeys(FIELDS) | {"tags": [], "stage": "Quoted", "created_at": "2026-11-02T15:00:00Z"}
    return [
        empty
        | {
            "id": ANN,
            "name": "Ann Whitfield",
            "phone": "(612) 555-0142",
            "email": "Ann.Whitfield@Example.com",
            "priority": "high",
            "projected_value": 1200,
            "value_score": 7.5,
            "follow_up_date": "2026-11-20T18:00:00Z",
            "service_type": "Window Cleaning",
            "source": "Referral Program",
            "tags": ["Website", "plan: quarterly"],
            "address_street1": "214 Oak Street",
            "address_city": "Edina",
            "address_zip": "55424",
            "notes": "Side gate.\nDog is friendly.",
        },
        empty | {"id": JOSE, "name": "José Núñez", "phone": "763-555-0177", "notes": "Call after five."},
        empty | {"id": PAT, "name": "Pat Orr", "phone": "7635550155", "notes": "Ladder needed."},
        empty | {"id": TWIN_A, "name": "Kim Berg", "phone": "952-555-0188", "tags": ["VIP"]},
        empty | {"id": TWIN_B, "name": "Lou Berg", "phone": "952-555-0188"},
        empty
        | {
            "id": GONE,
            "name": "Old Client",
            "phone": "651-555-0199",
            "notes": "Moved away.",
            "archived_at": "2026-01-05T12:00:00Z",
        },
    ]


@dataclass
class Company:
    """A company on an embedded Rotor, and a client of the server."""

    rotor: Sandbox
    client: Client

    def leads(self) -> dict[str, StoredLead]:
        """What Rotor has stored, by id."""
        return {lead["id"]: lead for lead in self.rotor.store.all()}

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, and check what must be true of any call. The text is under `text`."""
        before = self.leads()
        self.rotor.requests.clear()
        result = await self.client.call_tool(tool, arguments)
        assert len(self.rotor.requests) <= MAX_REQUESTS, self.rotor.requests
        content = {
            **(result.structured_content or {}),
            "text": _text(result),
            "is_error": bool(result.is_error),
        }
        after = self.leads()
        assert before.keys() <= after.keys()
        _nothing_is_lost(before, after)
        if tool == "upsert_lead":
            _claims_are_true(content, before, after)
        return content


def _text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def _nothing_is_lost(before: dict[str, StoredLead], after: dict[str, StoredLead]) -> None:
    """Notes and tags are only added to, and no value that nobody replaced is emptied."""
    for lead_id, old in before.items():
        new = after[lead_id]
        missing = [line for line in (old["notes"] or "").splitlines() if line not in (new["notes"] or "")]
        assert not missing, f"notes lost: {missing}"
        assert set(map(str.casefold, old["tags"])) <= set(map(str.casefold, new["tags"])), "tags lost"
        emptied = [name for name, value in old.items() if value and not new[name] and name != "archived_at"]
        assert not emptied, f"emptied: {emptied}"


def _once(lead: StoredLead) -> StoredLead:
    """A lead with the day of its follow-up, and each line of its notes once.

    Where Rotor answers days, its time is not known. Where it adds to notes, it shows that by a first write.
    """
    lines = dict.fromkeys((lead["notes"] or "").splitlines())
    return lead | {
        "follow_up_date": lead["follow_up_date"] and lead["follow_up_date"][:10],
        "notes": "\n".join(lines),
    }


def _claims_are_true(
    content: dict[str, Any], before: dict[str, StoredLead], after: dict[str, StoredLead]
) -> None:
    new = after.keys() - before.keys()
    outcome = "error" if content["is_error"] and "outcome" not in content else content["outcome"]
    if content.get("dry_run") or outcome in ("unchanged", "needs_confirmation", "error"):
        assert after == before, f"{outcome}, but something was written"
    if outcome == "created":
        assert len(new) == 1, "created, but there is no new lead"
        assert content["id"] in new
    if outcome == "updated":
        assert not new, "updated, but there is a new lead"
    if outcome in ("created", "updated"):
        lead, warned = after[content["id"]], " ".join(content.get("warnings", []))
        for change in content.get("changes", []):
            field = change["field"]
            stored, said = lead[field], change["after"]
            if field == "notes":
                assert str(said).removeprefix("+ ") in stored, f"notes: {said!r} was not written: {stored!r}"
            elif field == "follow_up_date":
                assert str(said)[:10] == str(stored)[:10] or "follow_up_date" in warned
            elif stored != said:
                assert field in warned, f"{field} is {stored!r}, and {said!r} was claimed"
        for tag in content.get("tags_added", []):
            assert tag.casefold() in map(str.casefold, lead["tags"])


Promise = Callable[[Company], Awaitable[None]]
PROMISES: list[Promise] = []


def _promise(promise: Promise) -> Promise:
    PROMISES.append(promise)
    return promise


@_promise
async def notes_and_tags_are_added_to(company: Company) -> None:
    for number, note in enumerate(("Gate code 4411.", "Prefers mornings.", "Paid in cash."), 1):
        said = await company.call("upsert_lead", id=ANN, notes=note, tags=[f"visit {number}"])
        assert said["outcome"] in ("updated", "unknown"), said
        assert note in company.leads()[ANN]["notes"]
    # A Rotor that adds to notes shows it by the first write, which then sends them once too often.
    assert company.leads()[ANN]["notes"].count("Side gate.") <= 1 + (
        company.rotor.behavior.notes == "appended"
    )


@_promise
async def one_field_changes_and_the_others_stay(company: Company) -> None:
    before = company.leads()[ANN]
    said = await company.call("upsert_lead", id=ANN, priority="low")
    assert said["outcome"] in ("updated", "unknown"), said
    assert _once(company.leads()[ANN]) == _once(before | {"priority": "low"})
    said = await company.call("upsert_lead", phone="612.555.0142", projected_value=1500)
    after = company.leads()[ANN]
    assert _once(after) == _once(before | {"priority": "low", "projected_value": 1500})


@_promise
async def a_found_lead_is_not_overwritten(company: Company) -> None:
    said = await company.call("upsert_lead", phone="+1 612 555 0142", name="Bob Carver")
    assert said["outcome"] == "needs_confirmation", said
    said = await company.call("upsert_lead", phone="6125550142", name="Bob Carver", confirm=said["confirm"])
    assert said["outcome"] in ("updated", "unknown"), said
    assert company.leads()[ANN]["name"] == "Bob Carver"


@_promise
async def one_person_is_one_lead(company: Company) -> None:
    count = len(company.leads())
    for phone in ("612-555-0142", "+16125550142", "(612)5550142", "1 612 555 0142"):
        said = await company.call("upsert_lead", phone=phone, name="Ann Whitfield")
        assert said["outcome"] == "unchanged", said
    said = await company.call("upsert_lead", phone="(763) 555-0155", name="Pat Orr")
    assert said["outcome"] == "unchanged", said
    said = await company.call(
        "upsert_lead", email="ann.whitfield@example.COM", service_type="Gutter Cleaning"
    )
    assert said["outcome"] in ("updated", "unknown"), said
    assert len(company.leads()) == count


@_promise
async def somebody_new_is_entered_once(company: Company) -> None:
    count = len(company.leads())
    dana: dict[str, Any] = {
        "name": "Dana Reyes",
        "phone": "(320) 555-0133",
        "email": "dana@example.com",
        "stage": "Quoted",
        "tags": ["Website"],
        "follow_up_date": "2026-12-01",
        "projected_value": 299,
        "notes": "Two storeys.",
    }
    said = await company.call("upsert_lead", **dana)
    assert said["outcome"] in ("created", "unknown"), said
    assert len(company.leads()) == count + 1
    again = dana | {"phone": "320 555 0133"}
    said = await company.call("upsert_lead", **again)
    assert said["outcome"] in ("unchanged", "updated"), said
    said = await company.call("upsert_lead", phone="13205550133", notes="Wants screens too.")
    assert said["outcome"] in ("updated", "unknown"), said
    (stored,) = [lead for lead in company.leads().values() if lead["name"] == "Dana Reyes"]
    assert "Two storeys." in stored["notes"]
    assert "Wants screens too." in stored["notes"]
    assert str(stored["follow_up_date"])[:10] == "2026-12-01"
    assert len(company.leads()) == count + 1


@_promise
async def somebody_without_a_phone_is_entered_once(company: Company) -> None:
    count = len(company.leads())
    said = await company.call("upsert_lead", email="Eve@Example.com", name="Eve Stone")
    assert said["outcome"] in ("created", "unknown"), said
    said = await company.call("upsert_lead", email="eve@example.com", name="Eve Stone", stage="Won")
    assert said["outcome"] in ("updated", "unknown", "error") or said["is_error"], said
    assert len(company.leads()) == count + 1


@_promise
async def a_shared_phone_is_asked_about(company: Company) -> None:
    said = await company.call("upsert_lead", phone="9525550188", notes="Which Berg?")
    assert said["outcome"] == "needs_confirmation", said
    assert {lead["id"] for lead in said["candidates"]} | {said["id"]} == {TWIN_A, TWIN_B}


@_promise
async def an_archived_lead_is_not_doubled(company: Company) -> None:
    count = len(company.leads())
    said = await company.call("upsert_lead", phone="651 555 0199", notes="Is back.")
    if said.get("outcome") == "needs_confirmation":
        said = await company.call(
            "upsert_lead", phone="651 555 0199", notes="Is back.", confirm=said["confirm"]
        )
    assert said["outcome"] in ("updated", "unknown"), said
    assert "Is back." in company.leads()[GONE]["notes"]
    assert len(company.leads()) == count


@_promise
async def an_unknown_id_writes_nothing(company: Company) -> None:
    said = await company.call("upsert_lead", id=NOBODY, name="Nobody")
    assert said["is_error"], said


@_promise
async def an_unknown_stage_is_told(company: Company) -> None:
    said = await company.call("upsert_lead", id=JOSE, stage="Dreaming")
    stored = company.leads()[JOSE]["stage"]
    if stored != "Dreaming":
        told = said["text"]
        assert said["is_error"] or stored in told or "differs" in told, said


@_promise
async def a_lead_is_found_in_any_spelling(company: Company) -> None:
    for text in ("612-555-0142", "+1 (612) 555-0142", "555-0142", "ann.whitfield@example.com", "Whitfield"):
        said = await company.call("search_leads", search=text)
        assert [lead["id"] for lead in said["leads"]] == [ANN], (text, said)
    for text in ("José", "jose nunez", "Núñez"):
        said = await company.call("search_leads", search=text)
        assert [lead["id"] for lead in said["leads"]] == [JOSE], (text, said)
    said = await company.call("search_leads", search="763-555-0155")
    assert [lead["id"] for lead in said["leads"]] == [PAT], said
    said = await company.call("search_leads", search="999-555-0000")
    assert said.get("leads", []) == []


@_promise
async def filters_and_counts_are_those_of_a_naive_reading(company: Company) -> None:
    current = [lead for lead in company.leads().values() if not lead["archived_at"]]
    said = await company.call("search_leads", count_by=["stage"])
    counted = {row.get("name"): row["count"] for row in said["counts"]}
    assert counted == Counter(lead["stage"] or "" for lead in current), said
    said = await company.call("search_leads", stage="quoted", limit=100)
    assert {lead["id"] for lead in said["leads"]} == {
        lead["id"] for lead in current if lead["stage"] == "Quoted"
    }
    said = await company.call("search_leads", tags=["website"], limit=100)
    tagged = {lead["id"] for lead in current if "website" in map(str.casefold, lead["tags"])}
    assert {lead["id"] for lead in said["leads"]} == tagged, said
    said = await company.call("search_leads", created_from="2026-11-01", limit=100)
    late = {lead["id"] for lead in current if lead["created_at"] >= "2026-11-01T05"}
    assert {lead["id"] for lead in said["leads"]} == late, said


@_promise
async def pages_neither_repeat_nor_drop(company: Company) -> None:
    current = {lead["id"] for lead in company.leads().values() if not lead["archived_at"]}
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    for _ in range(40):
        said = await company.call("search_leads", limit=15, **cursor)
        seen += [lead["id"] for lead in said["leads"]]
        if "cursor" not in said:
            break
        cursor = {"cursor": said["cursor"]}
    assert Counter(seen) == Counter(current)


@_promise
async def a_lead_is_read_as_it_is(company: Company) -> None:
    said = await company.call("get_lead", id=ANN)
    lead, stored = said["lead"], company.leads()[ANN]
    for name in ("id", "name", "phone", "email", "stage", "priority", "projected_value", "notes", "tags"):
        assert lead[name] == stored[name], name
    assert lead["follow_up_date"][:10] == "2026-11-20"


@_promise
async def a_batch_says_what_became_of_each_row(company: Company) -> None:
    before = company.leads()
    rows: list[dict[str, Any]] = [
        {"name": f"Row {number}", "phone": f"507-555-01{number:02}", "notes": f"Note {number}."}
        for number in range(8)
    ]
    rows += [
        {"phone": "(612) 555-0142", "notes": "From the batch.", "tags": ["batch"]},
        {"id": JOSE, "priority": "medium"},
        {"phone": "952-555-0188", "notes": "Which one?"},
    ]
    said = await company.call("upsert_leads", rows=rows)
    after = company.leads()
    behavior = company.rotor.behavior
    if behavior.read_delay != "none" and behavior.write_reply in ("without_id", "without_tags"):
        return  # neither replies nor reads show what was written, and rows may end as unknown
    new = [after[lead_id] for lead_id in after.keys() - before.keys()]
    assert sorted(lead["name"] for lead in new) == sorted(row["name"] for row in rows[:8]), said["text"]
    assert all(lead["notes"] and "Note" in lead["notes"] for lead in new)
    assert "From the batch." in after[ANN]["notes"]
    assert after[ANN]["notes"].count("Side gate.") <= 1 + (company.rotor.behavior.notes == "appended")
    assert _once(after[JOSE]) == _once(before[JOSE] | {"priority": "medium"})
    assert after[TWIN_A] == before[TWIN_A]
    said = await company.call("upsert_leads", rows=rows)
    assert after.keys() == company.leads().keys(), said["text"]


@_promise
async def a_lost_reply_is_not_a_second_lead(company: Company) -> None:
    count = len(company.leads())
    company.rotor.faults.add(Fault(method="POST", drop="after"))
    said = await company.call("upsert_lead", name="Gil Moss", phone="320-555-0111", notes="Lost reply.")
    assert len(company.leads()) <= count + 1
    assert said["outcome"] in ("created", "updated", "unknown"), said
    said = await company.call("upsert_lead", name="Gil Moss", phone="(320) 555-0111")
    assert len(company.leads()) == count + 1


def an_import_and_an_export_agree(behavior: Behavior, folder: Path) -> None:
    """Rows are entered once, however often they are imported, and all leads are exported."""
    with closing(company_of(behavior)) as rotor:
        before = {lead["id"]: lead for lead in rotor.store.all()}
        file = folder / "leads.csv"
        lines = io.StringIO()
        writer = csv.writer(lines)
        writer.writerow(["Name", "Phone", "Notes", "Follow-up date"])
        for number in range(12):
            writer.writerow([f"Imported {number}", f"218-555-01{number:02}", f"Line {number}.", "2026-12-05"])
        writer.writerow(["Ann Whitfield", "612 555 0142", "From the file.", ""])
        file.write_text(lines.getvalue(), "utf-8")
        settings = Settings.load(SETTINGS)
        options = ImportOptions(str(file), {}, SharedFields(), 1_000, "write", None)
        for _ in range(2):
            importer.run_import(options, settings, rotor.transport)
        after = {lead["id"]: lead for lead in rotor.store.all()}
        _nothing_is_lost(before, after)
        assert len(after) == len(before) + 12
        for _ in range(READS_BEHIND):  # another process reads
            anyio.run(_read_anything, rotor)
        out = folder / "out.csv"
        export = Export(SearchRequest(archived="include", fields=["id"]), None, 100)
        assert exporter.run_export(settings, rotor.transport, export, str(out), "jsonl")
        exported = [json.loads(line)["id"] for line in out.read_text("utf-8").splitlines()]
        assert Counter(exported) == Counter(after.keys())


async def _read_anything(rotor: Sandbox) -> None:
    headers = {"x-api-key": FULL_KEY, "rotor-api-version": API_VERSION}
    async with httpx2.AsyncClient(transport=rotor.transport(), headers=headers) as http:
        # There may have been too many requests a moment ago.
        while (  # noqa: ASYNC110 - nobody tells
            await http.get("https://sandbox.invalid/open-api/leads?limit=1")
        ).status_code == 429:
            await anyio.sleep(0.1)


def company_of(behavior: Behavior, leads: int = 30) -> Sandbox:
    """An embedded Rotor of a company with some people that the promises are about."""
    rotor = Sandbox(leads=leads, quota=100_000, now=lambda: NOW, behavior=behavior)
    rotor.store.put(_people())
    return rotor


def server_of(rotor: Sandbox) -> Any:
    """A server for it, which knows nothing of how this Rotor behaves but what it cannot find out.

    docs/write-safety.md says so: a phone that is stored as one word is not found by its end.
    """
    known = {"assume": "search=word_beginnings"} if rotor.behavior.search == "word_beginnings" else {}
    return build_server(Settings.load(SETTINGS | known), transport=rotor.transport, clock=lambda: NOW)
