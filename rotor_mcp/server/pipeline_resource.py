"""The resource `rotor://pipeline`: how many leads are in each stage, from each source, with each tag."""

from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.pipeline import count_pipeline
from rotor_mcp.tools.phrases import Count, count_texts, counted, spent, worth

MAX_COUNTS = 50
"""Stages, sources or tags that are counted by name, the most numerous."""


async def read_pipeline(call: CallContext) -> str:
    """Return a line for each stage, source and tag.

    Raises:
        RotorError: if Rotor could not be asked or refused.
    """
    pipeline = await count_pipeline(call)
    of = f" of {pipeline.exist:,}, the newest" if pipeline.exist is not None else ""
    day = f"Today is {call.locale.today} ({call.locale.zone})."
    lines = [
        f"{counted(pipeline.count, 'lead')}{of}; archived ones left out. {worth(pipeline.value)}{day} "
        f"{spent(call.api.requests)}"
    ]
    for by, counts in pipeline.counts.items():
        lines += [f"By {by}:", *(f"  {text}" for text in count_texts(Count.first(counts, MAX_COUNTS)))]
    return "\n".join(lines)
