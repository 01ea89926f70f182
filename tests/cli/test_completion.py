"""Completion of the command line, in real shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT
from tests.homes import Home
from tests.import_export.terminals import Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs shells of Unix")

BASH = """
eval "$(rotor-mcp completion bash)"
compopt() { COMPREPLY=("<files>"); }
for line in "$@"; do
    IFS='|' read -ra COMP_WORDS <<< "$line|"
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    [[ $line == *'|' ]] && COMP_WORDS+=("") && COMP_CWORD=$((COMP_CWORD + 1))
    _rotor_mcp_completion rotor-mcp
    echo "${COMPREPLY[*]}"
done
"""
"""Asks for what completes command lines, whose words are separated by bars as bash splits them."""


@pytest.fixture
def shell(home: Home) -> dict[str, str]:
    """The variables of a shell that finds `rotor-mcp` on its PATH."""
    script = home.path / "bin" / "rotor-mcp"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m rotor_mcp "$@"\n')
    script.chmod(0o755)
    return home.variables(PATH=f"{script.parent}:/usr/bin:/bin")


def printed(program: list[str], shell: dict[str, str], folder: Path) -> list[str]:
    ended = subprocess.run(
        program, env=shell, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr == ""
    return ended.stdout.splitlines()


def test_bash(shell: dict[str, str], home: Home) -> None:
    expected = {
        "rotor-mcp|": "demo install check import export serve token sandbox probe uninstall completion help",
        "rotor-mcp|ins": "install",
        "rotor-mcp|install|cu": "cursor",
        "rotor-mcp|install|cursor|claude-": "claude-desktop claude-code",
        "rotor-mcp|serve|--log-level|": "debug info warning error",
        "rotor-mcp|serve|--log-level|=|d": "debug",
        "rotor-mcp|serve|--log-level|=": "debug info warning error",
        "rotor-mcp|serve|--read": "--read-only",
        "rotor-mcp|serve|--no-": "--no-keychain --no-read-only --no-view --no-redis-required --no-rotor-required --no-log-probes",
        "rotor-mcp|--log": "--log-level --log-format --log-probes",
        "rotor-mcp|--log-format|": "text json",
        "rotor-mcp|--ver": "--version",
        "rotor-mcp|import|": "<files>",
        "rotor-mcp|export|lea": "<files>",
        "rotor-mcp|export|--sandbox|=|lea": "<files>",
        "rotor-mcp|export|--order|": "newest oldest follow_up value name",
        "rotor-mcp|help|un": "uninstall",
        "rotor-mcp|completion|": "bash zsh fish powershell",
        "rotor-mcp|install|'cu": "cursor",
        "rotor-mcp|serve|--read-only|true|--log-f": "--log-format",
    }
    said = printed(["bash", "-c", BASH, "bash", *expected], shell, home.path)
    assert dict(zip(expected, said, strict=True)) == expected


def test_settings_that_cannot_be_used_do_not_matter(shell: dict[str, str], home: Home) -> None:
    wrong = {"ROTOR_MCP_TIMEOUT": "soon", "ROTOR_MCP_READ_ONLY": "maybe", "ROTOR_MCP_LOG_LEVEL": "loud"}
    assert printed(["bash", "-c", BASH, "bash", "rotor-mcp|check|--log-l"], shell | wrong, home.path) == [
        "--log-level"
    ]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish(shell: dict[str, str], home: Home) -> None:
    (home.path / "leads.csv").touch()
    expected = {
        "rotor-mcp ins": "install\tConnect this server to your assistants (MCP clients).",
        "rotor-mcp install cu": "cursor",
        "rotor-mcp serve --log-level=d": "--log-level=debug",
        "rotor-mcp serve --log-level w": "warning",
        "rotor-mcp import lea": "leads.csv",
    }
    script = "rotor-mcp completion fish | source; for line in $argv; complete -C $line; end"
    said = printed(["fish", "--no-config", "-c", script, *expected], shell, home.path)
    assert dict(zip(expected, said, strict=True)) == expected


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("rotor-mcp ins", "rotor-mcp install"),
        ("rotor-mcp install cu", "rotor-mcp install cursor"),
        ("rotor-mcp serve --log-level=de", "rotor-mcp serve --log-level=debug"),
        ("rotor-mcp ", "Find what keeps an assistant from working and how to fix it."),
        ("rotor-mcp import lea", "rotor-mcp import leads.csv"),
    ],
)
def test_zsh(typed: str, completed: str, shell: dict[str, str], home: Home) -> None:
    """A person who has not configured zsh types in a terminal, and presses the tabulator."""
    (home.path / "leads.csv").touch()
    with (
        Terminal(100) as terminal,
        subprocess.Popen(
            ["zsh", "-f", "-i"],
            stdin=terminal.inside,
            stdout=terminal.inside,
            stderr=terminal.inside,
            env=shell | {"TERM": "vt100"},
            cwd=home.path,
            start_new_session=True,
        ) as zsh,
    ):
        terminal.answer('eval "$(rotor-mcp completion zsh)"; print rea"dy"')
        terminal.until("ready")
        terminal.type(f"{typed}\t")
        shown = terminal.until(completed)
        zsh.kill()
    assert completed in shown


@pytest.mark.parametrize(
    ("variables", "begins"),
    [
        ({"SHELL": "/usr/bin/zsh"}, "#compdef rotor-mcp"),
        ({"SHELL": "/bin/bash"}, "_rotor_mcp_completion() {"),
        ({"SHELL": "/opt/homebrew/bin/fish"}, "function _rotor_mcp_completion;"),
    ],
)
def test_the_shell_of_the_environment(variables: dict[str, str], begins: str, home: Home) -> None:
    ended = home.run("completion", **variables)
    assert (ended.status, ended.out.splitlines()[0]) == (0, begins)


@pytest.mark.parametrize("variables", [{"SHELL": "/bin/tcsh"}, {"SHELL": ""}, {}])
def test_a_shell_that_is_not_known(variables: dict[str, str], home: Home) -> None:
    ended = home.run("completion", **variables)
    assert (ended.status, ended.out, ended.err.splitlines()[-1]) == (
        2,
        "",
        "Error: the shell is not known: name it, as bash, zsh, fish or powershell",
    )


def test_powershell_has_a_script(home: Home) -> None:
    ended = home.run("completion", "powershell")
    assert (ended.status, ended.out.splitlines()[0]) == (
        0,
        "Register-ArgumentCompleter -Native -CommandName rotor-mcp -ScriptBlock {",
    )


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        ("rotor-mcp ", ["pydantic", "mcp", "rotor_mcp.config"]),
        ("rotor-mcp serve --log", ["mcp", "httpx2", "anyio"]),
        ("rotor-mcp install c", ["mcp", "httpx2", "anyio"]),
    ],
)
def test_it_loads_what_it_needs(words: str, unneeded: list[str]) -> None:
    """Somebody waits for it at each press of the tabulator."""
    program = (
        "import sys; sys.argv = ['rotor-mcp']\n"
        "from rotor_mcp.__main__ import main\n"
        "try:\n    main()\n"
        f"finally:\n    print(*[name for name in {unneeded} if name in sys.modules], file=sys.stderr)"
    )
    variables = {
        "_ROTOR_MCP_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "PATH": "",
        "PYTHONPATH": str(ROOT),
    }
    ended = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
    )
    assert ended.stdout
    assert ended.stderr == "\n"
