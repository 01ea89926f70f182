"""When Python looks for garbage: not while modules load, which takes a tenth of a start and finds none.

What is loaded by then is never looked at again, and a call makes too few objects to look often.
"""

import gc

COLLECTION_THRESHOLD = (10_000, 20, 20)
"""Objects made, and collections of younger ones, after which it looks; Python's own first number is 700."""


def pause_collection() -> None:
    """Do not look: modules are being loaded."""
    gc.disable()


def resume_collection() -> None:
    """Look as usual: a command goes about its work, and is soon done."""
    gc.enable()


def tune_for_serving() -> None:
    """Look seldom: all is loaded, and calls will come."""
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLD)
    gc.enable()
