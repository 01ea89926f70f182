"""The OpenAPI 3.1 document of the sandbox's Leads API. Types and limits come from `requests`.

The endpoint for faults is left out, since it is not part of Rotor's API.
"""

from collections.abc import Sequence
from typing import Any

from rotor_mcp.api.models import READ_NAMES
from rotor_mcp.sandbox import responses
from rotor_mcp.sandbox.api_keys import READ, WRITE
from rotor_mcp.sandbox.requests import LEAD_INPUT, Listing

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_DATE_TIME: Schema = {"type": "string", "format": "date-time"}
_UUID: Schema = {"type": "string", "format": "uuid"}


def build_document(base_path: str, version: str, quota: int) -> Schema:
    """Return the document of a sandbox whose keys have `quota` requests per day."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Leads API, as rotor_mcp's sandbox speaks it",
            "version": version,
            "description": "For trying out, tests and demos. Not by Rotor.",
        },
        "servers": [{"url": base_path}],
        "security": [{"ApiKey": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "ApiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": f"`rotor_<keyId>_<keySecret>`; it has {quota} requests per UTC day.",
                }
            },
            "parameters": {
                "Version": {
                    "name": "rotor-api-version",
                    "in": "header",
                    "required": True,
                    "schema": {"type": "string", "enum": [version]},
                }
            },
            "schemas": _schemas(),
            "responses": _error_responses(quota),
        },
    }


def _paths() -> Schema:
    return {
        "/auth/test": {
            "get": _operation(
                "testKey",
                "Tell whether the key is good, and what it may do",
                {"200": _response("The key is good", "Authenticated")},
                errors=(400, 401, 429, 500),
            )
        },
        "/leads": {
            "get": _operation(
                "listLeads",
                f"List leads, newest first; asks for the scope {READ}",
                {"200": _response("One page of leads", "LeadPage")},
                errors=(400, 401, 403, 429, 500),
                parameters=[
                    {"name": name, "in": "query", "schema": _without_titles(schema)}
                    for name, schema in Listing.model_json_schema()["properties"].items()
                ],
            ),
            "post": _operation(
                "writeLead",
                f"Update the lead with this id, else phone, else e-mail; else create one; asks for {WRITE}",
                {
                    "200": _response("A lead was updated", "WrittenLead"),
                    "201": _response("A lead was created", "WrittenLead"),
                },
                errors=(400, 401, 403, 404, 429, 500),
            )
            | {
                "requestBody": {
                    "required": True,
                    "content": _json({"$ref": "#/components/schemas/LeadInput"}),
                }
            },
        },
        "/leads/{id}": {
            "get": _operation(
                "getLead",
                f"Read one lead, archived or not; asks for the scope {READ}",
                {"200": _response("The lead", "OneLead")},
                errors=(400, 401, 403, 404, 429, 500),
                parameters=[{"name": "id", "in": "path", "required": True, "schema": _UUID}],
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    successes: Schema,
    errors: tuple[int, ...],
    parameters: Sequence[Schema] = (),
) -> Schema:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [{"$ref": "#/components/parameters/Version"}, *parameters],
        "responses": successes
        | {str(status): {"$ref": f"#/components/responses/{_ERRORS[status][0]}"} for status in errors},
    }


def _schemas() -> Schema:
    lead_input = _without_titles(LEAD_INPUT.json_schema())
    sent: Schema = lead_input["properties"]
    read_only = {
        "archived": {"type": "boolean"},
        "archived_at": _nullable(_DATE_TIME),
        "assigned_to": _nullable(_TEXT | {"description": "User id"}),
        "created_at": _DATE_TIME,
        "location": _nullable(
            {"type": "array", "items": {"type": "number"}, "description": "Latitude, longitude"}
        ),
        "value_score": _nullable({"type": "number"}),
    }
    # A stored field has the limits of the sent one, and may be null. A date-time has one form only.
    stored: Schema = {name: _nullable(_type_and_limits(schema)) for name, schema in sent.items()} | {
        "id": _UUID,
        "name": _TEXT,
        "tags": _type_and_limits(sent["tags"]),
        "follow_up_date": _nullable(_DATE_TIME),
    }
    lead = {READ_NAMES.get(name, name): schema for name, schema in stored.items()} | read_only
    success = {"status": {"const": "success"}}
    return {
        "LeadInput": lead_input,
        "Lead": _object(lead),
        "WrittenLead": _object(
            lead | stored | success | {"message": {"enum": [*responses.MESSAGES.values()]}}
        ),
        "OneLead": _object({"data": {"$ref": "#/components/schemas/Lead"}} | success),
        "LeadPage": _object(
            {
                "data": {"type": "array", "items": {"$ref": "#/components/schemas/Lead"}},
                "pagination": _object(
                    {
                        "has_more": {"type": "boolean", "description": "There is a page after this one"},
                        "limit": {"type": "integer"},
                        "page": {"type": "integer"},
                        "total": {"type": "integer", "description": "Leads on all pages"},
                    }
                ),
            }
            | success
        ),
        "Authenticated": _object(
            {
                "message": _TEXT,
                "authenticated": {"const": True},
                "company_id": _UUID,
                "user_id": {"type": "null"},
                "auth_method": {"const": "api_key"},
                "scopes": {"type": "array", "items": {"enum": [READ, WRITE]}},
                "timestamp": _DATE_TIME,
            }
            | success
        ),
    }


_ERRORS = {
    400: ("Invalid", "A field or header is wrong; each is named"),
    401: ("Unauthenticated", "No key, or an unknown one"),
    403: ("Forbidden", "The key lacks a scope"),
    404: ("NotFound", "No lead has this id"),
    429: ("Exhausted", "The key has used up its requests of the day"),
    500: ("Failure", "The sandbox failed"),
}
"""Status → name and description of the response component."""


def _error_responses(quota: int) -> Schema:
    fields = {"type": "array", "items": _object({"field": _TEXT, "message": _TEXT}), "minItems": 1}
    responses_by_name = {}
    for status, (name, description) in _ERRORS.items():
        example = responses.typical_error(status, "GET", quota)
        schema = _object(
            {key: fields if key == "errors" else _TEXT for key in example} | {"status": {"const": "error"}}
        )
        responses_by_name[name] = {
            "description": description,
            "content": {"application/json": {"schema": schema, "example": example}},
        }
    return responses_by_name


def _response(description: str, schema: str) -> Schema:
    return {"description": description, "content": _json({"$ref": f"#/components/schemas/{schema}"})}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _object(properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties, all required."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def _nullable(schema: Schema) -> Schema:
    nullable = schema | {"type": [schema["type"], "null"]}
    return nullable | {"enum": [*schema["enum"], None]} if "enum" in schema else nullable


def _type_and_limits(schema: Schema) -> Schema:
    """Return a schema without its descriptions, which are about sending."""
    return {key: value for key, value in schema.items() if key not in ("description", "examples")}


def _without_titles(schema: Schema) -> Schema:
    """Return a schema without the titles that pydantic generates from names."""
    result = {key: value for key, value in schema.items() if key != "title"}
    if "properties" in result:
        result["properties"] = {name: _without_titles(value) for name, value in result["properties"].items()}
    return result
