"""Settings from a TOML file: what it may hold, what comes before it, and what is said about it."""

from pathlib import Path

import pytest

from rotor_mcp.config import ConfigError, Settings
from rotor_mcp.config_file import given_settings, unknown_variables
from rotor_mcp.hosting.settings import SETTING_NAMES, HostSettings
from tests.conftest import posix

NOTHING = dict.fromkeys(SETTING_NAMES)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rotor.toml"


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(file: Path) -> None:
    file.write_text('timeout = 7\ntimezone = "Asia/Tokyo"\nread_only = true\nphone_region = "CA"\n')
    values = NOTHING | {"timeout": "5", "timezone": "UTC", "phone_region": " "}
    given = given_settings(values, {"timeout": "--timeout"}, str(file), SETTING_NAMES)
    settings = Settings.load(given.values, given.sources)
    assert (settings.timeout, settings.timezone, settings.read_only, settings.phone_region) == (
        5,
        "UTC",
        True,
        "CA",
    )
    assert [settings.source(name) for name in ("timeout", "timezone", "read_only", "log_level")] == [
        "--timeout",
        "ROTOR_MCP_TIMEZONE",
        f"read_only in {file}",
        "ROTOR_MCP_LOG_LEVEL",
    ]


def test_every_kind_of_value(file: Path) -> None:
    file.write_text(
        """
        http = "127.0.0.1:0"
        workers = 1
        log_probes = false
        allowed_hosts = ["rotor.internal", "10.0.0.7:8080"]
        search_memory = 2.5
        audit_file = "/dev/stdout"
        """
    )
    given = given_settings(NOTHING, {}, str(file), SETTING_NAMES)
    host = HostSettings.load(given.values, given.sources)
    assert (host.workers, host.log_probes, host.allowed_hosts, host.audit_file) == (
        1,
        False,
        ("rotor.internal", "10.0.0.7:8080"),
        Path("/dev/stdout"),
    )
    assert Settings.load(given.values).search_memory == 2.5


def test_a_command_without_a_setting_does_not_get_it_from_the_file(file: Path) -> None:
    file.write_text("read_only = true\ntimeout = 7\n")
    given = given_settings({"timeout": None}, {}, str(file), SETTING_NAMES)
    assert given.values == {"timeout": "7"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("pubic_url = 1", "there is no setting 'pubic_url'; did you mean public_url?"),
        ("public-url = 1", "there is no setting 'public-url'; did you mean public_url?"),
        ("ROTOR_MCP_TIMEOUT = 1", "there is no setting 'ROTOR_MCP_TIMEOUT'; did you mean timeout?"),
        ("[http]\nport = 1", "http must be a text, a number, true or false, or a list of texts"),
        ("timeout = 2026-11-27", "timeout must be a text, a number, true or false, or a list of texts"),
        ("allowed_hosts = [1]", "allowed_hosts must be a text, a number, true or false, or a list of texts"),
        ('api_key = "rotor_a_s3cr3t', "is not TOML (at end of document)"),
        ("timeout = 1\ntimeout = 2", "is not TOML (at end of document)"),
        ("timeout: 5", "is not TOML (at line 1, column 8)"),
        ("\ufeffzzz = 1", "is not TOML (at line 1, column 1)"),
        ('"\\u001b[2J" = 1', "there is no setting '\\x1b[2J'"),
    ],
)
def test_a_file_that_cannot_be_used(content: str, said: str, file: Path) -> None:
    file.write_text(content, "utf-8")
    with pytest.raises(ConfigError) as caught:
        given_settings(NOTHING, {"config": "--config"}, str(file), SETTING_NAMES)
    assert str(caught.value) == f"--config: {file}: {said}"


def test_a_file_that_is_not_there_or_is_no_text(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        given_settings(NOTHING, {}, str(file), SETTING_NAMES)
    assert str(caught.value) == f"ROTOR_MCP_CONFIG: {file} cannot be read: No such file or directory"
    file.write_bytes(b'timezone = "\xff"\n')
    with pytest.raises(ConfigError, match="is not UTF-8"):
        given_settings(NOTHING, {}, str(file), SETTING_NAMES)
    assert given_settings(NOTHING, {}, "${ROTOR_MCP_CONFIG}", SETTING_NAMES).values == NOTHING


def test_what_is_said_about_a_value_names_the_file(file: Path) -> None:
    file.write_text("timeout = 0\n")
    given = given_settings(NOTHING, {}, str(file), SETTING_NAMES)
    with pytest.raises(ConfigError) as caught:
        Settings.load(given.values, given.sources)
    assert str(caught.value) == f"timeout in {file}: must be a number above 0, 600 at most"


@posix
@pytest.mark.parametrize(
    ("content", "refused"),
    [
        ('api_key = "rotor_a_s3cr3t99"', True),
        ('redis_url = "redis://:pa55word@redis"', True),
        ('redis_url = "redis://redis"', False),
        (f'state_secret = "{"s" * 32}"', True),
        ("timeout = 7", False),
    ],
)
def test_secrets_that_everybody_can_read(content: str, refused: bool, file: Path) -> None:
    file.write_text(content)
    file.chmod(0o644)
    if refused:
        with pytest.raises(ConfigError, match="every user of this machine can use it") as caught:
            given_settings(NOTHING, {}, str(file), SETTING_NAMES)
        assert "s3cr3t99" not in str(caught.value)
        file.chmod(0o640)
    given_settings(NOTHING, {}, str(file), SETTING_NAMES)


def test_variables_that_are_nearly_settings() -> None:
    environment = [
        "ROTOR_MCP_TOKENFILE",
        "ROTOR_MCP_PUBLIC_ULR",
        "ROTOR_MCP_TOKEN_FILE",
        "ROTOR_MCP_SANDBOX",
        "ROTOR_MCP_CONFIG",
        "ROTOR_MCP_WHATEVER",
        "TIMEOUT",
        # What Kubernetes sets for services of the names rotor-mcp and rotor-mcp-redis
        "ROTOR_MCP_SERVICE_HOST",
        "ROTOR_MCP_SERVICE_PORT",
        "ROTOR_MCP_SERVICE_PORT_HTTP",
        "ROTOR_MCP_PORT",
        "ROTOR_MCP_PORT_80_TCP_ADDR",
        "ROTOR_MCP_REDIS_SERVICE_HOST",
        "ROTOR_MCP_REDIS_PORT_6379_TCP",
    ]
    assert [*unknown_variables(environment, SETTING_NAMES)] == [
        ("ROTOR_MCP_PUBLIC_ULR", "ROTOR_MCP_PUBLIC_URL"),
        ("ROTOR_MCP_TOKENFILE", "ROTOR_MCP_TOKEN_FILE"),
    ]
