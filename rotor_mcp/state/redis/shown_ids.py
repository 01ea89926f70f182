"""Short ids that any server has shown, in Redis.

A hash for each group of ids with the same first 8 characters holds id → length of the shortest prefix that
was shown. What it holds is validated; anything else is ignored.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from redis.asyncio import Redis

from rotor_mcp.api.models import LEAD_ID, LEAD_ID_CHARS, MIN_SHORT_ID_CHARS
from rotor_mcp.state.redis.connection import RedisCacheConnection, RedisUnavailable
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.shown_ids import MAX_GROUP_IDS, Candidates, ShownIds, prefix_chars

GROUP_TTL_SECONDS = 86_400
"""How long a group is kept after an id of it was shown."""

# One script, so that of two servers which show ids of one group, the second one sees the id of the first.
_SHOW = """
local most, seconds = tonumber(ARGV[1]), ARGV[2]
for number, group in ipairs(KEYS) do
  local id, chars = ARGV[2 * number + 1], tonumber(ARGV[2 * number + 2])
  local before = redis.call('hget', group, id)
  if before and chars >= (tonumber(before) or math.huge) then
    chars = before
  end
  if before or redis.call('hlen', group) < most then
    redis.call('hset', group, id, chars)
  end
  redis.call('expire', group, seconds)
end
local held = {}
for number, group in ipairs(KEYS) do held[number] = redis.call('hgetall', group) end
return held
"""


class RedisShownIds(ShownIds):
    """The ids that any server has shown; while Redis is unavailable, those that this server has shown.

    What a server shows while Redis is unavailable, the others do not know afterwards.
    """

    def __init__(self, names: KeyNames, connection: RedisCacheConnection) -> None:
        super().__init__()
        self._names = names
        self._connection = connection
        self._show_script = connection.script(_SHOW)

    async def shorten(self, ids: Sequence[str], min_chars: int = MIN_SHORT_ID_CHARS) -> dict[str, str]:
        """Return id → the shortest prefix with which no known id begins, and keep that it was shown."""
        known = self._known(ids)
        whole = [lead_id for lead_id in dict.fromkeys(ids) if LEAD_ID.fullmatch(lead_id)]
        names: list[str] = []
        arguments: list[str | int] = [MAX_GROUP_IDS, GROUP_TTL_SECONDS]
        for lead_id in whole:
            group = lead_id[:MIN_SHORT_ID_CHARS]
            names.append(self._names.of("shown", group))
            # Ids in Redis can only make it longer. They are forgotten together with this one, so that the
            # shorter prefix is ambiguous as long as it is known.
            arguments += [lead_id, prefix_chars(lead_id, known[group], min_chars)]
        if whole:
            with suppress(RedisUnavailable):
                held = await self._connection.execute(lambda _: self._show_script(names, arguments))
                for lead_id, entries in zip(whole, cast("list[list[bytes]]", held), strict=True):
                    group = lead_id[:MIN_SHORT_ID_CHARS]
                    known[group].update(_read_group(group, dict(zip(*[iter(entries)] * 2, strict=True))))
        return self._show(ids, known, min_chars)

    async def find(self, prefix: str) -> Candidates:
        """Return the known ids that begin with a prefix of at least 8 characters."""
        group = prefix[:MIN_SHORT_ID_CHARS]
        name = self._names.of("shown", group)

        async def read(redis: Redis) -> dict[str, int]:
            return _read_group(group, await redis.hgetall(name))

        elsewhere: dict[str, int] = {}
        with suppress(RedisUnavailable):
            elsewhere = await self._connection.execute(read)
        return self._candidates(prefix, elsewhere)


def _read_group(group: str, entries: Mapping[Any, Any]) -> dict[str, int]:
    """Return the valid entries of a group."""
    read: dict[str, int] = {}
    for field, value in entries.items():
        lead_id, chars = field.decode("ascii", "replace"), value.decode("ascii", "replace")
        if lead_id.startswith(group) and LEAD_ID.fullmatch(lead_id) and _is_length(chars):
            read[lead_id] = int(chars)
    return read


def _is_length(text: str) -> bool:
    return len(text) <= 2 and text.isdecimal() and MIN_SHORT_ID_CHARS <= int(text) <= LEAD_ID_CHARS
