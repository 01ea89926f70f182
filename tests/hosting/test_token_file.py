"""Lines of the token file: hashed and plain, with an expiry, and what is wrong with others."""

import hashlib
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.hosting.auth import READ, SCOPES, InvalidToken
from rotor_mcp.hosting.auth_token_file import TokenFileVerifier
from rotor_mcp.hosting.reloading_file import ReloadingFile
from rotor_mcp.hosting.token_file import add_line, new_token, parse, parse_entries, remove_line
from rotor_mcp.sandbox import Sandbox
from tests.conftest import posix
from tests.hosting.serving import hosted
from tests.hosting.test_middleware import ping
from tests.logs import logged_json

TOKEN = "t0k3n" * 8
HASH = hashlib.sha256(TOKEN.encode()).hexdigest()
COMMENTED = f"# night\n\n  # day\r\nann {TOKEN} all # not a comment: scopes\n"


def private(file: Path, content: str) -> Path:
    file.write_text(content, "utf-8")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"ann sha256:{HASH[:-1]} all", "sha256: must be followed by 64 hexadecimal digits"),
        (f"ann sha256:{HASH}0 all", "sha256: must be followed by 64 hexadecimal digits"),
        ("ann sha256: all", "sha256: must be followed by 64 hexadecimal digits"),
        (f"ann sha256:{'g' * 64} all", "sha256: must be followed by 64 hexadecimal digits"),
        (
            f"ann sha256:{HASH} all expires=tomorrow",
            "expires= must be followed by a time such as 2027-01-31T12:00:00Z",
        ),
        (
            f"ann sha256:{HASH} all expires=2027-01-31T12:00:00",
            "expires= must be followed by a time such as 2027-01-31T12:00:00Z",
        ),
        (
            f"ann sha256:{HASH} all expires=0001-01-01T00:00:00+14:00",
            "expires= must be followed by a time such as 2027-01-31T12:00:00Z",
        ),
        (
            f"ann sha256:{HASH} all expires=2027-01-31T12:00:00Z expires=2028-01-31T12:00:00Z",
            "expires= must stand once",
        ),
        (
            f"ann sha256:{HASH} expires=2027-01-31T12:00:00Z",
            "names no scopes. Write leads:read or leads:write or both behind the token, or the word all",
        ),
        (
            f"ann sha256:{HASH} all expire=2027-01-31T12:00:00Z",
            "2 of its scopes are none of leads:read, leads:write; the word all must stand alone",
        ),
    ],
)
def test_a_line_that_is_not_right(line: str, said: str) -> None:
    with pytest.raises(ValueError, match="line 2") as caught:
        parse(f"# callers\n{line}\n")
    assert str(caught.value) == f"line 2: {said}"


def test_one_token_hashed_and_plain_is_one_token() -> None:
    with pytest.raises(ValueError, match="holds a name or a token twice"):
        parse(f"ann {TOKEN} all\nben sha256:{HASH} all\n")


@given(
    st.lists(st.sampled_from(["ann", "ben", "eve", "night-agent"]), unique=True),
    st.sampled_from(["", "# callers\n", "\r\n# callers\r\n\r\n", "  \n# ann sha256:… all\n"]),
)
def test_lines_are_added_and_removed_and_nothing_else_changes(names: list[str], before: str) -> None:
    text = before
    for name in names:
        text = add_line(text, new_token(name, SCOPES, None)[1])
        with pytest.raises(ValueError, match="already"):
            add_line(text, new_token(name, SCOPES, None)[1])
    assert [entry.name for entry in parse_entries(text)] == names
    for name in names:
        text = remove_line(text, name)
        with pytest.raises(ValueError, match="no token of the name"):
            remove_line(text, name)
    assert text == before


def test_the_shortest_token_in_plain_text() -> None:
    (entry,) = parse_entries(f"ann {TOKEN[:32]} all\n")
    assert (entry.name, entry.hashed) == ("ann", False)
    with pytest.raises(ValueError, match="line 1: a token must have 32 characters or more"):
        parse_entries(f"ann {TOKEN[:31]} all\n")


def test_a_line_that_was_not_ended_is_not_joined_with_the_next() -> None:
    text = add_line(f"# last\nann {TOKEN} all", new_token("ben", SCOPES, None)[1])
    assert [entry.name for entry in parse(text)] == ["ann", "ben"]


@pytest.mark.parametrize("name", ["", "a b", "# ann", "ann\n", "a" * 65, "ann\x1b[2J", "änn", "../x"])
def test_a_name_that_could_forge_a_line(name: str) -> None:
    with pytest.raises(ValueError, match="a name has up to 64"):
        new_token(name, SCOPES, None)


def test_the_file_and_the_repr_hold_no_token() -> None:
    token, entry = new_token("ann", (READ,), datetime(2027, 1, 31, 12, tzinfo=UTC))
    assert token not in f"{entry!r} {entry.line}"
    assert entry.line == (
        f"ann sha256:{hashlib.sha256(token.encode()).hexdigest()} leads:read expires=2027-01-31T12:00:00Z"
    )
    (read,) = parse(entry.line)
    assert read == entry
    assert len(token.encode()) >= 43, "256 random bits"


@pytest.mark.anyio
async def test_hashed_tokens_over_http(sandbox: Sandbox, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = {
        name: new_token(name, SCOPES, expires)
        for name, expires in (
            ("lasting", None),
            ("valid", now + timedelta(hours=1)),
            ("expired", now - timedelta(seconds=1)),
        )
    }
    file = private(tmp_path / "tokens", "".join(f"{entry.line}\n" for _, entry in made.values()))
    async with hosted(sandbox.transport, {"token_file": file}) as url:
        answers = {name: await ping(url, token) for name, (token, _) in made.items()}
        shown_hash = await ping(url, f"sha256:{made['lasting'][1].digest.hex()}")
    assert [answer.status_code for answer in answers.values()] == [200, 200, 401]
    expires = made["expired"][1].expires
    assert answers["expired"].json() == {
        "error": "invalid_token",
        "error_description": f"the access token expired at {expires:%Y-%m-%dT%H:%M:%SZ}; whoever runs this server "
        "makes a new one with rotor-mcp token new",
    }
    assert shown_hash.status_code == 401, "a hash is no token"


@pytest.mark.anyio
async def test_plain_tokens_are_still_read_with_a_warning(tmp_path: Path) -> None:
    file = private(tmp_path / "tokens", f"ann {TOKEN} all\nben sha256:{'0' * 64} all\n")
    with logged_json() as lines:
        verifier = TokenFileVerifier(file)
        (line,) = lines()
    assert (await verifier.verify_token(TOKEN)).subject == "token:ann"
    with pytest.raises(InvalidToken):
        await verifier.verify_token(TOKEN[:-1])
    assert (line["event"], line["level"], line["tokens"]) == ("tokens_in_plain_text", "warning", 1)
    assert TOKEN not in str(line)


@posix
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666, 0o444])
def test_a_file_that_everybody_can_use_is_refused(mode: int, tmp_path: Path) -> None:
    file = private(tmp_path / "tokens", f"ann {TOKEN} all\n")
    file.chmod(mode)
    with pytest.raises(ValueError, match="every user") as caught:
        TokenFileVerifier(file)
    assert str(caught.value) == (
        f"{file}: every user of this machine can use it (mode {mode:04o}), and it holds secrets: run "
        f"`chmod o= {file}`, or give a mounted secret the mode 0440"
    )


@posix
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_a_file_of_an_owner_and_a_group_is_read(mode: int, tmp_path: Path) -> None:
    """As Kubernetes mounts a secret: a link to a file in a folder that is replaced, for the group of the pod."""
    data = tmp_path / "..data"
    data.mkdir()
    private(data / "tokens", f"ann {TOKEN} all\n").chmod(mode)
    (tmp_path / "tokens").symlink_to("..data/tokens")
    TokenFileVerifier(tmp_path / "tokens")


@posix
def test_a_file_that_everybody_can_use_later_is_refused_then(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = private(tmp_path / "tokens", f"ann {TOKEN} all\n")
    watched = ReloadingFile(file, parse)
    file.chmod(0o644)
    assert [entry.name for entry in watched.read()] == ["ann"], "for 30 seconds"
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().startswith(f"{file}: every user of this machine can use it (mode 0644)")
    file.chmod(0o640)
    assert [entry.name for entry in watched.read()] == ["ann"]
