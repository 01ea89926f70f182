from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotor_mcp.config import (
    ConfigError,
    EnvironmentSettings,
    Settings,
    environment_variable,
    expected_number,
    redact_well_formed_keys,
)
from rotor_mcp.hosting.settings import HostSettings

KEY = "rotor_k3y1d_s3cr3tpart"


def test_the_defaults() -> None:
    settings = Settings.load({})
    assert settings.model_dump() == {
        "api_key": None,
        "keychain": False,
        "base_url": "https://api.getrotor.com/open-api",
        "timeout": 25.0,
        "timezone": None,
        "search_requests": 5,
        "search_memory": 30.0,
        "batch_requests": 100,
        "phone_region": "US",
        "read_only": False,
        "view": True,
        "assume": None,
        "redis_url": None,
        "redis_required": True,
        "log_level": None,
        "log_format": "text",
    }
    assert str(settings.zone)


def test_the_names_of_the_variables() -> None:
    assert {name: environment_variable(name) for name in Settings.model_fields} == {
        "api_key": "ROTOR_API_KEY",
        "keychain": "ROTOR_MCP_KEYCHAIN",
        "base_url": "ROTOR_BASE_URL",
        "timeout": "ROTOR_MCP_TIMEOUT",
        "timezone": "ROTOR_MCP_TIMEZONE",
        "search_requests": "ROTOR_MCP_SEARCH_REQUESTS",
        "search_memory": "ROTOR_MCP_SEARCH_MEMORY",
        "batch_requests": "ROTOR_MCP_BATCH_REQUESTS",
        "phone_region": "ROTOR_MCP_PHONE_REGION",
        "read_only": "ROTOR_MCP_READ_ONLY",
        "view": "ROTOR_MCP_VIEW",
        "assume": "ROTOR_MCP_ASSUME",
        "redis_url": "ROTOR_MCP_REDIS_URL",
        "redis_required": "ROTOR_MCP_REDIS_REQUIRED",
        "log_level": "ROTOR_MCP_LOG_LEVEL",
        "log_format": "ROTOR_MCP_LOG_FORMAT",
    }


@pytest.mark.parametrize(
    ("value", "trouble"),
    [
        (None, "ROTOR_API_KEY is not set"),
        (" ", "ROTOR_API_KEY is not set"),
        ("${ROTOR_API_KEY}", "ROTOR_API_KEY holds the name of a variable, not its value: "),
        ("$ROTOR_API_KEY", "ROTOR_API_KEY holds the name of a variable, not its value: "),
        ("%ROTOR_API_KEY%", "ROTOR_API_KEY holds the name of a variable, not its value: "),
        ("rotor_a\nb", "ROTOR_API_KEY holds a space, a line break or another character"),
        ("rotor_ключ", "ROTOR_API_KEY holds a space, a line break or another character"),
    ],
)
def test_a_key_that_cannot_be_sent(value: str | None, trouble: str) -> None:
    settings = Settings.load({"api_key": value})
    assert settings.key is None
    assert (settings.key_trouble or "").startswith(trouble)
    assert settings.key_warning is None


def test_a_key_of_another_product_is_sent_with_a_warning() -> None:
    settings = Settings.load({"api_key": "rt_ws_123456789"})
    assert (settings.key, settings.key_trouble) == ("rt_ws_123456789", None)
    assert settings.key_warning == (
        "ROTOR_API_KEY looks like another product's key: Rotor's begin with rotor_, "
        "and other products use the same variable"
    )


@pytest.mark.parametrize(
    "address",
    [
        "https://rotor.example.com/open-api",
        "https://rotor.example.com/open-api/",
        "http://localhost:8787/open-api",
        "http://127.0.0.9:8787",
        "http://[::1]:8787/open-api",
    ],
)
def test_addresses_that_are_taken(address: str) -> None:
    assert Settings.load({"base_url": address}).base_url == address.rstrip("/")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"base_url": "http://rotor.example.com"}, "ROTOR_BASE_URL: must begin with https: over http "),
        ({"base_url": "http://10.0.0.1/open-api"}, "ROTOR_BASE_URL: must begin with https: over http "),
        ({"base_url": "http://localhost.example.com"}, "ROTOR_BASE_URL: must begin with https: over http "),
        ({"base_url": "rotor.example.com"}, "ROTOR_BASE_URL: must be an address such as"),
        ({"base_url": "ftp://rotor.example.com"}, "ROTOR_BASE_URL: must be an address such as"),
        ({"base_url": "https://me:pw@rotor.example.com"}, "ROTOR_BASE_URL: must hold no user name"),
        ({"base_url": "https://rotor.example.com/?a=1"}, "ROTOR_BASE_URL: must hold no user name"),
        ({"timezone": "Mars/Olympus"}, "ROTOR_MCP_TIMEZONE: must be a time zone's name"),
        ({"timezone": "../../etc/passwd"}, "ROTOR_MCP_TIMEZONE: must be a time zone's name"),
        ({"phone_region": "America"}, "ROTOR_MCP_PHONE_REGION: must be a country's two letters"),
        ({"read_only": "maybe"}, "ROTOR_MCP_READ_ONLY: must be true or false"),
        ({"redis_url": "redis.example.com:6379"}, "ROTOR_MCP_REDIS_URL: must be an address such as redis://"),
        (
            {"redis_url": "http://redis.example.com"},
            "ROTOR_MCP_REDIS_URL: must be an address such as redis://",
        ),
        ({"redis_url": "redis://"}, "ROTOR_MCP_REDIS_URL: must be an address such as redis://"),
        ({"redis_url": "redis://host:port"}, "ROTOR_MCP_REDIS_URL: must be an address such as redis://"),
        ({"redis_url": "unix://"}, "ROTOR_MCP_REDIS_URL: must be an address such as redis://"),
        (
            {"redis_url": "redis://host/0?colour=red"},
            "ROTOR_MCP_REDIS_URL: has options that the Redis client ",
        ),
        ({"timeout": "0"}, "ROTOR_MCP_TIMEOUT: must be a number above 0, 600 at most"),
        ({"timeout": "soon"}, "ROTOR_MCP_TIMEOUT: must be a number above 0, 600 at most"),
        ({"search_memory": "-1"}, "ROTOR_MCP_SEARCH_MEMORY: must be a number from 0 to 600"),
        ({"search_requests": "1.5"}, "ROTOR_MCP_SEARCH_REQUESTS: must be a whole number from 1 to 100"),
        ({"log_level": "loud"}, "ROTOR_MCP_LOG_LEVEL: must be debug, info, warning or error"),
        ({"base_url": "http://["}, "ROTOR_BASE_URL: must be an address such as"),
    ],
)
def test_settings_that_cannot_be_used(values: dict[str, str | None], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load(values)
    assert str(caught.value).startswith(words)


def test_what_is_said_about_a_flag_names_the_flag() -> None:
    flags = {"timeout": "--timeout", "api_key": "--api-key"}
    with pytest.raises(ConfigError) as caught:
        Settings.load({"timeout": "soon", "log_level": "loud"}, flags)
    assert str(caught.value) == (
        "--timeout: must be a number above 0, 600 at most; "
        "ROTOR_MCP_LOG_LEVEL: must be debug, info, warning or error"
    )
    assert Settings.load({"api_key": "rotor_a b"}, flags).key_trouble == (
        "--api-key holds a space, a line break or another character that no key has"
    )


@pytest.mark.parametrize("model", [Settings, HostSettings])
def test_no_setting_speaks_of_it_in_the_words_of_a_library(model: type[EnvironmentSettings]) -> None:
    for name in model.model_fields:
        with suppress(ConfigError):
            model.load({name: "\0 [x"})
            continue
        with pytest.raises(ConfigError, match=r"^ROTOR_\w+( is|:) ?(must|set|entry)") as caught:
            model.load({name: "\0 [x"})
        assert "nput" not in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((None, None, None), "must be a number"),
        ((1, None, None), "must be a number, 1 or more"),
        ((None, 1_000, None), "must be a number, 1,000 or less"),
        ((0, 600, None), "must be a number from 0 to 600"),
        ((None, None, 0), "must be a number above 0"),
        ((None, 600, 0), "must be a number above 0, 600 at most"),
    ],
)
def test_which_numbers_are_expected(
    limits: tuple[float | None, float | None, float | None], said: str
) -> None:
    low, high, above = limits
    assert expected_number("number", low, high, above=above) == said


def test_what_nobody_expanded_counts_as_not_given() -> None:
    assert Settings.load({"base_url": "${ROTOR_BASE_URL}", "timezone": "${TZ}"}) == Settings.load({})


def test_a_named_time_zone() -> None:
    assert str(Settings.load({"timezone": "America/Chicago"}).zone) == "America/Chicago"


def test_the_key_is_not_in_the_repr() -> None:
    settings = Settings.load({"api_key": KEY})
    assert "s3cr3tpart" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    "address",
    [
        "redis://127.0.0.1",
        "redis://:pw@redis:6380/2",
        "rediss://me:pw@redis.example.com/0",
        "unix:///tmp/r.sock?db=1",
    ],
)
def test_addresses_of_a_redis(address: str) -> None:
    url = Settings.load({"redis_url": address}).redis_url
    assert url is not None
    assert url.get_secret_value() == address


@pytest.mark.parametrize("form", ["redis://:{}@redis/?colour=red", "odd://:{}@redis:6379"])
def test_an_address_of_a_redis_that_cannot_be_used_is_not_repeated(form: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load({"redis_url": form.format("pa55word")})
    assert "pa55word" not in str(caught.value)


def test_the_password_of_redis_is_shown_nowhere() -> None:
    settings = Settings.load({"api_key": KEY, "redis_url": "redis://:pa55word%21@redis/0"})
    assert "pa55word" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.redact("pa55word! pa55word%21 s3cr3tpart") == "«password» «password» «API key»"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8), st.text(), st.text())
def test_redaction_leaves_no_key_in_any_text(key: str, before: str, after: str) -> None:
    settings = Settings.load({"api_key": key})
    assume(settings.key is not None)
    assert key not in settings.redact(f"{before}{key}{after}")


def test_the_secret_part_alone_is_redacted_too() -> None:
    assert Settings.load({"api_key": KEY}).redact("it is s3cr3tpart!") == "it is «API key»!"


@pytest.mark.parametrize(
    "secret", ["s3cr3t_with_one", "_s3cr3tpart", "s3cr3tpart_", "a_b_c_d_e_f", "__________"]
)
def test_a_secret_with_underscores_is_redacted_whole(secret: str) -> None:
    settings = Settings.load({"api_key": f"rotor_k3y1d_{secret}"})
    assert settings.redact(f"<{secret}>, rotor_k3y1d_{secret}") == "<«API key»>, «API key»"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("with rotor_acme_s3cr3tpart.", "with «API key»"),
        ("{'x-api-key': 'rotor_acme_s3cr3t_part+/=', 'a': 1}", "{'x-api-key': '«API key»', 'a': 1}"),
        ("rotor_a-1_12345678,rotor_b_12345678", "«API key»,«API key»"),
        ("rotor_acme_short", "rotor_acme_short"),
        (
            "rotor_mcp.hosting.access ROTOR_MCP_ALLOWED_HOSTS rotor_",
            "rotor_mcp.hosting.access ROTOR_MCP_ALLOWED_HOSTS rotor_",
        ),
        ("rotor_ acme_s3cr3tpart", "rotor_ acme_s3cr3tpart"),
    ],
)
def test_well_formed_keys_are_redacted_by_their_form(text: str, shown: str) -> None:
    assert redact_well_formed_keys(text) == shown


def test_a_short_text_is_no_secret() -> None:
    assert Settings.load({"api_key": "rotor_a_b"}).redact("a b") == "a b"
