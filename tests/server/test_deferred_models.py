"""What the SDK defines is built when it is first used. In processes of their own: other tests load the SDK as well."""

import subprocess
import sys
from textwrap import dedent

from inline_snapshot import snapshot


def printed(program: str) -> str:
    command = [sys.executable, "-c", dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_adapters_of_the_sdk_are_built_when_they_are_used() -> None:
    assert printed("""
        from rotor_mcp.server.deferred_models import defer_models
        defer_models()
        import mcp_types
        from mcp.client import session
        adapters = {
            name: adapter
            for module in (mcp_types, session)
            for name, adapter in vars(module).items()
            if type(adapter).__name__ == "TypeAdapter"
        }
        for name, adapter in adapters.items():
            print(name, adapter.pydantic_complete)
        ping = mcp_types.jsonrpc_message_adapter.validate_json('{"jsonrpc":"2.0","id":1,"method":"ping"}')
        print(repr(ping), mcp_types.jsonrpc_message_adapter.pydantic_complete)
        print(mcp_types.server_request_adapter.json_schema()["anyOf"][:1])
    """) == snapshot("""\
client_notification_adapter False
client_request_adapter False
client_result_adapter False
server_notification_adapter False
server_request_adapter False
server_result_adapter False
jsonrpc_message_adapter False
ClientResponse False
_CallToolResultAdapter False
_GetPromptResultAdapter False
_ReadResourceResultAdapter False
JSONRPCRequest(jsonrpc='2.0', id=1, method='ping', params=None) True
[{'$ref': '#/$defs/PingRequest'}]
""")


def test_what_says_when_it_is_built_is_built_then() -> None:
    assert printed("""
        from pydantic import BaseModel, ConfigDict, TypeAdapter
        from rotor_mcp.server.deferred_models import defer_models
        defer_models()
        class Built(BaseModel, defer_build=False):
            name: str
        class Deferred(BaseModel):
            name: str
        for adapted in (int | str, Built, Deferred, list[int]):
            print(adapted, TypeAdapter(adapted).pydantic_complete)
        given = ConfigDict(str_max_length=1)
        print(given, TypeAdapter(str | None, config=given).pydantic_complete)
    """) == snapshot("""\
int | str False
<class '__main__.Built'> True
<class '__main__.Deferred'> False
list[int] True
{'str_max_length': 1} True
""")


def test_names_are_resolved_where_an_adapter_is_defined() -> None:
    assert printed("""
        from pydantic import TypeAdapter
        from rotor_mcp.server.deferred_models import defer_models
        defer_models()
        def define():
            Near = int
            return TypeAdapter(list["Near"])
        adapter = define()
        print(adapter.validate_python(["1"]), adapter.pydantic_complete)
    """) == snapshot("[1] True\n")
