"""The probe on sandboxes that behave in every way, and on a Rotor that does something unexpected."""

import json
from contextlib import closing
from pathlib import Path
from typing import Literal

import anyio
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot

from rotor_mcp.behavior import ANSWERS, Behavior, read_answers
from rotor_mcp.diagnostics.probe import MAX_LEADS, MAX_REQUESTS, TAG, Probe, Report, open_http
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from tests.cli.test_main import ENVIRONMENT
from tests.commands import run

BEHAVIORS = st.fixed_dictionaries({name: st.sampled_from(answers) for name, answers in ANSWERS.items()}).map(
    Behavior.of
)


def probed(rotor: Sandbox, max_leads: int = MAX_LEADS) -> Report:
    async def main() -> Report:
        async with open_http(rotor.transport(), "https://sandbox.invalid/open-api", FULL_KEY, 20) as http:
            return await Probe(http, max_leads).run()

    return anyio.run(main)


def found(behavior: Behavior, leads: int, max_leads: int = MAX_LEADS) -> Report:
    """What the probe finds, which must be true, and have touched nobody."""
    with closing(Sandbox(leads=leads, behavior=behavior, quota=100_000)) as rotor:
        before = {lead["id"]: lead for lead in rotor.store.all()}
        report = probed(rotor, max_leads)
        after = {lead["id"]: lead for lead in rotor.store.all()}
        sent = len(rotor.requests)
    wrong = {name: answer for name, answer in report.seen.items() if getattr(behavior, name) != answer}
    assert wrong == {}
    assert report.seen.keys() ^ report.not_seen.keys() == ANSWERS.keys()
    assert report.requests == sent <= MAX_REQUESTS
    assert {lead_id: after[lead_id] for lead_id in before} == before
    created = [lead for lead_id, lead in after.items() if lead_id not in before]
    assert len(created) == report.leads_created <= max_leads
    assert all(TAG in lead["tags"] for lead in created)
    return report


@settings(max_examples=12)
@given(behavior=BEHAVIORS, leads=st.sampled_from([0, 1, 4, 150]))
def test_it_finds_what_is_so_or_nothing(behavior: Behavior, leads: int) -> None:
    found(behavior, leads)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    behavior=BEHAVIORS,
    leads=st.sampled_from([0, 1, 4, 60, 150, 300, 1_200]),
    max_leads=st.integers(0, MAX_LEADS),
)
def test_it_does_so_in_companies_of_all_sizes(behavior: Behavior, leads: int, max_leads: int) -> None:
    found(behavior, leads, max_leads)


@pytest.mark.parametrize(
    ("behavior", "not_seen"),
    [
        ("", {"archived_match"}),
        ("omitted_fields=blanked", {"archived_match", "blank_texts"}),
        ("write_reply=without_id", {"archived_match", "phone_match", "email_match", "several_match"}),
        ("pagination=missing", {"archived_match", "page_cap"}),
    ],
)
def test_what_it_sees_in_a_company_of_150(behavior: str, not_seen: set[str]) -> None:
    report = found(Behavior.parse(behavior), 150)
    assert report.not_seen.keys() == not_seen
    assert report.stopped is None


def test_reading_alone_answers_nearly_half() -> None:
    report = found(Behavior(), 150, 0)
    assert (report.leads_created, report.requests) == (0, 18)
    assert sorted(report.seen) == snapshot(
        [
            "auth_test",
            "burst_limit",
            "error_body",
            "follow_up_output",
            "id_case",
            "invalid_status",
            "numbers",
            "page_cap",
            "pagination",
            "search",
            "stage_case",
            "version_header",
        ]
    )
    assert report.not_seen["notes"] == "only a write shows it"


@pytest.mark.parametrize(
    "at", [pytest.param(at, marks=[] if at in (0, 4, 8, 12, 20) else [pytest.mark.slow]) for at in range(36)]
)
@pytest.mark.parametrize(
    "fault", [Fault(status=500), Fault(drop="after"), Fault(status=401)], ids=["500", "cut", "401"]
)
def test_it_stops_at_the_first_answer_that_it_does_not_expect(fault: Fault, at: int) -> None:
    with closing(Sandbox(leads=150, quota=100_000)) as rotor:
        before = {lead["id"]: lead for lead in rotor.store.all()}
        transport = _FaultAt(rotor, fault, at)

        async def main() -> Report:
            async with open_http(transport, "https://sandbox.invalid/open-api", FULL_KEY, 20) as http:
                return await Probe(http).run()

        report = anyio.run(main)
        after = {lead["id"]: lead for lead in rotor.store.all()}
        sent = len(rotor.requests)
    assert {lead_id: after[lead_id] for lead_id in before} == before
    if transport.used and at < 25:  # those at the end are sent at once
        assert report.stopped is not None
        assert sent == at + 1
    assert all(getattr(Behavior(), name) == answer for name, answer in report.seen.items())


class _FaultAt(httpx2.AsyncBaseTransport):
    """A Rotor that fails at one request."""

    def __init__(self, rotor: Sandbox, fault: Fault, at: int) -> None:
        self._rotor, self._transport, self._fault, self._left = rotor, rotor.transport(), fault, at
        self.used = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._left == 0:
            self._rotor.faults.add(self._fault)
            self.used = True
        self._left -= 1
        return await self._transport.handle_async_request(request)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '{"data": [1, "x", {"name": 5, "stage": ["a"]}], "pagination": 7}',
        '{"data": {"id": null, "name": null, "tags": "none", "phone": 5}}',
        '{"id": 7, "name": {}, "created_at": []}',
        "not JSON",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_ends_whatever_is_answered(method: Literal["GET", "POST"], body: str) -> None:
    with closing(Sandbox(leads=20, quota=100_000)) as rotor:
        before = {lead["id"]: lead for lead in rotor.store.all()}
        rotor.faults.add(Fault(method=method, status=200, body=body, times=100))
        report = probed(rotor)
        after = {lead["id"]: lead for lead in rotor.store.all()}
    assert report.requests <= MAX_REQUESTS
    assert {lead_id: after[lead_id] for lead_id in before} == before


def test_a_write_that_reaches_somebody_else_ends_it() -> None:
    """A Rotor that takes the new lead for one that was there."""
    with closing(Sandbox(leads=150, quota=100_000)) as rotor:
        (other, *_) = rotor.store.all()
        body = {"id": other["id"], "name": other["name"], "status": "success"}
        rotor.faults.add(Fault(method="POST", status=200, body=json.dumps(body)))
        report = probed(rotor)
        posts = [request for request in rotor.requests if request.startswith("POST")]
    assert report.stopped == "a write was answered with a lead that was there before"
    assert len(posts) == 1


def probe(*arguments: str, typed: str = "") -> tuple[int, str, str]:
    """Exit status, output and errors of the command."""
    ended = run(["probe", *arguments], ENVIRONMENT, given=typed.encode())
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def test_the_command_asks_first(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert probe("--sandbox", "--report", str(report), typed="yes\n") == snapshot(
        (
            1,
            """\
This finds out how Rotor at sandbox.invalid behaves. It will
- send 40 requests at most, which count against the 1,000 of the day;
- create one lead, and up to 3 more where Rotor does not recognise it.
  It has an invented name, a phone number that is reserved for examples, an
  e-mail at example.com and the tag rotor-mcp-probe. The API cannot delete a lead:
  archive it in Rotor afterwards;
- change what it has created, and nothing else. It stops when an answer is not
  one that it expects.
Automations of the company may start for such a lead. To keep them off, exclude
the tag rotor-mcp-probe from them first.
Type probe to begin: \
""",
            "Error: nothing was sent\n",
        )
    )
    assert not report.exists()


def test_the_report_is_what_assume_reads(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    behavior = "notes=appended,write_status=always_200"
    status, told, _ = probe("--sandbox", "--assume", behavior, "--report", str(report), typed="probe\n")
    assert status == 0
    assert f"--assume {behavior}\n" in told
    written = report.read_text("utf-8")
    assert FULL_KEY not in written
    assert "@" not in written
    assert str(Behavior.of(read_answers(str(report)))) == behavior
    again = tmp_path / "again.json"
    probe("--sandbox", "--assume", str(report), "--report", str(again), typed="probe\n")
    assert json.loads(again.read_text("utf-8"))["seen"] == json.loads(written)["seen"]


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    status, told, said = probe("--sandbox", "--read-only", "--report", str(tmp_path / "none" / "report.json"))
    assert (status, "requests spent" in told) == (1, True)
    assert said.endswith("report.json cannot be written: No such file or directory\n")


def test_without_a_key_it_says_so() -> None:
    assert probe("--read-only") == (1, "", "Error: ROTOR_API_KEY is not set.\n")
