"""Limits the requests of a second."""

import time
from collections import deque

MAX_PER_SECOND = 10


class BurstLimit:
    """Admits `MAX_PER_SECOND` requests in any second."""

    def __init__(self) -> None:
        self._admitted: deque[float] = deque(maxlen=MAX_PER_SECOND)

    def admit(self) -> bool:
        """Count a request, unless there are too many. Returns whether it is admitted."""
        now = time.monotonic()
        if len(self._admitted) == MAX_PER_SECOND and now - self._admitted[0] < 1:
            return False
        self._admitted.append(now)
        return True
