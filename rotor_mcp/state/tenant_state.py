"""The state that calls with one Rotor key share. It never decides what is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from rotor_mcp.api.models import Lead
from rotor_mcp.dates import Clock, utc_now
from rotor_mcp.state.keyed_locks import KeyedLocks
from rotor_mcp.state.known_behavior import KnownBehavior
from rotor_mcp.state.recent_writes import RecentWrites
from rotor_mcp.state.request_counter import Budget, RequestCounter
from rotor_mcp.state.search_cache import BoundedPages, SearchCache
from rotor_mcp.state.shown_ids import ShownIds
from rotor_mcp.state.vocabulary import Vocabulary


@dataclass
class TenantState:
    """The state that calls with one Rotor key share."""

    search_cache: SearchCache
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    shown_ids: ShownIds = field(default_factory=ShownIds)
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    request_counter: RequestCounter = field(default_factory=RequestCounter)
    known: KnownBehavior = field(default_factory=KnownBehavior)
    recent_writes: RecentWrites = field(default_factory=RecentWrites)
    lead_totals: dict[tuple[bool, str | None], int] = field(default_factory=dict)
    """With archived leads or without, and the stage or None → leads on that list when it was last read."""
    key_accepted: bool = False
    """Whether Rotor has accepted the key since this process was started."""
    key_refused: int | None = None
    """The status with which Rotor refuses the key; None if it does not, or that is unknown."""

    def learn(self, leads: Sequence[Lead]) -> None:
        """Learn what leads that were read have."""
        self.vocabulary.learn(leads)
        self.shown_ids.learn(map(attrgetter("id"), leads))

    async def count_request(self, status: int | None) -> None:
        """Count a request that was sent with the key.

        Only a success shows that Rotor accepts the key: a proxy or a limit before Rotor can answer 403 and
        429 to any key. With 403, Rotor also refuses what an accepted key may not do.
        """
        if status is not None and 200 <= status < 300:
            self.key_accepted, self.key_refused = True, None
        elif status == 401 or (status == 403 and not self.key_accepted):
            self.key_refused = status
        await self.request_counter.add()


@dataclass(frozen=True)
class StateHealth:
    """Whether the state that several servers share can be used."""

    trouble: str | None = None
    """What is wrong with Redis; a clause about it."""
    ready: bool = True
    """Whether this server may receive requests all the same."""


class StateFactory:
    """Creates the state of tenants; here, within this process."""

    def __init__(self, search_memory: float, clock: Clock = utc_now) -> None:
        """Create a factory. A search uses what an earlier one read for `search_memory` seconds.

        The clock says which day requests are counted for.
        """
        self._search_memory = search_memory
        self._clock = clock
        self._pages = BoundedPages()

    def for_key(self, key: str | None) -> TenantState:  # noqa: ARG002 - a shared state is found by the key
        """Create the state of calls with a Rotor key. Returns a new instance on each call."""
        return TenantState(
            SearchCache(self._search_memory, self._pages), request_counter=RequestCounter(self._clock)
        )

    def budget(self, caller: str) -> Budget:  # noqa: ARG002
        """Create the count of what one caller spends. Returns a new instance on each call."""
        return Budget(self._clock)

    def start(self) -> None:
        """Start to check in the background whether shared state can be used."""

    async def check(self) -> StateHealth:
        """Check whether shared state can be used. Within a process it can."""
        return StateHealth()

    async def aclose(self) -> None:
        """Close connections. The next call opens them again."""
