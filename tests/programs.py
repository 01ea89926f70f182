"""Programs of other people that some tests run."""

import os
import shutil

import pytest


def need(program: str) -> None:
    """Skip a test where a program is not installed; where `.ci/run` installs it, fail."""
    if shutil.which(program) is None:
        if os.environ.get("CI") and shutil.which("apt-get"):
            pytest.fail(f"{program} is missing: .ci/run installs it")
        pytest.skip(f"{program} is not installed")
