"""Which hosts and origins are allowed, in any spelling."""

import logging
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.config import ConfigError
from rotor_mcp.hosting.addresses import Authority, Origin, canonical_url
from rotor_mcp.hosting.refusal_log import RefusalLog
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import Sandbox
from tests.hosting.serving import hosted, request

pytestmark = pytest.mark.anyio

HEADERS, BODY = request("search_leads", {"search": "jane doe"})
WRONG_HOST = {
    "error": "the header Host names none of this server's names. If clients are to use this one, whoever runs the "
    "server sets ROTOR_MCP_PUBLIC_URL or adds the name to ROTOR_MCP_ALLOWED_HOSTS"
}
WRONG_ORIGIN = {
    "error": "web pages of this Origin may not call this server. If they are to, whoever runs the server adds the "
    "origin to ROTOR_MCP_ALLOWED_ORIGINS"
}


async def ping(sandbox: Sandbox, settings: dict[str, str], **headers: str) -> httpx2.Response:
    async with hosted(sandbox.transport, settings) as url, httpx2.AsyncClient() as http:
        return await http.post(f"{url}/mcp", headers=HEADERS | headers, json=BODY)


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"public_url": "HTTPS://Rotor.Example.COM"}, "rotor.example.com"),
        ({"public_url": "https://rotor.example.com"}, "ROTOR.example.com"),
        ({"public_url": "https://rotor.example.com:443/"}, "rotor.example.com"),
        ({"public_url": "https://rotor.example.com."}, "rotor.example.com"),
        ({"public_url": "https://rotor.example.com"}, "rotor.example.com.:443"),
        ({"public_url": "https://rotor.example.com:8443"}, "Rotor.example.com:8443"),
        ({"allowed_hosts": "Rotor.Internal"}, "rotor.internal:1234"),
        ({"allowed_hosts": "rotor.internal:443"}, "rotor.internal"),
        ({"allowed_hosts": " a.example , rotor_mcp:* ,, "}, "ROTOR_MCP:8080"),
        ({"allowed_hosts": "fd00::7"}, "[FD00:0:0::7]:8080"),
        ({"allowed_hosts": "[fd00::7]:8080"}, "[fd00::7]:8080"),
        ({"allowed_hosts": "b\u00fccher.example"}, "xn--bcher-kva.example"),
        ({}, "LOCALHOST:8080"),
        ({}, "[::1]"),
        ({}, "[0:0:0:0:0:0:0:1]:9"),
    ],
)
async def test_hosts_that_are_let_through(settings: dict[str, str], header: str, sandbox: Sandbox) -> None:
    assert (await ping(sandbox, settings, host=header)).status_code == 200


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"public_url": "https://rotor.example.com"}, "rotor.example.com.evil.example"),
        ({"public_url": "https://rotor.example.com:8443"}, "rotor.example.com:8444"),
        ({"public_url": "https://rotor.example.com"}, "rotor.example.com.."),
        ({"public_url": "https://rotor.example.com"}, "rotor.example.com@evil.example"),
        ({"public_url": "https://rotor.example.com"}, "rotor.example.com:"),
        ({"public_url": "https://rotor.example.com"}, "rotor.example.com:port"),
        ({"allowed_hosts": "rotor.internal:8080"}, "rotor.internal:8081"),
        ({"allowed_hosts": "rotor.internal:8080"}, "rotor.internal"),
        ({}, "127.0.0.1.nip.io"),
        ({}, "*"),
        ({}, "[::1"),
        ({}, "2130706433"),
    ],
)
async def test_hosts_that_are_refused(settings: dict[str, str], header: str, sandbox: Sandbox) -> None:
    answer = await ping(sandbox, settings, host=header)
    assert (answer.status_code, answer.json()) == (421, WRONG_HOST)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"public_url": "https://Rotor.example.com"}, "HTTPS://rotor.EXAMPLE.com:443"),
        ({"allowed_origins": "https://Inspector.example.com/"}, "https://inspector.example.com"),
        ({"allowed_origins": "https://inspector.example.com:443"}, "https://inspector.example.com"),
        ({"allowed_origins": "http://tools.example.com:80"}, "http://tools.example.com"),
        ({"allowed_origins": "https://tools.example.com:*"}, "https://tools.example.com:3000"),
        ({"allowed_origins": "chrome-extension://abcdefg"}, "chrome-extension://abcdefg"),
        ({"allowed_origins": "http://[fd00::7]:6274"}, "http://[fd00:0::7]:6274"),
        ({}, "http://localhost"),
        ({}, "http://LOCALHOST:6274"),
    ],
)
async def test_origins_that_are_let_through(settings: dict[str, str], header: str, sandbox: Sandbox) -> None:
    answer = await ping(sandbox, settings, origin=header)
    assert answer.status_code == 200
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == (header if "allowed_origins" in settings else None)


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"public_url": "https://rotor.example.com"}, "http://rotor.example.com"),
        ({"public_url": "https://rotor.example.com"}, "https://rotor.example.com:8443"),
        ({"allowed_origins": "https://inspector.example.com"}, "https://inspector.example.com.evil.example"),
        ({"allowed_origins": "https://inspector.example.com"}, "null"),
        ({"allowed_origins": "https://inspector.example.com"}, "https://inspector.example.com/"),
        ({"allowed_origins": "https://inspector.example.com"}, "*"),
        ({}, "https://evil.example/?http://localhost:1"),
        ({}, "file://"),
    ],
)
async def test_origins_that_are_refused(settings: dict[str, str], header: str, sandbox: Sandbox) -> None:
    answer = await ping(sandbox, settings, origin=header)
    assert (answer.status_code, answer.json()) == (403, WRONG_ORIGIN)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "*:8080",
        "*.example.com",
        "https://rotor.internal",
        "rotor.internal/",
        "rotor.internal/mcp",
        "rotor.internal other.internal",
        "rotor.internal:0",
        "rotor.internal:99999",
        "rotor.internal:http",
        "user@rotor.internal",
        "[rotor.internal]",
        "[10.0.0.7]",
        "rotor..internal",
        ":8080",
        "rotor\tinternal",
    ],
)
@pytest.mark.parametrize("before", ["", "good.example, "])
def test_hosts_that_cannot_be_allowed(entry: str, before: str) -> None:
    with pytest.raises(ConfigError) as raised:
        HostSettings.load({"allowed_hosts": before + entry})
    assert str(raised.value) == (
        f"ROTOR_MCP_ALLOWED_HOSTS: entry {2 if before else 1} must be a host name or an address, perhaps with a port, "
        "such as rotor.internal, 10.0.0.7:8080 or [fd00::7]:8080: no scheme, no path, no blank, and no * for a name, "
        "with which every web page could reach this server"
    )


@pytest.mark.parametrize(
    "entry",
    [
        "*",
        "https://*",
        "https://*.example.com",
        "null",
        "inspector.example.com",
        "https://inspector.example.com/app",
        "https://inspector.example.com//",
        "https://inspector.example.com?x",
        "https://a.example https://b.example",
        "https://",
        "file://",
        "https://user@inspector.example.com",
    ],
)
def test_origins_that_cannot_be_allowed(entry: str) -> None:
    with pytest.raises(ConfigError) as raised:
        HostSettings.load({"allowed_origins": f"https://good.example,{entry}"})
    assert str(raised.value) == (
        "ROTOR_MCP_ALLOWED_ORIGINS: entry 2 must be a scheme and a host name, perhaps with a port, such as "
        "https://inspector.example.com or http://localhost:6274: no path, no blank, no null, and no * for a name, "
        "with which every web page could call this server"
    )


@pytest.mark.parametrize(
    "url",
    ["https://*", "https://exa mple.com", "https://[::1", "https://a:99999", "https://a:*", "https://a:0"],
)
def test_a_public_url_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        HostSettings.load({"public_url": url})
    assert str(raised.value) == "ROTOR_MCP_PUBLIC_URL: must be an address such as https://rotor.example.com"


def test_the_public_url_has_one_form() -> None:
    for url in ("https://Rotor.Example.com:443/", "HTTPS://rotor.example.com.", "https://rotor.example.com"):
        settings = HostSettings.load({"public_url": url})
        assert (settings.public_url, settings.audience) == (
            "https://rotor.example.com",
            "https://rotor.example.com/mcp",
        )


async def test_what_strangers_send_is_escaped_in_the_log(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    async with hosted(sandbox.transport) as url, httpx2.AsyncClient() as http:
        for _ in range(3):
            hostile: Any = {"origin": "http://evil\u00e9\x9b31m".encode("latin-1") + b"x" * 500}
            answer = await http.post(f"{url}/mcp", headers=HEADERS | hostile, json=BODY)
            assert answer.json() == WRONG_ORIGIN
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line == (
        "a request was refused: it comes from a web page of another origin; ROTOR_MCP_ALLOWED_ORIGINS can allow that "
        f"('http://evil\\xe9\\x9b31m{'x' * 104}')"
    )


def test_refusals_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    often, rarely = RefusalLog(interval_seconds=0), RefusalLog(interval_seconds=3_600)
    for refusals in (often, rarely):
        for kind in ("one", "two"):
            for _ in range(3):
                refusals.note(kind)
    assert len(caplog.records) == 6 + 2
    caplog.clear()
    rarely._interval_seconds = 0
    rarely.note("one", "a\nb")
    assert caplog.messages == [
        "a request was refused: one ('a\\nb'); 2 more of this kind since the last line"
    ]


@given(st.text(), st.text())
def test_whatever_is_sent_is_read_or_refused(host: str, origin: str) -> None:
    for parse, text in ((Authority.parse, host), (Origin.parse, origin), (Origin.parse, f"https://{origin}")):
        with suppress(ValueError):
            parse(text)
    assert canonical_url(canonical_url(host)) == canonical_url(host)


def test_what_is_no_web_address_stays_as_it_is() -> None:
    for audience in ("api://0000-AAAA/", "Rotor", "urn:Rotor:MCP", "https://", "https://u:p@A.example/"):
        assert canonical_url(audience) == audience
