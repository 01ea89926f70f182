"""`rotor-mcp token`: what it prints, and what it writes."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from rotor_mcp.hosting.auth_token_file import TokenFileVerifier
from tests.conftest import posix
from tests.homes import Ended, Home

pytestmark = pytest.mark.anyio


def token(home: Home, *arguments: str, **variables: str) -> Ended:
    return home.run("token", *arguments, **{"ROTOR_MCP_TOKEN_FILE": "tokens"} | variables)


def without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2027-02-24T09:30:00Z", text)


@posix
async def test_a_token_from_its_beginning_to_its_end(home: Home) -> None:
    file = home.path / "tokens"
    made = token(home, "new", "night-agent", "--scopes", "leads:read,leads:write")
    assert (made.status, without_times(made.err)) == (
        0,
        "tokens has a line for night-agent now, valid until 2027-02-24T09:30:00Z. The token is shown once.\n",
    )
    shown = made.out.strip()
    assert re.fullmatch(r"rmcp_[\w-]{43}", shown)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert shown not in file.read_text()
    file.write_text(f"# callers of the office\n{file.read_text()}")
    token(home, "new", "dashboard", "--scopes", "leads:read", "--expires", "never")
    token(home, "new", "till", "--scopes", "all", "--expires", "2999-01-31")
    assert without_times(token(home, "list").out) == snapshot("""\
NAME         SCOPES                  VALID                       TOKEN
night-agent  leads:read,leads:write  until 2027-02-24T09:30:00Z  hashed
dashboard    leads:read              for ever                    hashed
till         leads:read,leads:write  until 2027-02-24T09:30:00Z  hashed
""")
    caller = await TokenFileVerifier(file).verify_token(shown)
    assert (caller.subject, caller.scopes) == ("token:night-agent", ["leads:read", "leads:write"])
    assert token(home, "revoke", "night-agent").out == "tokens has no token for night-agent any more.\n"
    token(home, "revoke", "till")
    assert token(home, "revoke", "dashboard").out == snapshot("""\
tokens has no token for dashboard any more.
It holds no token now. A server that runs refuses everybody within 30 seconds, and does not start again with it.
""")
    assert file.read_text() == "# callers of the office\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "ann", "--scopes", "admin"), "Invalid value for '--scopes': must be "),
        (("new", "ann", "--scopes", ""), "Invalid value for '--scopes': must be "),
        (
            ("new", "ann", "--scopes", "all", "--expires", "soon"),
            "Invalid value for '--expires': must be such ",
        ),
        (
            ("new", "ann", "--scopes", "all", "--expires", "0d"),
            "Invalid value for '--expires': must be in the ",
        ),
        (
            ("new", "ann", "--scopes", "all", "--expires", "2020-01-31"),
            "Invalid value for '--expires': must be ",
        ),
        (("new", "ann", "--scopes", "all", "--expires", "99999d"), None),
        (
            ("new", "a\nb", "--scopes", "all"),
            "tokens: a name has up to 64 letters, digits or any of . _ - @ :",
        ),
        (("new", "ann"), "Missing option '--scopes'."),
        (("revoke", "nobody"), "tokens: it has no token of the name nobody"),
        (("list",), "tokens: No such file or directory"),
        (
            ("new", "ann", "--scopes", "all", "--file", "secrets/tokens"),
            "secrets/tokens: the folder secrets does not exist: create it first",
        ),
    ],
)
def test_what_cannot_be_done(arguments: tuple[str, ...], said: str | None, home: Home) -> None:
    ended = token(home, *arguments)
    if said is None:
        assert ended.status == 0
        return
    assert (ended.status != 0, ended.out) == (True, "")
    assert ended.err.splitlines()[-1].startswith(f"Error: {said}")
    assert list(home.path.iterdir()) == []


@posix
def test_a_file_that_is_not_private_or_not_right_is_left_alone(home: Home) -> None:
    file = home.path / "tokens"
    for content, mode, said in (
        ("# callers\n", 0o644, "tokens: every user of this machine can use it (mode 0644)"),
        ("ann short all\n", 0o600, "tokens: line 1: a token must have 32 characters or more"),
        ("\xff\n", 0o600, "tokens: it is no text in UTF-8, so it is no token file"),
    ):
        file.write_text(content, "latin-1")
        file.chmod(mode)
        ended = token(home, "new", "ben", "--scopes", "all")
        assert (ended.status, ended.out) == (1, "")
        assert ended.err.startswith(f"Error: {said}")
        assert file.read_text("latin-1") == content


@posix
def test_the_mode_of_a_file_is_kept(home: Home) -> None:
    file = home.path / "tokens"
    file.write_text("")
    file.chmod(0o640)
    assert token(home, "new", "ann", "--scopes", "all").status == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@posix
def test_commands_at_once_lose_no_line(home: Home) -> None:
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(lambda name: token(home, "new", name, "--scopes", "all"), "abcdef"))
    assert [each.status for each in ended] == [0] * 6
    assert {line.split()[0] for line in (home.path / "tokens").read_text().splitlines()} == set("abcdef")
    assert [path.name for path in Path(home.path).iterdir()] == ["tokens"]
