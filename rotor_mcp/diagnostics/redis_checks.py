"""Checks the Redis that several servers share."""

from contextlib import aclosing

from rotor_mcp.config import Settings, environment_variable
from rotor_mcp.diagnostics.check import Check, crashed_check
from rotor_mcp.server.backend import open_state_factory


async def check_redis(settings: Settings) -> Check:
    """Check whether Redis responds and can store locks."""
    try:
        async with aclosing(open_state_factory(settings, search_memory=0)) as shared:
            health = await shared.check()
    except Exception as exc:
        return crashed_check("redis", exc)
    if health.trouble is None:
        return Check("redis", "ok", "can be used: servers that share it take turns at writing")
    if settings.redis_required:
        consequence = "no server that is started now writes"
    else:
        consequence = "two servers can write to one person at once"
    fix = f"Correct that, or leave out {environment_variable('redis_url')} where a single server runs."
    return Check("redis", "failed", f"cannot be relied on: {health.trouble}; {consequence}", fix)
