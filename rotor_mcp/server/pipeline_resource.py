"""The resource `rotor://pipeline`: how many leads are in each stage, from each source, with each tag."""

from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.pipeline import count_pipeline
from rotor_mcp.tools.count_view import count_lines, counts_of
from rotor_mcp.tools.phrases import counted, spent, worth


async def read_pipeline(call: CallContext) -> str:
    """Return a line for each stage, source and tag.

    Raises:
        RotorError: if Rotor could not be asked or refused.
    """
    pipeline = await count_pipeline(call)
    of = f" of {pipeline.exist:,}, the newest" if pipeline.exist is not None else ""
    lines = [
        f"{counted(pipeline.count, 'lead')}{of}; archived ones left out. {worth(pipeline.value)}"
        f"Today is {call.locale.today}. {spent(call.api.requests)}"
    ]
    for counted_leads in pipeline.counts:
        shown = counts_of(counted_leads)
        lines += count_lines(shown["counted_by"], shown["counts"], shown["others"])
    return "\n".join(lines)
