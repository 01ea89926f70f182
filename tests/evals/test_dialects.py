"""Endpoints that speak either dialect: conversations through them, and all that they can do wrong."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest
from inline_snapshot import snapshot
from mcp import Client

from evals.agent import Course, Limits, converse
from evals.anthropic import anthropic
from evals.chat import Model
from evals.openai import openai
from evals.runner import judge
from evals.tasks import TASKS
from evals.transcript import Transcript
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.server.mcp_server import build_server
from rotor_mcp.sockets import listen
from tests.conftest import JANE, NOW
from tests.evals.endpoints import KEY, Broken, Played, Said, endpoint

pytestmark = pytest.mark.anyio

GATE_CODE = TASKS["gate_code"]
NOTE = Said(tool="upsert_lead", arguments={"id": JANE, "notes": "The gate code is 4711."})
DONE = Said("It stands in Jane Doe's notes.")

Dialect = Callable[..., Model]
both = pytest.mark.parametrize("dialect", [openai, anthropic])


async def held(model: Model, folder: Path, limits: Limits | None = None, task: str = "gate_code") -> Course:
    """Hold the conversation of a task with our server."""
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "UTC"})
    with closing(TASKS[task].sandbox(lambda: NOW)) as rotor:
        server = build_server(settings, transport=rotor.transport, clock=lambda: NOW)
        async with Client(server) as client:
            return await converse(
                TASKS[task],
                rotor,
                client,
                model,
                today=NOW.date(),
                limits=limits or Limits(),
                log=Transcript(folder / "transcript.jsonl"),
            )


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "transcript.jsonl").read_text("utf-8").splitlines()]


@both
async def test_a_task_is_done(dialect: Dialect, tmp_path: Path) -> None:
    played = endpoint(NOTE, DONE)
    course = await held(dialect(played.url, "some-model", KEY), tmp_path)
    assert judge(GATE_CODE, course, NOW.date()) is None
    assert (course.answers, course.calls) == ([DONE.text], 1)
    assert (course.tokens_in, course.tokens_out) == (200, 20)
    assert {asked["model"] for asked in played.asked} == {"some-model"}
    transcript = lines(tmp_path)
    assert [line["what"] for line in transcript] == ["system", "person", "model", "result", "model"]
    assert transcript[2]["calls"] == [{"name": "upsert_lead", "arguments": NOTE.arguments}]
    assert "notes: + 2026-11-22: The gate code is 4711." in transcript[3]["text"]
    assert KEY not in (tmp_path / "transcript.jsonl").read_text("utf-8")


def sent(played: Played) -> Any:
    """The last request: the messages after the person's, with what the tool returned cut short."""

    def short(value: Any) -> Any:
        match value:
            case dict():
                return {name: short(each) for name, each in value.items()}
            case list():
                return [short(each) for each in value]
            case str() if "\n" in value:
                return value.splitlines()[0] + " …"
        return value

    return [short(message) for message in played.asked[-1]["messages"] if message["role"] != "system"]


async def test_what_openai_is_sent(tmp_path: Path) -> None:
    played = endpoint(NOTE, DONE)
    await held(openai(played.url, "some-model", KEY), tmp_path)
    assert sent(played) == snapshot(
        [
            {"role": "user", "content": "Note for Jane Doe: the gate code is 4711."},
            {
                "content": "",
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {
                            "name": "upsert_lead",
                            "arguments": '{"id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e", "notes": "The gate code is 4711."}',
                        },
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "Updated Jane Doe. 2 requests spent. …"},
        ]
    )
    first = played.asked[0]
    assert sorted(first) == ["messages", "model", "tools"]
    assert "Leads in Rotor, the CRM of field-service businesses." in first["messages"][0]["content"]
    assert "Today is Sunday, 2026-11-22" in first["messages"][0]["content"]
    tools = {tool["function"]["name"]: tool["function"] for tool in first["tools"]}
    assert [*tools] == ["upsert_lead", "upsert_leads", "search_leads", "get_lead"]
    assert sorted(tools["get_lead"]) == ["description", "name", "parameters"]
    assert tools["get_lead"]["parameters"]["required"] == ["id"]
    assert played.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_what_anthropic_is_sent(tmp_path: Path) -> None:
    played = endpoint(NOTE, DONE)
    await held(anthropic(played.url, "some-model", KEY), tmp_path)
    assert sent(played) == snapshot(
        [
            {"role": "user", "content": "Note for Jane Doe: the gate code is 4711."},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                    {
                        "type": "tool_use",
                        "id": "toolu_1",
                        "name": "upsert_lead",
                        "input": {
                            "id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e",
                            "notes": "The gate code is 4711.",
                        },
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "content": "Updated Jane Doe. 2 requests spent. …",
                        "is_error": False,
                    }
                ],
            },
        ]
    )
    first = played.asked[0]
    assert sorted(first) == ["max_tokens", "messages", "model", "system", "tools"]
    assert "Leads in Rotor, the CRM of field-service businesses." in first["system"]
    assert sorted(first["tools"][3]) == ["description", "input_schema", "name"]
    assert (played.headers[0]["x-api-key"], played.headers[0]["anthropic-version"]) == (KEY, "2023-06-01")


@both
async def test_two_turns_are_one_conversation(dialect: Dialect, tmp_path: Path) -> None:
    played = endpoint(Said("That is Jane's number. Sure?"), Said("Bob has it."))
    course = await held(dialect(played.url, "some-model", KEY), tmp_path, task="takes_over")
    assert course.answers == ["That is Jane's number. Sure?", "Bob has it."]
    roles = [message["role"] for message in played.asked[-1]["messages"]]
    assert roles[-3:] == ["user", "assistant", "user"]
    assert len(course.states) == 3


@both
async def test_an_endpoint_without_a_key(dialect: Dialect, tmp_path: Path) -> None:
    played = endpoint(DONE)
    await held(dialect(played.url, "some-model", None), tmp_path)
    assert not {"authorization", "x-api-key"} & {*played.headers[0]}


@both
@pytest.mark.parametrize(
    "trouble",
    [
        Broken(429, headers={"retry-after": "0"}),
        Broken(500),
        Broken(529),
        Broken(503, headers={"retry-after": "Fri, 20 Nov 2026 07:28:00 GMT"}),
    ],
    ids=lambda trouble: trouble.status,
)
async def test_what_passes_is_waited_for(dialect: Dialect, trouble: Broken, tmp_path: Path) -> None:
    played = endpoint(trouble, trouble, NOTE, DONE)
    course = await held(dialect(played.url, "some-model", KEY, first_pause=0.001), tmp_path)
    assert judge(GATE_CODE, course, NOW.date()) is None
    assert len(played.asked) == 4


async def test_as_long_as_the_endpoint_asks_for(tmp_path: Path) -> None:
    played = endpoint(Broken(429, headers={"retry-after": "0"}), DONE)
    with anyio.fail_after(5):
        await held(openai(played.url, "some-model", KEY, first_pause=60), tmp_path)


@both
@pytest.mark.parametrize(
    ("script", "attempts", "reason"),
    [
        ([Broken(500)], 6, 'failed 6 times, at last with 500 {"error": "broken"}'),
        ([NOTE, Broken(429)], 7, 'failed 6 times, at last with 429 {"error": "broken"}'),
        (
            [Broken(401, f'{{"error": "no such key: {KEY}"}}')],
            1,
            'refused: 401 {"error": "no such key: «key»"}',
        ),
        ([Broken(200, "<html>Gateway</html>")], 1, "answered no JSON object: 200 <html>Gateway</html>"),
        ([Broken(200, "[]")], 1, "answered no JSON object: 200 []"),
    ],
)
async def test_what_does_not_pass_ends_the_run(
    dialect: Dialect, script: list[Said | Broken], attempts: int, reason: str, tmp_path: Path
) -> None:
    played = endpoint(*script)
    course = await held(dialect(played.url, "some-model", KEY, first_pause=0.001), tmp_path)
    assert (course.given_up, course.endpoint_failed) == (f"the model's endpoint {reason}", True)
    assert judge(GATE_CODE, course, NOW.date()) == course.given_up
    assert len(played.asked) == attempts


@pytest.mark.parametrize("body", ["{}", '{"choices": []}', '{"choices": [{"message": null}]}'])
async def test_no_chat_completion(body: str, tmp_path: Path) -> None:
    played = endpoint(Broken(200, body))
    course = await held(openai(played.url, "some-model", KEY), tmp_path)
    assert str(course.given_up).startswith("the model's endpoint answered no chat completion: ")


@pytest.mark.parametrize("body", ["{}", '{"content": "text"}', '{"content": [{"type": "tool_use"}]}'])
async def test_no_message(body: str, tmp_path: Path) -> None:
    played = endpoint(Broken(200, body))
    course = await held(anthropic(played.url, "some-model", KEY), tmp_path)
    assert str(course.given_up).startswith("the model's endpoint answered no message: ")


async def test_nobody_listens(tmp_path: Path) -> None:
    with closing(listen()) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    course = await held(openai(url, "some-model", KEY, attempts=2, first_pause=0.001), tmp_path)
    assert course.given_up == "the model's endpoint failed 2 times, at last with ConnectError"


@pytest.mark.parametrize("written", ['{"id": "', "[]", '"Jane"'])
async def test_arguments_that_are_no_object_are_told_to_the_model(written: str, tmp_path: Path) -> None:
    wrong = Said(tool="get_lead", arguments=written)
    played = endpoint(wrong, NOTE, DONE)
    course = await held(openai(played.url, "some-model", KEY), tmp_path)
    assert judge(GATE_CODE, course, NOW.date()) is None
    assert sent(played)[2]["content"] == "The arguments are not a JSON object."


@both
async def test_a_tool_that_is_not_there_is_told_to_the_model(dialect: Dialect, tmp_path: Path) -> None:
    played = endpoint(Said(tool="delete_lead", arguments={"id": JANE}), NOTE, DONE)
    course = await held(dialect(played.url, "some-model", KEY), tmp_path)
    assert judge(GATE_CODE, course, NOW.date()) is None
    told = next(line for line in lines(tmp_path) if line["what"] == "result")
    assert (told["text"], told["failed"]) == ("Unknown tool: delete_lead", True)


@both
async def test_a_model_that_never_answers(dialect: Dialect, tmp_path: Path) -> None:
    played = endpoint(NOTE)
    course = await held(dialect(played.url, "some-model", KEY), tmp_path, Limits(replies=3))
    assert (course.given_up, course.endpoint_failed) == ("no answer after 3 replies with calls", False)
    assert course.calls == 3


@both
async def test_a_model_that_takes_too_long(dialect: Dialect, tmp_path: Path) -> None:
    played = endpoint(Broken(200, delay=1))
    course = await held(dialect(played.url, "some-model", KEY), tmp_path, Limits(seconds=0.3))
    assert (course.given_up, course.endpoint_failed) == ("no end after 0.3 seconds", False)
