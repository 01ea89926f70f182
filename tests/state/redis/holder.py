"""A process that holds the turn of one person, and writes to them when it is told to.

    python -m tests.state.redis.holder REDIS_URL ROTOR_URL PHONE

It says `held` when it has the turn, writes at the first line on standard input, says what came of it, and
leaves at the next line.
"""

import sys

import anyio
from anyio import to_thread
from pydantic import SecretStr

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.hooks import ApiHooks
from rotor_mcp.api.models import LeadFields
from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.config import Settings
from rotor_mcp.errors import RotorError
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.state.redis.factory import RedisStateFactory
from tests.waiting import within


async def main(redis_url: str, rotor_url: str, phone: str) -> None:
    """Hold the turn, write, leave."""
    pool = ConnectionPool(Settings.load({"api_key": FULL_KEY, "base_url": rotor_url}))
    company = RedisStateFactory(SecretStr(redis_url), 30).for_key(FULL_KEY)
    rotor = LeadsClient(pool, pool.settings.credentials, ApiHooks(request_sent=company.count_request))
    async with company.locks.hold([f"phone {phone}"], within(5)) as lease:
        _say("held")
        await to_thread.run_sync(sys.stdin.readline)
        rotor.resume()
        try:
            written = await rotor.upsert_lead(LeadFields(phone=phone, name="Ann Lee"), lease=lease)
        except RotorError as exc:
            _say(f"{type(exc).__name__}: {exc}")
        else:
            _say("created" if written.created else "updated")
        await to_thread.run_sync(sys.stdin.readline)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], sys.argv[3])
