"""That a command which is forked does what one does that is started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import FORKS, run
from tests.homes import Home

pytestmark = pytest.mark.skipif(not FORKS, reason="no command is forked here")

LEADS = "name,phone\nŁucja Wójcik,612-555-0142\nBad,12\n".encode()


def started(arguments: list[str], environment: dict[str, str], folder: Path, given: bytes) -> list[object]:
    """Run a command as everybody runs it."""
    command = [sys.executable, "-m", "rotor_mcp", *arguments]
    ended = subprocess.run(
        command, env=environment, cwd=folder, input=given, capture_output=True, check=False
    )
    return [ended.returncode, ended.stdout, ended.stderr]


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["check", "--sandbox"], {"TZ": "EST5EDT"}),
        (["chekc"], {}),
        (["help", "import"], {"COLUMNS": "60"}),
        (["completion"], {"SHELL": "/bin/zsh"}),
        (
            ["import", "-", "--sandbox", "--dry-run"],
            {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252:replace"},
        ),
        (["export", "--sandbox", "--fields=name"], {}),
        (["install", "--print"], {}),
        (["uninstall"], {}),
        (["import", "no such file.csv", "--sandbox"], {"LANG": "C", "LC_ALL": "C"}),
        (["serve", "--sandbox"], {"ROTOR_MCP_LOG_LEVEL": "error"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_it_says_and_returns_the_same(arguments: list[str], variables: dict[str, str], home: Home) -> None:
    environment = home.variables(**variables)
    forked = run(arguments, environment, home.path, LEADS)
    assert [forked.returncode, forked.stdout, forked.stderr] == started(
        arguments, environment, home.path, LEADS
    )


def test_one_that_does_not_end_is_killed(home: Home) -> None:
    with pytest.raises(subprocess.TimeoutExpired) as told:
        run(["serve", "--sandbox", "--http=127.0.0.1:0"], home.variables(), patience=3)
    assert told.value.cmd == ["serve", "--sandbox", "--http=127.0.0.1:0"]


def test_one_that_is_killed_says_by_which_signal(home: Home, tmp_path: Path) -> None:
    """A module of that name in the folder where it runs ends it: it is found first, as with `python -m`."""
    (home.path / "rotor_mcp.py").write_text(f"import os\nos.kill(os.getpid(), {int(signal.SIGKILL)})\n")
    assert run([], home.variables(), home.path).returncode == -signal.SIGKILL
    assert run(["--version"], home.variables(), tmp_path).returncode == os.EX_OK
