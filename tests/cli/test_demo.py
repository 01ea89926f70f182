"""`rotor-mcp demo`, as a process."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.conftest import posix
from tests.homes import Home
from tests.import_export.terminals import Terminal


@pytest.fixture(scope="module")
def piped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, str]:
    """What the demo prints into a pipe on a machine with Claude Desktop, whatever the width of the terminal."""
    home = Home(tmp_path_factory.mktemp("demo"))
    home.have("claude-desktop")
    ended = home.run("demo", COLUMNS="200", ROTOR_BASE_URL="https://not-used.invalid")
    assert (ended.status, ended.err) == (0, "")
    return home, ended.out


def test_the_conversation(piped: tuple[Home, str]) -> None:
    shown = " ".join(piped[1].replace("│", " ").split())
    for words in (
        "Created Dana Whitfield.",
        "Updated Dana Whitfield (matched by phone).",
        "Nothing was written: this phone belongs to Dana Whitfield, whose name would be replaced.",
        "Updated Bob Whitfield (matched by phone).",
        "Reading it back shows that it was written;",
        "leads, most overdue first",
        "address_street1: 214 Oak Street",
        "there is no argument city: did you mean address_city?",
        "In all 12 requests of Rotor's 1,000 a day.",
        "tokens asked",
    ):
        assert words in shown


def conversation(out: str) -> str:
    """What is shown before the entry of a client, whose lines are as long as they are."""
    return out.partition("\nClaude Desktop, ")[0]


@posix
@pytest.mark.parametrize(("columns", "widest"), [(40, 40), (300, 120)])
def test_it_fits_the_terminal(columns: int, widest: int, home: Home) -> None:
    with Terminal(columns) as terminal:
        with subprocess.Popen(
            [sys.executable, "-m", "rotor_mcp", "demo"],
            stdout=terminal.inside,
            env=home.variables(NO_COLOR="1", TERM="xterm"),
        ) as demo:
            shown = terminal.until("most overdue")
        assert demo.returncode == 0
    lengths = [len(line) for line in conversation(shown.replace("\r\n", "\n")).split("\n")]
    assert widest - 12 < max(lengths) <= widest


def test_a_pipe_has_80_columns(piped: tuple[Home, str]) -> None:
    assert 68 < max(map(len, conversation(piped[1]).splitlines())) <= 80


def test_it_ends_with_the_next_step(piped: tuple[Home, str]) -> None:
    """The entry is what `install` writes, to the letter, and the command is what a person can type."""
    home, out = piped
    *_, command, said = out.rstrip().split("\n\n")
    words = shlex.split(command)
    assert words[-2:] == ["install", "--sandbox"]
    assert "say to it:" in said
    entry = "Claude Desktop, " + out.partition("\nClaude Desktop, ")[2].partition("\n\n")[0]
    assert entry == home.run("install", "claude-desktop", "--sandbox", "--print").out.rstrip()
    ended = subprocess.run(
        [*words, "--yes"], env=home.variables(), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert home.file("claude-desktop").read_text() == entry.partition("\n")[2] + "\n"


@posix
def test_a_command_on_the_path_is_typed_by_its_name(home: Home) -> None:
    """As after `pipx install`: a link to the script of another environment."""
    script = Path(sys.executable).with_name("rotor-mcp")
    if not script.is_file():
        pytest.skip("rotor-mcp is not installed here as a script")
    folder = home.path / "bin"
    folder.mkdir()
    for target, typed in ((script, "rotor-mcp"), (Path("/bin/true"), str(script))):
        (folder / "rotor-mcp").unlink(missing_ok=True)
        (folder / "rotor-mcp").symlink_to(target)
        out = home.run("demo", PATH=str(folder), PYTHONPATH=str(ROOT)).out
        assert f"\n  {typed} install --sandbox\n" in out
