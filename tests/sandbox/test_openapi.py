from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from rotor_mcp.api.models import LEAD_FIELDS, READ_NAMES, LeadFields
from rotor_mcp.sandbox import FULL_KEY, Sandbox, openapi
from rotor_mcp.sandbox.server import serving

from .conftest import in_process

DOCUMENT = openapi.build_document("/open-api", "1.1.0", 1_000)
SCHEMAS = DOCUMENT["components"]["schemas"]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """Samples on a port, served from another thread because schemathesis does not await."""

    @asynccontextmanager
    async def samples() -> AsyncIterator[str]:
        sandbox = Sandbox(quota=1_000_000)
        try:
            async with serving(sandbox) as url:
                yield url
        finally:
            sandbox.close()

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(samples()) as url:
        yield url


@schemathesis.openapi.from_dict(DOCUMENT).parametrize()
@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_the_sandbox_answers_as_its_document_says(case: schemathesis.Case[Any], base_url: str) -> None:
    case.call_and_validate(
        base_url=base_url,
        headers={"x-api-key": FULL_KEY},
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )


@pytest.mark.anyio
async def test_the_document_is_served_without_a_key(client: httpx2.AsyncClient) -> None:
    client.headers.clear()
    response = await client.get("http://sandbox.invalid/openapi.json")
    assert (response.status_code, response.json()) == (200, DOCUMENT)


def test_the_document_is_json_schema_throughout() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    for response in DOCUMENT["components"]["responses"].values():
        content = response["content"]["application/json"]
        Draft202012Validator(content["schema"]).validate(content["example"])


def test_every_reference_leads_somewhere() -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                yield from references(each)

    found = set(references(DOCUMENT))
    assert found == {
        f"#/components/{kind}/{name}"
        for kind in ("parameters", "schemas", "responses")
        for name in DOCUMENT["components"][kind]
    }


def test_leads_have_the_names_of_the_model() -> None:
    assert set(SCHEMAS["LeadInput"]["properties"]) == {"id", *LeadFields.model_fields}
    assert set(SCHEMAS["Lead"]["properties"]) == {READ_NAMES.get(name, name) for name in LEAD_FIELDS}
    assert set(SCHEMAS["WrittenLead"]["properties"]) == {
        *LEAD_FIELDS,
        *READ_NAMES.values(),
        *("status", "message"),
    }


def test_what_is_sent_has_limits_and_what_is_read_may_be_null() -> None:
    sent, read = SCHEMAS["LeadInput"]["properties"], SCHEMAS["Lead"]["properties"]
    assert "required" not in SCHEMAS["LeadInput"]
    assert (sent["notes"]["maxLength"], sent["service_type"]["maxLength"]) == (2_000, 100)
    assert sent["priority"] == {"type": "string", "enum": ["low", "medium", "high"]}
    assert read["priority"] == {"type": ["string", "null"], "enum": ["low", "medium", "high", None]}
    assert (sent["projected_value"]["type"], sent["projected_value"]["minimum"]) == ("number", 0)
    assert {name for name in sent if "null" in sent[name]["type"]} == set()
    assert {name for name in read if "null" not in read[name]["type"]} == {
        *("id", "name", "tags", "archived", "created_at")
    }
    assert read["follow_up_date"] == {"type": ["string", "null"], "format": "date-time"}


def test_the_query_of_a_listing() -> None:
    _, *query = DOCUMENT["paths"]["/leads"]["get"]["parameters"]
    assert {parameter["name"]: parameter["schema"] for parameter in query} == {
        "archived": {
            "type": "boolean",
            "default": False,
            "description": "true lists archived leads as well",
        },
        "limit": {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 50},
        "page": {"type": "integer", "minimum": 1, "default": 1},
        "search": {
            "type": "string",
            "default": "",
            "description": "Contained in the name, e-mail or phone, in capitals or not; empty: all leads",
        },
        "stage": {"type": "string", "default": "", "description": "Exactly this stage; empty: all leads"},
        "tags": {
            "type": "string",
            "default": "",
            "description": "Separated by commas: leads that have any of them; empty: all leads",
        },
    }


def test_every_operation_has_the_statuses_it_can_answer() -> None:
    assert {
        f"{method} {path}": sorted(map(int, operation["responses"]))
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    } == {
        "get /auth/test": [200, 400, 401, 429, 500],
        "get /leads": [200, 400, 401, 403, 429, 500],
        "post /leads": [200, 201, 400, 401, 403, 404, 429, 500],
        "get /leads/{id}": [200, 400, 401, 403, 404, 429, 500],
    }


@pytest.mark.anyio
@pytest.mark.parametrize("quota", [1, 5_000])
async def test_the_quota_is_the_real_one(make_sandbox: Callable[..., Sandbox], quota: int) -> None:
    async with in_process(make_sandbox(quota=quota)) as client:
        document = (await client.get("http://sandbox.invalid/openapi.json")).json()
    assert f"{quota} requests" in document["components"]["securitySchemes"]["ApiKey"]["description"]
    exhausted = document["components"]["responses"]["Exhausted"]["content"]["application/json"]["example"]
    assert exhausted["message"] == f"Daily API key request limit of {quota} exceeded"
