"""`rotor-mcp check` on the way to Rotor: what it finds, and what it says is to be done."""

import re
import socket
import ssl
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import anyio
import pytest
import trustme
from inline_snapshot import snapshot

from rotor_mcp import __version__
from rotor_mcp.behavior import Behavior
from rotor_mcp.sandbox import CREATE_ONLY_KEY, FULL_KEY, READ_ONLY_KEY, Fault, Sandbox
from rotor_mcp.sandbox.server import serving
from tests.conftest import sandbox_url
from tests.homes import Ended, Home
from tests.listening import listening

pytestmark = pytest.mark.anyio


async def check(home: Home, *arguments: str, **variables: str) -> Ended:
    """Run it with nothing else on the machine, beside a Rotor that is served here."""
    zone = {"ROTOR_MCP_TIMEZONE": "America/Chicago"}
    return await anyio.to_thread.run_sync(lambda: home.run("check", *arguments, **zone | variables))


def told(ended: Ended, address: str = "") -> str:
    """What was printed, from the key on."""
    assert ended.err == ""
    _, key, rest = ended.out.partition(re.search(r"^.{4} key: ", ended.out, re.MULTILINE)[0])  # type: ignore[index]
    return f"{ended.status}\n{key}{rest}".replace(address or "\0", "<address>").partition("note clients: ")[0]


async def test_on_the_sandbox(home: Home) -> None:
    ended = await check(home, "--sandbox")
    assert (ended.status, ended.err) == (0, "")
    assert re.sub(r"Python [\d.]+", "Python <version>", ended.out).replace(
        __version__, "<version>"
    ) == snapshot("""\
ok   rotor-mcp: <version>, on Python <version>
ok   time zone: America/Chicago, as set
ok   address: the embedded Rotor, without a network
ok   key: set; it begins with rotor_
ok   connection: sandbox.invalid answers as Rotor does
ok   access: Rotor accepts the key, with the scopes: leads:read, leads:write. 1 request spent.
ok   clock: as Rotor's
note clients: none is on this machine
     → rotor-mcp install --help names them.
""")


@pytest.mark.parametrize("behavior", ["auth_test=missing", "auth_test=forbidden"])
async def test_a_rotor_that_tells_less(behavior: str, home: Home) -> None:
    assert told(await check(home, "--sandbox", "--assume", behavior)) == TOLD_OF_LESS[behavior]


TOLD_OF_LESS: dict[str, str] = {
    "auth_test=missing": snapshot("""\
0
ok   key: set; it begins with rotor_
ok   connection: sandbox.invalid answers as Rotor does
ok   access: Rotor accepts the key for reading, and does not tell its scopes. 2 requests spent.
"""),
    "auth_test=forbidden": snapshot("""\
0
ok   key: set; it begins with rotor_
ok   connection: sandbox.invalid answers as Rotor does
ok   access: Rotor accepts the key for reading, and does not tell its scopes. 2 requests spent.
"""),
}


async def test_a_key_that_reads_nothing_where_rotor_tells_no_scopes(home: Home) -> None:
    with closing(Sandbox(behavior=Behavior.parse("auth_test=missing"))) as rotor:
        async with serving(rotor) as url:
            ended = await check(home, ROTOR_API_KEY=CREATE_ONLY_KEY, ROTOR_BASE_URL=url)
    assert told(ended, url).splitlines()[-2:] == snapshot(
        [
            "FAIL access: Rotor answered 403. 2 requests spent.",
            "     → This API key lacks the scope leads:read (403), and nothing was done. Whoever made it can make one with that scope in Rotor under Settings → Integrations. Entering leads with upsert_lead may still work: such keys exist, made only for creating leads.",
        ]
    )


KEYS = {
    "good": FULL_KEY,
    "read only": READ_ONLY_KEY,
    "create only": CREATE_ONLY_KEY,
    "unknown": "rotor_nobody_knows-this-one",
    "cut": "rotor_k3y1d",
    "other product": "sk-1234567890",
    "none": "",
    "unexpanded": "${ROTOR_API_KEY}",
}


@pytest.mark.parametrize("case", KEYS)
async def test_keys(case: str, home: Home) -> None:
    key = KEYS[case]
    async with sandbox_url() as url:
        ended = await check(home, ROTOR_API_KEY=key, ROTOR_BASE_URL=url)
    assert key == "" or key.startswith("$") or key not in ended.out
    assert told(ended) == TOLD_OF_KEYS[case]


TOLD_OF_KEYS: dict[str, str] = snapshot(
    {
        "good": """\
0
ok   key: set; it begins with rotor_
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
ok   access: Rotor accepts the key, with the scopes: leads:read, leads:write. 1 request spent.
ok   clock: as Rotor's
""",
        "read only": """\
0
ok   key: set; it begins with rotor_
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
note access: Rotor accepts the key, with the scopes: leads:read. None seems to be for writing. 1 request spent.
     → If leads are to be entered, make a key that may. If not, ROTOR_MCP_READ_ONLY=true keeps the tools for it away from assistants.
ok   clock: as Rotor's
""",
        "create only": """\
1
ok   key: set; it begins with rotor_
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
FAIL access: Rotor accepts the key, with the scopes: leads:write. Without leads:read leads can be neither searched nor read, and upsert_lead writes without looking first. 1 request spent.
     → In Rotor, under Settings → Integrations, make a key with the scope leads:read, and put it in the place of this one.
ok   clock: as Rotor's
""",
        "unknown": """\
1
ok   key: set; it begins with rotor_
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
FAIL access: Rotor does not accept this key (401). 1 request spent.
     → A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards.
""",
        "cut": """\
1
FAIL key: ROTOR_API_KEY is not of the form rotor_<keyId>_<keySecret>: was it copied as a whole?
     → A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards.
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
FAIL access: Rotor does not accept this key (401). 1 request spent.
     → A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards.
""",
        "other product": """\
1
FAIL key: ROTOR_API_KEY looks like another product's key: Rotor's begin with rotor_, and other products use the same variable
     → A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards.
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
FAIL access: Rotor does not accept this key (401). 1 request spent.
     → A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards.
""",
        "none": """\
1
FAIL key: ROTOR_API_KEY is not set
     → A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards.
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
-    access: there is no key
""",
        "unexpanded": """\
1
FAIL key: ROTOR_API_KEY holds the name of a variable, not its value: this client does not expand it
     → A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards.
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
-    access: there is no key
""",
    }
)


async def test_the_clock(home: Home) -> None:
    async with sandbox_url(now=lambda: datetime.now(UTC) - timedelta(hours=3, seconds=1)) as url:
        ended = await check(home, ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url)
    assert re.sub(r"3:00:0\d", "3:00:0n", told(ended)) == snapshot("""\
1
ok   key: set; it begins with rotor_
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
ok   access: Rotor accepts the key, with the scopes: leads:read, leads:write. 1 request spent.
FAIL clock: 3:00:0n ahead of Rotor's
     → Let this system set its time by itself: what is overdue is judged by it.
""")


async def test_the_quota(home: Home) -> None:
    async with sandbox_url(quota=1) as url:
        await check(home, ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url)
        ended = await check(home, ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url)
    assert told(ended) == snapshot("""\
1
ok   key: set; it begins with rotor_
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
FAIL access: the requests of this key are used up for today (429). 1 request spent.
     → Rotor allows 1,000 a day, those of the company's website forms too. Try again tomorrow.
""")


@pytest.mark.parametrize(("faults", "said"), [(3, "connection"), (1, "")])
async def test_a_failing_rotor(faults: int, said: str, home: Home) -> None:
    with closing(Sandbox()) as rotor:
        for _ in range(faults):
            rotor.faults.add(Fault(status=503))
        async with serving(rotor) as url:
            ended = await check(home, ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url)
    assert told(ended) == TOLD_OF_FAILING[said]


TOLD_OF_FAILING: dict[str, str] = snapshot(
    {
        "connection": """\
1
ok   key: set; it begins with rotor_
ok   proxy: none
FAIL connection: Rotor answered 503
     → Check the network. If everything else can be reached, Rotor is down: try again later.
-    access: there is no connection
""",
        "": """\
0
ok   key: set; it begins with rotor_
ok   proxy: none
ok   connection: 127.0.0.1 answers as Rotor does
ok   access: Rotor accepts the key, with the scopes: leads:read, leads:write. 1 request spent.
ok   clock: as Rotor's
""",
    }
)


def shake_hands(connection: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with suppress(OSError):
        context.wrap_socket(connection, server_side=True)


def login_page(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 401 Log in\r\ncontent-length: 4\r\nconnection: close\r\n\r\nPlea")


def elsewhere(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(
        b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )


def web_page(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\n<p>!"
    )


WAYS = {
    "certificate": ("https", shake_hands),
    "no TLS": ("https", login_page),
    "login page": ("http", login_page),
    "redirect": ("http", elsewhere),
    "web page": ("http", web_page),
}


@pytest.mark.parametrize("case", WAYS)
async def test_ways_that_do_not_lead_there(case: str, home: Home) -> None:
    scheme, answer = WAYS[case]
    with listening(answer) as address:
        url = f"{scheme}://{address}"
        ended = await check(home, ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url, ROTOR_MCP_TIMEOUT="3")
    assert told(ended, address) == TOLD_OF_WAYS[case]


TOLD_OF_WAYS: dict[str, str] = snapshot(
    {
        "certificate": """\
1
ok   key: set; it begins with rotor_
ok   proxy: none
FAIL connection: the TLS certificate of 127.0.0.1 is not trusted on this machine
     → Check the date of this machine. If a company's proxy or a virus scanner reads along, its root certificate has to be in this system's store, or in a file that SSL_CERT_FILE names.
-    access: there is no connection
""",
        "no TLS": """\
1
ok   key: set; it begins with rotor_
ok   proxy: none
FAIL connection: 127.0.0.1 does not speak TLS as it should
     → Check ROTOR_BASE_URL, and whether a proxy or the login page of a network answers in Rotor's place.
-    access: there is no connection
""",
        "login page": """\
1
ok   key: set; it begins with rotor_
ok   proxy: none
FAIL connection: 127.0.0.1 answers 401, but not as Rotor does
     → Check ROTOR_BASE_URL, and whether a proxy or the login page of a network answers in Rotor's place.
-    access: there is no connection
""",
        "redirect": """\
1
ok   key: set; it begins with rotor_
ok   proxy: none
FAIL connection: 127.0.0.1 answers 302, but not as Rotor does
     → Check ROTOR_BASE_URL, and whether a proxy or the login page of a network answers in Rotor's place.
-    access: there is no connection
""",
        "web page": """\
1
ok   key: set; it begins with rotor_
ok   proxy: none
FAIL connection: the answer is not Rotor's JSON (text/html)
     → Check ROTOR_BASE_URL, and whether a proxy or the login page of a network answers in Rotor's place.
-    access: there is no connection
""",
    }
)


async def test_nobody_there(home: Home) -> None:
    ended = await check(
        home, ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL="http://127.0.0.1:1", ROTOR_MCP_TIMEOUT="2"
    )
    assert told(ended) == snapshot("""\
1
ok   key: set; it begins with rotor_
ok   proxy: none
FAIL connection: 127.0.0.1 refused the connection
     → Check ROTOR_BASE_URL, and whether a proxy or the login page of a network answers in Rotor's place.
-    access: there is no connection
""")
    ended = await check(
        home, ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL="https://rotor.invalid", ROTOR_MCP_TIMEOUT="2"
    )
    assert told(ended) == snapshot("""\
1
ok   key: set; it begins with rotor_
ok   proxy: none
FAIL connection: the host rotor.invalid cannot be found
     → Check the network and its name server, and ROTOR_BASE_URL.
-    access: there is no connection
""")


async def test_a_proxy(home: Home) -> None:
    proxy = {"HTTPS_PROXY": "http://jo:s3cretword@127.0.0.1:1", "ROTOR_MCP_TIMEOUT": "2"}
    ended = await check(home, ROTOR_API_KEY=FULL_KEY, **proxy)
    assert "s3cretword" not in ended.out
    assert told(ended) == snapshot("""\
1
ok   key: set; it begins with rotor_
note proxy: requests go through 127.0.0.1:1 (HTTPS_PROXY)
     → Clients start the server without the variables of this terminal: if there is no other way out, put HTTPS_PROXY into the env block of the server's entry, too.
FAIL connection: the proxy 127.0.0.1:1 (HTTPS_PROXY) refused the connection
     → Check whether that is the right proxy and whether it is up; if none is needed, unset the variable.
-    access: there is no connection
""")
    ended = await check(home, ROTOR_API_KEY=FULL_KEY, NO_PROXY="api.getrotor.com", **proxy)
    assert "proxy: none" in ended.out


async def test_no_proxy_stands_between_us_and_an_api_on_this_machine(home: Home) -> None:
    async with sandbox_url() as url:
        ended = await check(
            home, ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url, HTTP_PROXY="http://127.0.0.1:1", NO_PROXY=""
        )
    assert (ended.status, "proxy: none" in ended.out) == (0, True)
