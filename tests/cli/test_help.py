"""The help: of all commands, of each, and its examples."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from inline_snapshot import snapshot

from rotor_mcp.cli.main import main
from rotor_mcp.cli.options import SettingOption, flag_names
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import FULL_KEY
from tests.commands import ROOT, ran, run
from tests.conftest import sandbox_url
from tests.homes import Home

COMMANDS = main.list_commands(click.Context(main))


def said(*arguments: str) -> str:
    """What a command prints in a terminal of 80 columns."""
    ended = run(arguments, {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "80"})
    assert (ended.returncode, ended.stderr) == (0, b"")
    return ended.stdout.decode()


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


EXAMPLES = [
    [name, *shlex.split(example)]
    for name in COMMANDS
    for example in re.findall(rf"^  rotor-mcp {name}(.*)$", command(name).epilog or "", re.MULTILINE)
]


def test_the_commands_are_listed_in_full() -> None:
    assert said("--help") == snapshot("""\
Usage: rotor-mcp [OPTIONS] [COMMAND] [ARGS]...

  Rotor leads for assistants: an MCP server.

  Without a command it serves on standard input and output, as clients start
  it.

Options:
  -V, --version  Show the version.
  -h, --help     Show this message and exit.

First steps:
  demo        See what an assistant can do on sample leads; needs no key.
  install     Connect this server to your assistants (MCP clients).
  check       Find what keeps an assistant from working and how to fix it.

Leads and files:
  import      Create and update leads from a spreadsheet.
  export      Write leads to a spreadsheet or to standard output.

Server:
  serve       Serve MCP on standard input and output or over HTTP.
  token       Manage the access tokens of an HTTP server.
  sandbox     Serve Rotor's API with sample leads on this machine.
  probe       Find out how a Rotor account behaves where its reference is
              silent.

Other:
  uninstall   Disconnect this server from your assistants.
  completion  Print the script that completes commands in your shell.
  help        Show the help of rotor-mcp or of a command.

  rotor-mcp COMMAND -h shows the flags of a command, with examples.
""")
    assert said("help") == said("-h") == said("--help")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command(name: str) -> None:
    assert said("help", name) == said(name, "-h") == said(name, "--help")
    assert max(map(len, said(name, "-h").splitlines())) <= 80
    assert command(name).short_help
    assert "," not in (command(name).short_help or "")  # fish shows a summary up to its first comma
    lines = said(name, "-h").partition("\n  Examples:\n")[2].splitlines()
    assert lines
    assert [shlex.split(line) for line in lines] == [
        ["rotor-mcp", *line] for line in EXAMPLES if line[0] == name
    ]


def settings_shown(name: str) -> dict[str, str]:
    """What the help of a command adds to the meaning of each setting: its variable and default."""
    context = click.Context(command(name))
    return {
        spec: text.rpartition("  ")[2]
        for option in context.command.params
        if isinstance(option, SettingOption)
        for spec, text in [option.get_help_record(context) or ("", "")]
    }


def test_the_help_shows_the_variable_and_the_default_of_every_setting() -> None:
    assert settings_shown("serve") == snapshot(
        {
            "--api-key TEXT": "[env var: ROTOR_API_KEY]",
            "--keychain / --no-keychain": "[env var: ROTOR_MCP_KEYCHAIN; default: false]",
            "--base-url TEXT": "[env var: ROTOR_BASE_URL; default: https://api.getrotor.com/open-api]",
            "--timeout NUMBER": "[env var: ROTOR_MCP_TIMEOUT; default: 25]",
            "--timezone TEXT": "[env var: ROTOR_MCP_TIMEZONE]",
            "--search-requests NUMBER": "[env var: ROTOR_MCP_SEARCH_REQUESTS; default: 5]",
            "--search-memory NUMBER": "[env var: ROTOR_MCP_SEARCH_MEMORY; default: 30]",
            "--batch-requests NUMBER": "[env var: ROTOR_MCP_BATCH_REQUESTS; default: 100]",
            "--phone-region TEXT": "[env var: ROTOR_MCP_PHONE_REGION; default: US]",
            "--read-only / --no-read-only": "[env var: ROTOR_MCP_READ_ONLY; default: false]",
            "--view / --no-view": "[env var: ROTOR_MCP_VIEW; default: true]",
            "--assume TEXT": "[env var: ROTOR_MCP_ASSUME]",
            "--redis-url TEXT": "[env var: ROTOR_MCP_REDIS_URL]",
            "--redis-required / --no-redis-required": "[env var: ROTOR_MCP_REDIS_REQUIRED; default: true]",
            "--log-level debug|info|warning|error": "[env var: ROTOR_MCP_LOG_LEVEL]",
            "--log-format text|json": "[env var: ROTOR_MCP_LOG_FORMAT; default: text]",
            "--workers NUMBER": "[env var: ROTOR_MCP_WORKERS; default: 1]",
            "--keep-alive NUMBER": "[env var: ROTOR_MCP_KEEP_ALIVE; default: 75]",
            "--public-url TEXT": "[env var: ROTOR_MCP_PUBLIC_URL]",
            "--allowed-hosts TEXT": "[env var: ROTOR_MCP_ALLOWED_HOSTS]",
            "--allowed-origins TEXT": "[env var: ROTOR_MCP_ALLOWED_ORIGINS]",
            "--oauth-issuer TEXT": "[env var: ROTOR_MCP_OAUTH_ISSUER]",
            "--oauth-audience TEXT": "[env var: ROTOR_MCP_OAUTH_AUDIENCE]",
            "--oauth-scope-claim TEXT": "[env var: ROTOR_MCP_OAUTH_SCOPE_CLAIM]",
            "--token-file FILE": "[env var: ROTOR_MCP_TOKEN_FILE]",
            "--key-from server|file|header": "[env var: ROTOR_MCP_KEY_FROM; default: server]",
            "--key-file FILE": "[env var: ROTOR_MCP_KEY_FILE]",
            "--state-secret TEXT": "[env var: ROTOR_MCP_STATE_SECRET]",
            "--calls-at-once NUMBER": "[env var: ROTOR_MCP_CALLS_AT_ONCE; default: 8]",
            "--calls-per-minute NUMBER": "[env var: ROTOR_MCP_CALLS_PER_MINUTE; default: 120]",
            "--daily-requests NUMBER": "[env var: ROTOR_MCP_DAILY_REQUESTS]",
            "--metrics TEXT": "[env var: ROTOR_MCP_METRICS]",
            "--rotor-required / --no-rotor-required": "[env var: ROTOR_MCP_ROTOR_REQUIRED; default: false]",
            "--log-probes / --no-log-probes": "[env var: ROTOR_MCP_LOG_PROBES; default: true]",
            "--audit-file FILE": "[env var: ROTOR_MCP_AUDIT_FILE]",
        }
    )


@pytest.mark.parametrize(
    ("name", "left_out"),
    [
        ("check", []),
        ("install", ["--api-key TEXT", "--keychain / --no-keychain", "--redis-url TEXT"]),
        (
            "import",
            [
                "--search-requests NUMBER",
                "--search-memory NUMBER",
                "--batch-requests NUMBER",
                "--read-only / --no-read-only",
                "--view / --no-view",
            ],
        ),
    ],
)
def test_other_commands_show_the_same_settings(name: str, left_out: list[str]) -> None:
    of_http = {flag_names(setting, field)[0] for setting, field in HostSettings.model_fields.items()}
    shown = {flag: text for flag, text in settings_shown("serve").items() if flag.split()[0] not in of_http}
    assert settings_shown(name) == {flag: shown[flag] for flag in shown if flag not in left_out}


def test_help_of_a_command_that_there_is_not() -> None:
    ended = CliRunner().invoke(main, ["help", "imprt"])
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (
        2,
        "Error: No such command 'imprt'. Did you mean 'import'?",
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=" ".join)
def test_every_example_can_be_parsed(
    example: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leads.csv").touch()
    monkeypatch.chdir(tmp_path)
    name, *arguments = example
    found, parent = command(name), click.Context(main)
    if isinstance(found, click.Group):
        parent = click.Context(found, parent=parent)
        _, subcommand, arguments = found.resolve_command(parent, arguments)
        assert subcommand is not None
        found = subcommand
    with found.make_context(name, arguments, parent=parent) as context:
        assert context.args == []


@pytest.mark.anyio
@pytest.mark.parametrize(
    "example",
    [line for line in EXAMPLES if line[0] != "sandbox" and not any("--http" in word for word in line)],
    ids=" ".join,
)
async def test_every_example_that_ends_does_what_it_says(example: list[str], home: Home) -> None:
    """With a key that Rotor accepts; `install` finds nobody to ask, and says what it would write."""
    home.have("claude-desktop")
    home.have("cursor")
    (home.path / "leads.csv").write_text("Name,Cell\nDana Whitfield,612-555-0142\n")
    if "revoke" in example or "list" in example:
        home.run("token", "new", "dashboard", "--scopes", "leads:read", "--file", "tokens")
    async with sandbox_url() as url:
        variables = home.variables(ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url, COLUMNS="80")
        ended = await ran(example, variables, home.path)
    assert b"Traceback" not in ended.stderr
    assert ended.returncode == (1 if example[0] == "install" else 0), ended


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "0"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_colours_on_a_terminal(variables: dict[str, str], coloured: bool, home: Home) -> None:
    from tests.import_export.terminals import Terminal

    with Terminal(80) as terminal:
        subprocess.run(
            [sys.executable, "-m", "rotor_mcp", "check", "--sandbox"],
            stdout=terminal.inside,
            env=home.variables(**{"TERM": "xterm"} | variables),
            check=True,
        )
        assert ("\x1b[" in terminal.said()) == coloured


def test_no_colours_into_a_pipe(home: Home) -> None:
    assert "\x1b" not in home.run("check", "--sandbox", TERM="xterm", FORCE_COLOR="1").out
