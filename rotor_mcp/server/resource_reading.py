"""Reads resources. Every failure becomes one of the SDK's errors, with a text that a model can act on."""

from collections.abc import Awaitable, Callable

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from rotor_mcp.errors import CallError, CallRejected, InvalidArguments, NotFound
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.validation import parse
from rotor_mcp.sanitize import clean
from rotor_mcp.server import pipeline_resource
from rotor_mcp.server.access import AccessControl
from rotor_mcp.server.recording import log_rejection, recorded
from rotor_mcp.tools.error_text import render_error
from rotor_mcp.tools.get_lead import GetLeadArguments, get_lead, render_lead


async def read_lead(lead_id: str, access: AccessControl) -> str:
    """Read the resource of a lead.

    Raises:
        ResourceNotFoundError: if no lead has this id.
        ResourceError: if Rotor could not be asked or refused.
    """

    async def read(call: CallContext) -> str:
        return render_lead(await get_lead(parse(GetLeadArguments, {"id": lead_id}), call))

    return await _read("resource lead", read, access)


async def read_pipeline(access: AccessControl) -> str:
    """Read the resource of the pipeline.

    Raises:
        ResourceError: if Rotor could not be asked or refused.
    """
    return await _read("resource pipeline", pipeline_resource.read_pipeline, access)


async def _read(what: str, read: Callable[[CallContext], Awaitable[str]], access: AccessControl) -> str:
    try:
        async with access.admit(writing=False) as admitted:
            call = CallContext.begin(admitted.tenant, caller=admitted.caller)
            try:
                with recorded(what, admitted, call):
                    return admitted.tenant.safe(await read(call))
            except CallError as exc:
                missing = isinstance(exc, (InvalidArguments, NotFound))
                text = admitted.tenant.safe(render_error(exc, call.api.requests, admitted.where_the_key_is))
                raise (ResourceNotFoundError if missing else ResourceError)(text) from None
    except CallRejected as exc:
        log_rejection(what, exc)
        raise ResourceError(clean(render_error(exc, 0))) from None
