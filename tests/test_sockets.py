"""Ports on all addresses of a host."""

import errno
import socket
from contextlib import ExitStack, closing, suppress

import pytest

from rotor_mcp.sockets import listen, listen_on_all


def has_ipv6() -> bool:
    with suppress(OSError), closing(listen("::1")):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def reached(address: str, port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection((address, port), timeout=5)):
        return True
    return False


@needs_ipv6
@pytest.mark.parametrize("host", ["localhost", "LocalHost"])
def test_localhost_is_ipv4_and_ipv6_with_one_port(host: str) -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(closing(one)) for one in listen_on_all(host)]
        (port,) = {one.getsockname()[1] for one in listeners}
        assert [reached(address, port) for address in ("127.0.0.1", "::1")] == [True, True]


@needs_ipv6
def test_all_addresses_of_both_kinds() -> None:
    with ExitStack() as stack:
        (listener,) = [stack.enter_context(closing(one)) for one in listen_on_all("::")]
        port = listener.getsockname()[1]
        assert [reached(address, port) for address in ("127.0.0.1", "::1")] == [True, True]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_is_only_that(host: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with ExitStack() as stack:
        (listener,) = [stack.enter_context(closing(one)) for one in listen_on_all(host)]
        other = "::1" if host == "127.0.0.1" else "127.0.0.1"
        assert not reached(other, listener.getsockname()[1])


def test_what_this_machine_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is where IPv6 is switched off: 192.0.2.1 is an address of documentation, which no machine has."""
    known = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("192.0.2.1", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: known)
    with ExitStack() as stack:
        (listener,) = [stack.enter_context(closing(one)) for one in listen_on_all("rotor.internal")]
        assert listener.getsockname()[0] == "127.0.0.1"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: known[:1])
    with pytest.raises(OSError) as raised:  # noqa: PT011 - its number is looked at
        listen_on_all("rotor.internal")
    assert raised.value.errno == errno.EADDRNOTAVAIL


@needs_ipv6
@pytest.mark.parametrize("taken_at", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_on_one_of_them(taken_at: str) -> None:
    """Else one of the two names of this server would lead to somebody else."""
    with closing(listen(taken_at)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError) as raised:  # noqa: PT011 - its number is looked at
            listen_on_all("localhost", port)
        assert raised.value.errno == errno.EADDRINUSE
    for listener in listen_on_all("localhost", port):  # and nothing was left open
        listener.close()


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(OSError, match=r"(?i)name|nodename|resol"):
        listen_on_all("rotor.invalid")
