import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def frozen_tests() -> Iterator[None]:
    """Leave what belongs to the tests out of garbage collections, which would count as work of the server."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
