"""A chat in a real browser: one of two hosts shows the view of a tool call, which the real server answers over HTTP."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any, Literal

from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from rotor_mcp.sandbox import Sandbox
from tests.conftest import NOW, Rotor, content, samples
from tests.hosting.serving import calling, hosted, on_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

FOLDER = Path(__file__).parent / "host"
MODULES = FOLDER / "node_modules"
AXE = MODULES / "axe-core" / "axe.min.js"

HostName = Literal["app-bridge", "mcp-ui"]
HOSTS: tuple[HostName, ...] = ("app-bridge", "mcp-ui")

ALL: dict[str, Any] = {
    "openLinks": {},
    "serverTools": {},
    "message": {"text": {}},
    "updateModelContext": {"text": {}},
}
"""What a host can do."""


def lacking() -> str | None:
    """What is not there of what these tests need; None if all is."""
    if chromium() is None:
        return "no Chromium"
    return None if MODULES.is_dir() else "run npm ci in tests/view/host"


def chromium() -> str | None:
    """The path of the browser."""
    return which("chromium") or which("chromium-browser") or which("google-chrome")


def build_hosts(folder: Path) -> None:
    """Bundle the hosts into one script."""
    esbuild = MODULES / ".bin" / "esbuild"
    options = [
        "--bundle",
        "--minify",
        "--format=esm",
        "--log-level=error",
        '--define:process.env.NODE_ENV="production"',
    ]
    subprocess.run(
        [esbuild, "host.js", *options, f"--outfile={folder / 'host.js'}"], cwd=FOLDER, check=True, timeout=60
    )


def _pages(bundle: Path) -> Starlette:
    """The pages of the chat, and of the outer frame, which limits what the inner one may load."""

    async def sandbox(request: Request) -> FileResponse:
        allowed = json.loads(request.query_params.get("csp", "{}"))
        policy = {
            "default-src": "'none'",
            "script-src": "'unsafe-inline'",
            "style-src": "'unsafe-inline'",
            "connect-src": " ".join(allowed.get("connectDomains") or ["'none'"]),
            "frame-src": "'self'",
        }
        header = "; ".join(f"{name} {value}" for name, value in policy.items())
        return FileResponse(FOLDER / "sandbox.html", headers={"content-security-policy": header})

    async def host(_: Request) -> FileResponse:
        return FileResponse(FOLDER / "host.html")

    async def script(_: Request) -> FileResponse:
        return FileResponse(bundle / "host.js", headers={"cache-control": "max-age=3600"})

    return Starlette(
        routes=[Route("/host.html", host), Route("/host.js", script), Route("/sandbox.html", sandbox)]
    )


@dataclass
class Chat:
    """A call that was made, and the view of it."""

    page: "Page"

    @property
    def view(self) -> "FrameLocator":
        return self.page.frame_locator("iframe").frame_locator("iframe")

    @property
    def heading(self) -> str:
        """The title of what is shown, as soon as a result is."""
        self.view.locator("main[aria-busy=false]").wait_for()
        return str(self.view.locator("h1").first.inner_text())

    @property
    def text(self) -> str:
        """What is shown, as soon as a result is: a line for each line."""
        self.view.locator("main[aria-busy=false]").wait_for()
        lines = self.view.locator("main").inner_text().splitlines()
        return "\n".join(" | ".join(line.split("\t")) for line in lines if line.strip())

    def press(self, name: str) -> None:
        """Press a button, and wait until it was dealt with."""
        self.view.get_by_role("button", name=name).first.click()
        self.view.locator("main[aria-busy=false]").wait_for()

    def until_asked(self, kind: str) -> Any:
        """Wait until the view has asked its host for something, and return the last."""
        self.page.wait_for_function("(kind) => window.asked.some(([what]) => what === kind)", arg=kind)
        return self.asked(kind)[-1]

    def asked(self, kind: str) -> list[Any]:
        """What the view asked of its host: `message`, `context`, `link`, `call` or `size`."""
        return [params for what, params in self.page.evaluate("window.asked") if what == kind]

    def evaluate(self, script: str) -> Any:
        """Run a script within the view."""
        return self.view.locator(":root").evaluate(f"async () => {{ {script} }}")

    def host(self, what: str, value: Any = None) -> None:
        """Let the host tell the view something."""
        self.page.evaluate("([what, value]) => window.host[what](value)", [what, value])

    def violations(self) -> list[str]:
        """What axe finds wrong with the view."""
        self.evaluate(AXE.read_text("utf-8"))
        found = self.evaluate(
            "return (await axe.run()).violations.map((one) => `${one.id}: ${one.nodes[0].html}`)"
        )
        return list(found)


Theme = Literal["light", "dark"]


class Tabs:
    """The tabs of the browser. One that is free is used again: a new one takes longer than most chats."""

    def __init__(self, browser: "Browser") -> None:
        self._browser = browser
        self._free: dict[tuple[Theme, float], list[Page]] = {}

    @contextmanager
    def open(self, theme: Theme, scale: float) -> "Iterator[Page]":
        free = self._free.setdefault((theme, scale), [])
        page = free.pop() if free else self._browser.new_page(color_scheme=theme, device_scale_factor=scale)
        page.set_default_timeout(20_000)
        yield page
        free.append(page)


class Chats:
    """A server on a sandbox of its own, and the browser in which its results are shown."""

    def __init__(
        self, portal: BlockingPortal, tabs: Tabs, origin: str, server: str, sandbox: Sandbox
    ) -> None:
        self._portal = portal
        self._tabs = tabs
        self.origin = origin
        self._server = server
        self._sandbox = sandbox

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool outside of any chat, and return its structured content."""

        async def called() -> dict[str, Any]:
            async with calling(self._server) as client:
                return content(await client.call_tool(tool, arguments))

        return self._portal.call(called)

    def add(self, **fields: Any) -> str:
        """Put a lead into Rotor, as its website would, and return the id."""

        async def added() -> str:
            return await Rotor(self._sandbox).add(**fields)

        return self._portal.call(added)

    @contextmanager
    def chat(
        self,
        host: HostName,
        tool: str,
        arguments: dict[str, Any] | None = None,
        *,
        width: int = 700,
        theme: Theme = "light",
        capabilities: dict[str, Any] | None = None,
        context: dict[str, Any] | None = None,
        scale: float = 1,
        **others: Any,
    ) -> Iterator[Chat]:
        """Open a chat in which a tool is called.

        Args:
            host: which of the two.
            tool: to call.
            arguments: of the call; without them none is made.
            width: of the chat.
            theme: of the chat.
            capabilities: of the host; everything if None.
            context: that the host gives, beside the theme.
            scale: pixels of the device for each one of the page.
            others: see `show` in `host/host.js`.
        """
        with self._tabs.open(theme, scale) as page:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{self.origin}/host.html")
            chat = {
                "host": host,
                "server": f"{self._server}/mcp",
                "sandbox": f"{self.origin.replace('127.0.0.1', 'localhost')}/sandbox.html",
                "tool": tool,
                "arguments": arguments,
                "capabilities": ALL if capabilities is None else capabilities,
                "context": {"theme": theme, "displayMode": "inline", **(context or {})},
                **others,
            }
            page.evaluate("(chat) => window.show(chat)", chat)
            yield Chat(page)


class Stage:
    """The browser and the pages of the hosts, for as many servers as are wanted."""

    def __init__(self, portal: BlockingPortal, browser: "Browser", origin: str) -> None:
        self._portal = portal
        self._tabs = Tabs(browser)
        self._origin = origin

    @contextmanager
    def chats(self, **settings: str) -> Iterator[Chats]:
        """Serve a company of its own."""

        @asynccontextmanager
        async def serve(sandbox: Sandbox) -> AsyncIterator[str]:
            limits = {"allowed_origins": self._origin, "calls_per_minute": 10_000}
            async with hosted(sandbox.transport, limits, **settings) as url:
                yield url

        with closing(Sandbox(leads=0, now=lambda: NOW)) as sandbox:
            sandbox.store.seed(samples)
            with self._portal.wrap_async_context_manager(serve(sandbox)) as url:
                yield Chats(self._portal, self._tabs, self._origin, url, sandbox)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Build the hosts, and start what all chats have in common."""
    from playwright.sync_api import sync_playwright

    build_hosts(folder)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(on_port(_pages(folder))) as origin,
        sync_playwright() as playwright,
    ):
        # Chromium has no sandbox of its own where it runs as root, as in containers.
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield Stage(portal, browser, origin)
        finally:
            browser.close()
