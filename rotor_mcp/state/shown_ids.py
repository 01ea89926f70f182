"""Short ids of leads, as git has them: the shortest prefix of an id that tells it apart.

Which lead a short id means is decided by what was shown. An id that was only read makes other short ids
longer or ambiguous; it is never meant by a short id.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rotor_mcp.api.models import LEAD_ID, LEAD_ID_CHARS, MIN_SHORT_ID_CHARS

MAX_READ_IDS = 20_000
"""Ids that were read and are kept, the most recent; a lead that was read twice counts twice."""
MAX_GROUPS = 10_000
"""Groups of ids that were shown and are kept, the most recent."""
MAX_GROUP_IDS = 32
"""Ids of one group that are kept. Where more are known, they are shown whole."""


@dataclass(frozen=True)
class Candidates:
    """The known ids that begin with a prefix."""

    shown: tuple[str, ...]
    """Those that were shown by this prefix or by the beginning of it."""
    others: tuple[str, ...]
    """Those that were read, or shown only by a longer prefix."""


class ShownIds:
    """The ids of one company's leads that results have shown, within one process.

    Ids with the same first 8 characters form a group. A group is kept or forgotten as a whole: else a short
    id of a forgotten lead could mean another one that was shown by a longer prefix.

    Which short ids were shown before a restart is not known afterwards.
    """

    def __init__(self) -> None:
        self._read: deque[str | None] = deque(maxlen=MAX_READ_IDS)
        self.learn: Callable[[str | None], None] = self._read.append
        """Keeps the id of a lead that was read. Called for each lead of each page, it only appends."""
        self._groups: OrderedDict[str, dict[str, int]] = OrderedDict()
        """First 8 characters → ids that were shown, each with the length of its shortest prefix shown."""

    async def shorten(self, ids: Sequence[str], min_chars: int = MIN_SHORT_ID_CHARS) -> dict[str, str]:
        """Return id → the shortest prefix with which no other known id begins, and keep that it was shown.

        A prefix has at least `min_chars` characters and does not end with a hyphen. What has not the form of
        a lead id is returned whole.
        """
        return self._show(ids, self._known(ids), min_chars)

    async def find(self, prefix: str) -> Candidates:
        """Return the known ids that begin with a prefix of at least 8 characters."""
        return self._candidates(prefix, {})

    def _known(self, ids: Iterable[str]) -> dict[str, set[str]]:
        """Return the groups of some ids, with all ids of these groups that are known here."""
        groups: dict[str, set[str]] = {}
        for lead_id in filter(LEAD_ID.fullmatch, ids):
            group = lead_id[:MIN_SHORT_ID_CHARS]
            groups.setdefault(group, set(self._groups.get(group, ()))).add(lead_id)
        for read in self._read:
            if read and (known := groups.get(read[:MIN_SHORT_ID_CHARS])) is not None:
                known.add(read)
        return groups

    def _show(self, ids: Iterable[str], known: Mapping[str, set[str]], min_chars: int) -> dict[str, str]:
        """Return the short ids among the known ids, and keep that they were shown."""
        short: dict[str, str] = {}
        for lead_id in ids:
            group = lead_id[:MIN_SHORT_ID_CHARS]
            if not LEAD_ID.fullmatch(lead_id) or len(known[group]) > MAX_GROUP_IDS:
                short[lead_id] = lead_id
                continue
            chars = prefix_chars(lead_id, known[group], min_chars)
            short[lead_id] = lead_id[:chars]
            shown = self._groups.setdefault(group, {})
            shown[lead_id] = min(chars, shown.get(lead_id, chars))
            self._groups.move_to_end(group)
        while len(self._groups) > MAX_GROUPS:
            self._groups.popitem(last=False)
        return short

    def _candidates(self, prefix: str, elsewhere: Mapping[str, int]) -> Candidates:
        """Return the ids that begin with a prefix; `elsewhere` are ids that other servers have shown."""
        here = self._groups.get(prefix[:MIN_SHORT_ID_CHARS], {})
        known: dict[str, int | None] = {
            read: None for read in self._read if read is not None and read.startswith(prefix)
        }
        for lead_id, chars in (*here.items(), *elsewhere.items()):
            if lead_id.startswith(prefix):
                known[lead_id] = min(chars, known.get(lead_id) or chars)
        shown = [lead_id for lead_id, chars in known.items() if chars is not None and chars <= len(prefix)]
        return Candidates(tuple(shown), tuple(lead_id for lead_id in known if lead_id not in shown))


def prefix_chars(lead_id: str, known: Iterable[str], min_chars: int) -> int:
    """Return the length of the shortest prefix of an id with which no other known id begins."""
    others = [other for other in known if other != lead_id]
    for chars in range(min_chars, LEAD_ID_CHARS):
        prefix = lead_id[:chars]
        if not prefix.endswith("-") and not any(other.startswith(prefix) for other in others):
            return chars
    return LEAD_ID_CHARS
