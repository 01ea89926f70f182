"""Tunes Python's garbage collection.

It is off while modules are imported: it would take a tenth of the start-up time and find nothing. Objects
alive at the start of serving are frozen out of it, and it runs rarely, since a call allocates little.
"""

import gc

COLLECTION_THRESHOLD = (50_000, 20, 20)
"""Thresholds of the three generations, for `gc.set_threshold`. Python's default for the first is 700. With
10,000 the first call, and a search that reads many leads, take a tenth longer.
"""


def pause_collection() -> None:
    """Turn collection off while modules are imported."""
    gc.disable()


def resume_collection() -> None:
    """Turn collection on with Python's thresholds, for a command that is no server."""
    gc.enable()


def tune_for_serving() -> None:
    """Freeze the objects that exist, and turn collection on with higher thresholds, for a server."""
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLD)
    gc.enable()
