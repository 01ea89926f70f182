"""Derives the definitions of the tools from the tools and their models.

They are kept in `definitions.json`, from which the server reads them: a start needs no models. A test
compares the two, and `pytest -n 0 --inline-snapshot=fix` writes the file anew.

Left out is what costs tokens and adds nothing: titles, `null` beside a type (an unknown field is left
out), references to definitions that are used once.
"""

from collections.abc import Set
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.tools.tool import Tool
from rotor_mcp.tools.upsert_leads import UpsertLeadsArguments


class _SlimJsonSchema(GenerateJsonSchema):
    """pydantic's generator, without titles, `null` alternatives and defaults that mean "not given"."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        slim = super().default_schema(schema)
        if not slim.get("default"):
            slim.pop("default", None)
        return slim

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        slim = super().model_schema(schema)
        slim.pop("title", None)
        slim.pop("description", None)  # a docstring is for readers of the code
        return slim


def definition(tool: Tool[Any, Any]) -> dict[str, Any]:
    """Define a tool as `tools/list` answers it."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": _input_schema(tool.arguments),
        "outputSchema": _output_schema(tool.result),
        "annotations": {
            "readOnlyHint": tool.read_only,
            "destructiveHint": not tool.read_only,  # with an id, a write may replace what is there
            "idempotentHint": True,
            "openWorldHint": True,
        },
    }


PORTABLE = frozenset(
    {"type", "description", "enum", "items", "properties", "minimum", "maximum", "required", "default"}
)
"""Words of JSON schema that all consumers of input schemas read: the APIs of Gemini and OpenAI, llama.cpp,
and libraries that convert schemas. One word that a consumer refuses takes all tools out of a request.
Formats and lengths are checked when a call comes, whatever the schema says.
"""


def _input_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Derive the schema of a tool's arguments."""
    schema = _only(PORTABLE, model.model_json_schema(schema_generator=_SlimJsonSchema))
    if model is UpsertLeadsArguments:
        # What the fields mean stands in the schema of upsert_lead.
        row = _only(PORTABLE - {"description", "minimum"}, _input_schema(UpsertRequest))
        del row["properties"]["dry_run"]  # it is for all rows
        schema["properties"]["rows"]["items"] = row
    return schema


def _only(words: Set[str], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema, and the schemas in it, with these words only."""
    slim = {word: value for word, value in schema.items() if word in words}
    if "properties" in slim:
        slim["properties"] = {name: _only(words, part) for name, part in slim["properties"].items()}
    if "items" in slim:
        slim["items"] = _only(words, slim["items"])
    return slim


def _output_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Derive the schema of a tool's result: names and types.

    Limits and meanings are left out: they stand in the input schema, and what Rotor stores may break them.
    The types of list items are left out too: the names of the fields show them.
    """
    schema = model.model_json_schema(schema_generator=_SlimJsonSchema)
    definitions = schema.pop("$defs", {})
    return _names_and_types(schema, definitions)


_STRUCTURE = ("type", "properties", "required")


def _names_and_types(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if reference := schema.get("$ref"):
        return _names_and_types(definitions[reference.removeprefix("#/$defs/")], definitions)
    slim = {word: schema[word] for word in _STRUCTURE if word in schema}
    if "properties" in slim:
        slim["properties"] = {
            name: _names_and_types(part, definitions) for name, part in slim["properties"].items()
        }
    return slim
