"""HTTP clients in environments where anything may stand. Sockets and files are real."""

import gc
import os
import socket
from contextlib import closing
from pathlib import Path

import jwt
import pytest
import trustme

from rotor_mcp.api.http_client import proxy_for
from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.config import Settings
from rotor_mcp.errors import Misconfigured, NotSent
from rotor_mcp.hosting.auth_jwt import IssuerUnavailable, JwtVerifier
from rotor_mcp.tools import error_text
from tests.api.test_session import session
from tests.listening import listening
from tests.proxies import ANSWER, Rotor, answering, refusing_socks

pytestmark = pytest.mark.anyio

KEY = "rotor_k3y1d_s3cr3tpart"
ROTOR = "https://api.getrotor.com/open-api"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of proxies and certificates."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL"):
            monkeypatch.delenv(name)
    return monkeypatch


PROXIES: list[tuple[dict[str, str], str, str | None]] = [
    ({}, ROTOR, None),
    ({"HTTPS_PROXY": "http://10.0.0.1:3128"}, ROTOR, "http://10.0.0.1:3128 by HTTPS_PROXY"),
    ({"https_proxy": "10.0.0.1:3128"}, ROTOR, "http://10.0.0.1:3128 by https_proxy"),
    ({"HTTPS_PROXY": " http://10.0.0.1:3128\t"}, ROTOR, "http://10.0.0.1:3128 by HTTPS_PROXY"),
    ({"ALL_PROXY": "socks://127.0.0.1:7890/"}, ROTOR, "socks5://127.0.0.1:7890/ by ALL_PROXY"),
    ({"all_proxy": "SOCKS5H://[::1]:1080"}, ROTOR, "socks5h://[::1]:1080 by all_proxy"),
    ({"HTTPS_PROXY": "https://u:p@proxy:8443"}, ROTOR, "https://u:p@proxy:8443 by HTTPS_PROXY"),
    # What is not needed is not looked at.
    ({"HTTP_PROXY": "gopher://x", "HTTPS_PROXY": ""}, ROTOR, None),
    ({"ALL_PROXY": "gopher://x", "HTTPS_PROXY": "http://p:1"}, ROTOR, "http://p:1 by HTTPS_PROXY"),
    ({"ALL_PROXY": "gopher://x"}, "http://127.0.0.1:8787/open-api", None),
    ({"ALL_PROXY": "gopher://x"}, "https://[::1]:8787/open-api", None),
    ({"ALL_PROXY": "gopher://x"}, "http://localhost/", None),
    ({"ALL_PROXY": "gopher://x", "NO_PROXY": "*"}, ROTOR, None),
    ({"ALL_PROXY": "gopher://x", "NO_PROXY": "example.com, api.getrotor.com"}, ROTOR, None),
    ({"ALL_PROXY": "gopher://x", "no_proxy": ".getrotor.com"}, ROTOR, None),
    ({"ALL_PROXY": "gopher://x", "NO_PROXY": "*.GetRotor.com"}, ROTOR, None),
    ({"ALL_PROXY": "gopher://x", "NO_PROXY": "api.getrotor.com:443"}, ROTOR, None),
    ({"ALL_PROXY": "gopher://x", "NO_PROXY": "::1,192.168.0.0/24"}, "https://192.168.0.17/", None),
    ({"ALL_PROXY": "http://p:1", "NO_PROXY": "api.getrotor.com:80"}, ROTOR, "http://p:1 by ALL_PROXY"),
    ({"ALL_PROXY": "http://p:1", "NO_PROXY": "rotor.com,10.0.0.0/33"}, ROTOR, "http://p:1 by ALL_PROXY"),
]


@pytest.mark.parametrize(("variables", "url", "found"), PROXIES)
def test_which_proxy_is_used(
    environment: pytest.MonkeyPatch, variables: dict[str, str], url: str, found: str | None
) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)
    proxy = proxy_for(url)
    assert (proxy and f"{proxy.url} by {proxy.variable}") == found


UNUSABLE = [
    "http://127.0.0.1:99999",
    "http://127.0.0.1:port",
    "127.0.0.1:80:80",
    "http://",
    "http://:3128",
    "http://pro xy:3128",
    "http://jo:s3cretword@",
    "http://jo:12/s3cretword@proxy:3128",
    "socks4://127.0.0.1:1080",
    "gopher://jo:s3cretword@127.0.0.1",
    "://127.0.0.1:1",
]


@pytest.mark.parametrize("value", UNUSABLE)
async def test_a_proxy_that_cannot_be_used_is_named_and_never_shown(
    environment: pytest.MonkeyPatch, value: str
) -> None:
    environment.setenv("ALL_PROXY", value)
    error = await misconfigured(ROTOR)
    assert error.reason.startswith("ALL_PROXY cannot be used: ")
    assert error.fix == "Correct ALL_PROXY, or unset it."
    assert "s3cretword" not in repr(error) + error_text.describe(error)


async def misconfigured(address: str) -> Misconfigured:
    """The error of a request, which is not tried again and costs nothing."""
    exchange = session(ConnectionPool(Settings.load({"api_key": KEY, "base_url": address})))
    with pytest.raises(Misconfigured) as caught:
        await exchange.send("POST", "leads", body={})
    assert exchange.requests == 0
    assert error_text.describe(caught.value) == f"Nothing was sent: {caught.value.reason}. {caught.value.fix}"
    return caught.value


def certificate_file(tmp_path: Path, kind: str) -> Path:
    file = tmp_path / "certificates.pem"
    match kind:
        case "a folder":
            file.mkdir()
        case "empty":
            file.touch()
        case "no PEM":
            file.write_bytes(b"\x00\x01 certificates")
        case "a key only":
            trustme.CA().private_key_pem.write_to_path(file)
        case "broken":
            file.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        case "unreadable":
            file.symlink_to(file)  # nobody can read that, not even root
    return file


REASONS = {
    "missing": "No such file or directory",
    "a folder": "Is a directory",
    "empty": "it holds no certificate in PEM form",
    "no PEM": "it holds no certificate in PEM form",
    "a key only": "it holds no certificate in PEM form",
    "broken": "it holds no certificate in PEM form",
    "unreadable": "Too many levels of symbolic links",
}


@pytest.mark.parametrize("kind", REASONS)
async def test_a_file_of_certificates_that_cannot_be_read(
    environment: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    environment.setenv("SSL_CERT_FILE", str(certificate_file(tmp_path, kind)))
    error = await misconfigured(ROTOR)
    assert error.reason == f"SSL_CERT_FILE names a file that cannot be read: {REASONS[kind]}"


@pytest.mark.parametrize("kind", ["missing", "a file", "without certificates"])
async def test_a_folder_of_certificates_that_cannot_be_used(
    environment: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "certificates"
    if kind == "a file":
        folder.touch()
    elif kind == "without certificates":
        folder.mkdir()
        trustme.CA().cert_pem.write_to_path(folder / "authority.pem")
    environment.setenv("SSL_CERT_DIR", str(folder))
    error = await misconfigured(ROTOR)
    assert error.reason == "SSL_CERT_DIR names a folder that cannot be used: " + {
        "missing": "No such file or directory",
        "a file": "Not a directory",
        "without certificates": "it holds no certificate under the name that OpenSSL looks for",
    }.get(kind, "")


async def test_a_log_of_tls_keys_that_cannot_be_written(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "authority.pem")
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    environment.setenv("SSLKEYLOGFILE", str(tmp_path / "missing" / "keys"))
    assert (await misconfigured(ROTOR)).reason == "SSLKEYLOGFILE names a file that cannot be written"


async def test_what_is_not_needed_does_no_harm(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    environment.setenv("ALL_PROXY", "gopher://127.0.0.1")
    environment.setenv("NETRC", str(tmp_path))
    with listening(lambda connection: connection.sendall(ANSWER)) as address:
        assert await sent(f"http://{address}") == "sent"


@pytest.mark.parametrize("value", ["socks4://127.0.0.1:1", "http://jo:s3cretword@127.0.0.1:port"])
async def test_the_issuer_of_tokens_is_asked_in_the_same_way(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    environment.setenv("ALL_PROXY", value)
    token = jwt.encode({"sub": "jo"}, "k" * 32, headers={"kid": "1"})
    with pytest.raises(IssuerUnavailable):
        await JwtVerifier("https://issuer.invalid/", "rotor").verify_token(token)
    (line,) = caplog.messages
    assert line.startswith("the keys of the issuer cannot be had: ALL_PROXY cannot be used: ")
    assert line.endswith(". Correct ALL_PROXY, or unset it.")
    assert "s3cretword" not in caplog.text


# Through real proxies


@pytest.fixture
def rotor(environment: pytest.MonkeyPatch, tmp_path: Path) -> Rotor:
    """A Rotor that only a proxy leads to, with a certificate of an authority that is trusted here."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    environment.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return Rotor(authority, "rotor.invalid")


async def sent(address: str) -> str:
    """Send a request; return what came of it."""
    pool = ConnectionPool(Settings.load({"api_key": KEY, "base_url": address, "timeout": "1.1"}))
    try:
        await session(pool).send("GET", "leads")
    except NotSent as exc:
        return f"{exc.connect_failure}: {exc.reason}"
    finally:
        await pool.aclose()
    return "sent"


@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
async def test_through_a_socks_proxy(environment: pytest.MonkeyPatch, rotor: Rotor, scheme: str) -> None:
    with listening(rotor.behind_socks) as address:
        environment.setenv("ALL_PROXY", f"{scheme}://{address}")
        assert await sent("https://rotor.invalid/open-api") == "sent"
    assert rotor.asked == ["rotor.invalid:443", "GET /open-api/leads HTTP/1.1"]


async def test_through_an_http_proxy_with_a_password(environment: pytest.MonkeyPatch, rotor: Rotor) -> None:
    with listening(rotor.behind_http) as address:
        environment.setenv("https_proxy", f"jo:s3cretword@{address}")
        assert await sent("https://rotor.invalid/open-api") == "sent"
    assert rotor.asked == [
        "CONNECT rotor.invalid:443",
        "Proxy-Authorization: Basic am86czNjcmV0d29yZA==",
        "GET /open-api/leads HTTP/1.1",
    ]


async def test_a_certificate_behind_a_proxy_is_the_hosts(
    environment: pytest.MonkeyPatch, rotor: Rotor
) -> None:
    with listening(rotor.behind_http) as address:
        environment.setenv("HTTPS_PROXY", address)
        told = await sent("https://elsewhere.invalid/open-api")
    assert told == "certificate: the TLS certificate of elsewhere.invalid is not trusted on this machine"


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 s3cretword"])
async def test_a_proxy_that_refuses_is_blamed_and_not_the_host(
    environment: pytest.MonkeyPatch, status: str
) -> None:
    with listening(answering(f"HTTP/1.1 {status}".encode())) as address:
        environment.setenv("ALL_PROXY", f"http://jo:s3cretword@{address}")
        told = await sent(ROTOR)
    assert told == f"proxy: the proxy {address} (ALL_PROXY) does not connect: it answers {status[:3]}"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_socks_proxy_that_refuses_is_blamed(environment: pytest.MonkeyPatch) -> None:
    with listening(refusing_socks) as address:
        environment.setenv("ALL_PROXY", f"socks5://{address}")
        assert await sent(ROTOR) == f"proxy: the proxy {address} (ALL_PROXY) does not connect"
    gc.collect()  # httpcore leaves such a connection to it


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_is_not_there(environment: pytest.MonkeyPatch, scheme: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    environment.setenv("https_proxy", f"{scheme}://{address}")
    assert await sent(ROTOR) == f"proxy: the proxy {address} (https_proxy) refused the connection"
    environment.setenv("https_proxy", f"{scheme}://jo:s3cretword@proxy.invalid:3128")
    told = await sent(ROTOR)
    assert told == "proxy: the proxy proxy.invalid:3128 (https_proxy) cannot be found"
