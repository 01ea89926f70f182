"""Pages of leads that searches on any server read lately.

They lie in Redis as long as a search may remember them, and no longer. What is found there is read as
strictly as what Rotor answers: anything else that lies in its place is as good as nothing.
"""

import secrets
import zlib
from contextlib import suppress

import anyio
from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis

from rotor_mcp.company import Found, Mark, Shelf
from rotor_mcp.models import Page
from rotor_mcp.shared.link import Away, Link
from rotor_mcp.shared.names import Names

LARGEST = 16_000_000
"""Bytes that a page may have. A thousand leads with the longest of notes have a few million."""
KEPT = 86_400
"""Seconds for which it is known that something was written: longer than any page that was read before it."""


class _Kept(BaseModel):
    """A page as it lies in Redis."""

    mark: str
    seconds: float
    """For which it is kept."""
    page: Page


class SharedShelf(Shelf):
    """A shelf in Redis. While Redis is away, it is one of this process.

    Every write sets a new mark, and a page counts only while the mark stands that was there when its reading
    began. What could not be marked because Redis was away is marked before anything is looked for again.
    """

    def __init__(self, seconds: float, names: Names, link: Link) -> None:
        super().__init__(seconds)
        self._names = names
        self._link = link
        self._mark = names.of("mark")
        self._unmarked = False

    async def find(self, query: str) -> Found:
        """Look for a page, whatever its age."""
        name = self._names.of("page", query)

        async def look(redis: Redis) -> tuple[list[bytes | None], int]:
            pipeline = redis.pipeline(transaction=True)
            pipeline.mget(self._mark, name)
            pipeline.pttl(name)
            found, milliseconds = await pipeline.execute()
            return found, milliseconds

        try:
            await self._mark_what_was_not()
            (mark, data), milliseconds = await self._link.ask(look)
        except Away:
            return await super().find(query)
        await super().clear()  # of what was kept while Redis was away, nothing is needed any more
        found = Found(None, 0.0, (mark or b"").decode("ascii", "replace"))
        kept = _unpacked(data) if data else None
        if kept is None or kept.mark != found.mark or milliseconds <= 0:
            return found
        age = max(kept.seconds - milliseconds / 1e3, 0.0)
        return Found(kept.page, anyio.current_time() - age, found.mark)

    async def keep(self, query: str, page: Page, mark: Mark) -> None:
        """Put a page there, unless something was written since it was looked for."""
        if not isinstance(mark, str):
            await super().keep(query, page, mark)
            return
        data = _packed(_Kept(mark=mark, seconds=self._seconds, page=page))
        milliseconds = round(self._seconds * 1e3)
        with suppress(Away):
            await self._mark_what_was_not()
            await self._link.ask(
                lambda redis: redis.set(self._names.of("page", query), data, px=milliseconds)
            )

    async def clear(self) -> None:
        """Make every server forget, and keep nothing of what is being read now."""
        await super().clear()
        self._unmarked = True
        with suppress(Away):
            await self._mark_what_was_not()

    async def _mark_what_was_not(self) -> None:
        if self._unmarked:
            self._unmarked = False
            try:
                new = secrets.token_hex(8)
                await self._link.ask(lambda redis: redis.set(self._mark, new, ex=KEPT))
            except Away:
                self._unmarked = True
                raise


def _packed(kept: _Kept) -> bytes:
    return zlib.compress(kept.model_dump_json(exclude_defaults=True).encode(), level=1)


def _unpacked(data: bytes) -> _Kept | None:
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(data, LARGEST)
        return _Kept.model_validate_json(text) if unpacking.eof else None
    except (zlib.error, ValidationError):
        return None
