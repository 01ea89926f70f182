from pathlib import Path

import pytest

from tests.installing.homes import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    path = tmp_path / "home of jo"
    path.mkdir()
    return Home(path)
