"""What can be known without asking anybody: this installation, its settings, the key's form, the proxy."""

import platform
from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from rotor_mcp import __version__
from rotor_mcp.checks.check import Check
from rotor_mcp.config import KEY_PREFIX, Settings, environment_variable
from rotor_mcp.failures import WHERE_A_KEY_COMES_FROM

_DEFAULT_ADDRESS = str(Settings.model_fields["base_url"].default)


def look(settings: Settings, key_from: str | None, *, sandbox: bool) -> Iterator[Check]:
    """Yield what is to be said of this machine.

    Args:
        key_from: the configuration that the key was found in, if it was not given.
        sandbox: whether the embedded Rotor stands in for the real one.
    """
    yield Check("rotor-mcp", "ok", f"{__version__}, on Python {platform.python_version()}")
    yield _zone(settings)
    yield _address(settings, sandbox=sandbox)
    yield _key(settings, key_from)
    if not sandbox:
        yield _proxy(settings)


def _zone(settings: Settings) -> Check:
    origin = "as set" if settings.timezone else "this machine's"
    return Check("time zone", "ok", f"{settings.zone_name}, {origin}")


def _address(settings: Settings, *, sandbox: bool) -> Check:
    if sandbox:
        return Check("address", "ok", "the embedded Rotor, without a network")
    if settings.base_url != _DEFAULT_ADDRESS:
        return Check(
            "address",
            "note",
            f"{settings.base_url}, which is not Rotor's own",
            f"If that is not meant, take {environment_variable('base_url')} away: "
            f"Rotor's is {_DEFAULT_ADDRESS}.",
        )
    return Check("address", "ok", settings.base_url)


def _key(settings: Settings, key_from: str | None) -> Check:
    if settings.key_trouble:
        return Check("key", "failed", settings.key_trouble, f"{WHERE_A_KEY_COMES_FROM}.")
    if settings.key_warning:
        return Check("key", "failed", settings.key_warning, f"{WHERE_A_KEY_COMES_FROM}.")
    origin = f"found in {key_from}, for none is set here" if key_from else "set"
    return Check("key", "ok", f"{origin}; it begins with {KEY_PREFIX}")


def proxy(settings: Settings) -> str | None:
    """The host and port of the proxy that requests go through, if any. None leads to this machine."""
    url = urlsplit(settings.base_url)
    proxies = getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or settings.local or proxy_bypass(url.hostname or ""):
        return None
    # Its user name and password are nobody's business.
    return urlsplit(address if "://" in address else f"http://{address}").netloc.rpartition("@")[2]


def _proxy(settings: Settings) -> Check:
    where = proxy(settings)
    if where is None:
        return Check("proxy", "ok", "none")
    return Check(
        "proxy",
        "note",
        f"requests go through {where}",
        "Clients start the server without the variables of this terminal: if there is no other way out, put "
        "HTTPS_PROXY into the env block of the server's entry, too.",
    )
