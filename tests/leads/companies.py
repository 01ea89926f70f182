"""Companies of a chosen size, whose leads a test states itself."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

from rotor_mcp.sandbox import Sandbox, timestamps
from rotor_mcp.sandbox.store import FIELDS, StoredLead
from tests.conftest import NOW


def stored(number: int, **fields: Any) -> StoredLead:
    """A lead of a company; one with a larger number was created earlier."""
    created = timestamps.format_utc(NOW - timedelta(minutes=number))
    lead_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    return (
        dict.fromkeys(FIELDS)
        | {"name": f"Lead {number}", "tags": [], "id": lead_id, "created_at": created}
        | fields
    )


@contextmanager
def company(leads: Iterable[StoredLead]) -> Iterator[Sandbox]:
    """An embedded Rotor that holds exactly these leads."""
    oldest_first = sorted(leads, key=lambda lead: str(lead["created_at"]))
    with closing(Sandbox(leads=0, now=lambda: NOW, quota=1_000_000)) as sandbox:
        sandbox.store.seed(lambda: oldest_first)
        yield sandbox
