"""The real Caddy and the real nginx with `deploy/Caddyfile` and `deploy/nginx-tls.conf`, before a server on this machine."""

import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from release.version import ROOT
from tests.hosting.servers import free_port
from tests.programs import need

DEPLOY = ROOT / "deploy"
DOMAIN = "rotor.example.com"
SERVER = "127.0.0.1:8080"
"""Where the files expect rotor-mcp."""


@dataclass(frozen=True)
class TlsProxy:
    """A running proxy."""

    url: str
    trust: ssl.SSLContext
    """With which its certificate is verified."""


def replaced(text: str, old: str, new: str) -> str:
    """Replace what occurs exactly once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def caddy_command(directory: Path, port: int, server: str) -> list[str]:
    """Write the Caddyfile with other addresses and a certificate of a test, and return the command for it."""
    text = replaced((DEPLOY / "Caddyfile").read_text("utf-8"), SERVER, server)
    certificate = f"\ttls {directory}/certificate.pem {directory}/key.pem\n"
    text = replaced(
        text, f"\n{DOMAIN} {{\n", f"\nhttps://localhost:{port} {{\n\tbind 127.0.0.1\n{certificate}"
    )
    file = directory / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + text)
    return ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]


def nginx_command(directory: Path, port: int, server: str) -> list[str]:
    """Write nginx-tls.conf with other addresses and a certificate of a test, and return the command for it."""
    text = replaced((DEPLOY / "nginx-tls.conf").read_text("utf-8"), SERVER, server)
    text = replaced(text, "listen 80;", f"listen 127.0.0.1:{free_port()};")
    text = replaced(text, "listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;").replace(DOMAIN, "localhost")
    text = replaced(text, "/etc/letsencrypt/live/localhost/fullchain.pem", f"{directory}/certificate.pem")
    text = replaced(text, "/etc/letsencrypt/live/localhost/privkey.pem", f"{directory}/key.pem")
    temporary = "".join(
        f"{kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = directory / "nginx.conf"
    file.write_text(
        f"pid {directory}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{text}}}\n"
    )
    user = " user root;" if os.name == "posix" and os.geteuid() == 0 else ""
    return ["nginx", "-e", "stderr", "-c", str(file), "-g", f"daemon off;{user}"]


COMMANDS: dict[str, Callable[[Path, int, str], list[str]]] = {"caddy": caddy_command, "nginx": nginx_command}


@contextmanager
def tls_proxy(program: str, directory: Path, port: int, server: str) -> Iterator[TlsProxy]:
    """Run a proxy at a port before a server."""
    need(program)
    authority = trustme.CA()
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(directory / "certificate.pem")
    log = directory / f"{program}.log"
    with log.open("wb") as output:
        command = COMMANDS[program](directory, port, re.sub("^http://", "", server))
        process = subprocess.Popen(command, stderr=output, env=os.environ | {"HOME": str(directory)})
    try:
        until = time.monotonic() + 20
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text())
            time.sleep(0.02)
        yield TlsProxy(f"https://localhost:{port}", trust)
    finally:
        process.terminate()
        process.wait(20)
