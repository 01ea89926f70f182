"""Flags of settings, from the command line to where they are used."""

import json

import click
import pytest
from click.testing import CliRunner

from rotor_mcp.cli.main import main
from rotor_mcp.cli.options import WholeNumber, flag_names, given_flags, settings_flags
from rotor_mcp.config import Settings
from tests.homes import Home


def test_every_setting_has_a_flag_and_one_that_is_true_or_false_a_pair() -> None:
    assert {name: flag_names(name, field) for name, field in Settings.model_fields.items()} == {
        "api_key": ("--api-key",),
        "keychain": ("--keychain", "--no-keychain"),
        "base_url": ("--base-url",),
        "timeout": ("--timeout",),
        "timezone": ("--timezone",),
        "search_requests": ("--search-requests",),
        "search_memory": ("--search-memory",),
        "batch_requests": ("--batch-requests",),
        "phone_region": ("--phone-region",),
        "read_only": ("--read-only", "--no-read-only"),
        "view": ("--view", "--no-view"),
        "assume": ("--assume",),
        "redis_url": ("--redis-url",),
        "redis_required": ("--redis-required", "--no-redis-required"),
        "log_level": ("--log-level",),
        "log_format": ("--log-format",),
    }


@click.command()
@settings_flags()
def show(**values: str | None) -> None:
    given = {name: value for name, value in values.items() if value is not None}
    click.echo(json.dumps([given, given_flags()]))


@pytest.mark.parametrize(
    ("arguments", "variables", "values", "flags"),
    [
        ([], {}, {}, {}),
        (["--read-only"], {}, {"read_only": "true"}, {"read_only": "--read-only"}),
        (["--no-read-only"], {}, {"read_only": "false"}, {"read_only": "--read-only"}),
        ([], {"ROTOR_MCP_READ_ONLY": "Yes"}, {"read_only": "Yes"}, {}),
        (
            ["--no-read-only"],
            {"ROTOR_MCP_READ_ONLY": "true"},
            {"read_only": "false"},
            {"read_only": "--read-only"},
        ),
        (
            ["--timeout", "7"],
            {"ROTOR_MCP_TIMEOUT": "8", "ROTOR_MCP_LOG_LEVEL": "loud"},
            {"timeout": "7", "log_level": "loud"},
            {"timeout": "--timeout"},
        ),
    ],
)
def test_values_are_texts_and_a_flag_wins(
    arguments: list[str], variables: dict[str, str], values: dict[str, str], flags: dict[str, str]
) -> None:
    ended = CliRunner().invoke(show, arguments, env=variables)
    assert (ended.exit_code, json.loads(ended.output)) == (0, [values, flags])


def test_there_are_no_flags_outside_a_command() -> None:
    assert given_flags() == {}


def test_install_writes_a_flag_without_a_value_as_true_or_false(home: Home) -> None:
    file = home.have("cursor", "{}")
    ended = home.install("--sandbox", "--read-only", "--no-redis-required")
    assert (ended.status, ended.err) == (0, "")
    assert json.loads(file.read_text())["mcpServers"]["rotor"]["env"] == {
        "ROTOR_MCP_READ_ONLY": "true",
        "ROTOR_MCP_REDIS_REQUIRED": "false",
    }


@pytest.mark.parametrize(
    ("low", "high", "value", "expected"),
    [
        (0, 65_535, "70000", "must be a whole number from 0 to 65,535, not '70000'"),
        (1, None, "0", "must be a whole number, 1 or more, not '0'"),
        (1, None, "1.5", "must be a whole number, 1 or more, not '1.5'"),
        (0, None, "", "must be a whole number, 0 or more, not ''"),
    ],
)
def test_a_number_that_cannot_be_used(low: int, high: int | None, value: str, expected: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        WholeNumber(low, high).convert(value, None, None)
    assert caught.value.message == expected


def test_a_number_within_its_limits() -> None:
    assert WholeNumber(1).convert("800", None, None) == 800


def test_a_value_after_another_flag_or_after_two_dashes_is_left_alone() -> None:
    """`true` can be the value of a flag that takes one, or the name of a file."""
    for arguments in (["serve", "--log-level", "true"], ["export", "--keychain", "--", "/true/x.csv"]):
        ended = CliRunner().invoke(main, arguments)
        assert (ended.exit_code != 0, "takes no value" in ended.output) == (True, False)


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["serve", "--read-only", "true"], "--read-only takes no value: write --read-only alone"),
        (["serve", "--read-only", "False"], "--read-only takes no value: write --no-read-only alone"),
        (["serve", "--no-read-only", "true"], "--no-read-only takes no value: write --no-read-only alone"),
        (["serve", "--no-read-only", "false"], "--no-read-only takes no value: write --read-only alone"),
        (["--read-only", "true"], "--read-only takes no value: write --read-only alone"),
        (["install", "--yes", "true"], "--yes takes no value: write --yes alone"),
        (["export", "--overdue", "false"], "--overdue takes no value: leave --overdue out"),
    ],
)
def test_a_value_after_a_flag_that_takes_none(arguments: list[str], advice: str) -> None:
    ended = CliRunner().invoke(main, arguments)
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (2, f"Error: {advice}")
