"""Short ids that any server has shown, in Redis.

A set for each group of ids with the same first 8 characters has members such as
`8 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e`: the length of a prefix that was shown for an id, and the id. Members
are validated; others are ignored.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis

from rotor_mcp.api.models import LEAD_ID, LEAD_ID_CHARS, MIN_SHORT_ID_CHARS
from rotor_mcp.state.redis.connection import RedisCacheConnection, RedisUnavailable
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.shown_ids import Candidates, Shown, ShownIds, group_of, prefix_lengths

GROUP_BYTES = 400
"""Memory of Redis that a group of one id takes, as measured."""
GROUP_TTL_SECONDS = 86_400
"""How long a group is kept after an id of it was shown."""
MAX_MEMBERS = 64
"""Members of a group. Where there is no room for another, an id is shown whole."""

# One script, so that of two servers which show ids of one group, the second one sees the id of the first.
_SHOW = """
local most, seconds = tonumber(ARGV[1]), ARGV[2]
for number, group in ipairs(KEYS) do
  if redis.call('scard', group) < most then redis.call('sadd', group, ARGV[number + 2]) end
  redis.call('expire', group, seconds)
end
local members = {}
for number, group in ipairs(KEYS) do members[number] = redis.call('smembers', group) end
return members
"""


class RedisShownIds(ShownIds):
    """The ids that any server has shown; while Redis is unavailable, those that this server has shown.

    What a server shows while Redis is unavailable, or has no room for what is cached, the others do not know
    afterwards.
    """

    def __init__(self, names: KeyNames, connection: RedisCacheConnection) -> None:
        super().__init__()
        self._names = names
        self._connection = connection
        self._show_script = connection.script(_SHOW)

    async def shorten(self, ids: Sequence[str], min_chars: int = MIN_SHORT_ID_CHARS) -> dict[str, str]:
        """Return id → the shortest prefix with which no known id begins, and keep that it was shown."""
        known = self._known(ids)
        lengths = prefix_lengths(ids, known, min_chars)
        to_share = {lead_id: chars for lead_id, chars in lengths.items() if chars < LEAD_ID_CHARS}
        with suppress(RedisUnavailable):
            while to_share and await self._connection.has_room(GROUP_BYTES * len(to_share)):
                held = await self._share(to_share)
                for lead_id, group in held.items():
                    known[group_of(lead_id)].update(other for _, other in group)
                longer = prefix_lengths(held, known, min_chars)
                for lead_id, chars in to_share.items():
                    if (chars, lead_id) not in held[lead_id]:  # there was no room for it
                        longer[lead_id] = LEAD_ID_CHARS
                lengths |= longer
                # Where another server has shown an id of the group, the longer prefix is shared as well. The
                # shorter one stays: with the other id in the group it is ambiguous.
                to_share = {
                    lead_id: chars
                    for lead_id, chars in longer.items()
                    if to_share[lead_id] < chars < LEAD_ID_CHARS
                }
        return self._show(ids, lengths)

    async def find(self, prefix: str) -> Candidates:
        """Return the known ids that begin with a prefix of at least 8 characters."""
        name = self._names.of("shown", group_of(prefix))

        async def read(redis: Redis) -> set[Shown]:
            return _valid(await redis.smembers(name))

        elsewhere: set[Shown] = set()
        with suppress(RedisUnavailable):
            elsewhere = await self._connection.execute(read)
        return self._candidates(prefix, elsewhere)

    async def _share(self, lengths: Mapping[str, int]) -> dict[str, set[Shown]]:
        """Add what is shown to Redis, and return for each id what was shown in its group: 1 round trip.

        Raises:
            RedisUnavailable: if there is no reply.
        """
        names = [self._names.of("shown", group_of(lead_id)) for lead_id in lengths]
        members = [f"{chars} {lead_id}" for lead_id, chars in lengths.items()]

        async def show(_: Redis) -> dict[str, set[Shown]]:
            held: Any = await self._show_script(names, [MAX_MEMBERS, GROUP_TTL_SECONDS, *members])
            return dict(zip(lengths, map(_valid, held), strict=True))

        return await self._connection.execute(show)


def _valid(members: Iterable[Any]) -> set[Shown]:
    """Return the valid members of a group."""
    shown: set[Shown] = set()
    for member in members:
        chars, _, lead_id = bytes(member).decode("ascii", "replace").partition(" ")
        if LEAD_ID.fullmatch(lead_id) and _is_length(chars):
            shown.add((int(chars), lead_id))
    return shown


def _is_length(text: str) -> bool:
    return len(text) <= 2 and text.isdecimal() and MIN_SHORT_ID_CHARS <= int(text) < LEAD_ID_CHARS
