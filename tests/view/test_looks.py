"""How the view looks and is used: themes, widths, keyboard, and what axe finds."""

from contextlib import ExitStack
from typing import Any, Literal

import pytest

from tests.conftest import JANE
from tests.view.chats import Chats, HostName, Theme

STATES: dict[str, tuple[str, dict[str, Any]]] = {
    "search": ("search_leads", {"overdue": True}),
    "counts": ("search_leads", {"count_by": ["source", "stage"], "limit": 3}),
    "duplicates": ("search_leads", {"duplicates": True}),
    "empty": ("search_leads", {"stage": "Quoted", "address_city": "Paris"}),
    "lead": ("get_lead", {"id": JANE}),
    "error": ("get_lead", {"id": "Jane"}),
    "plan": ("upsert_lead", {"name": "Bob Doe", "phone": "763-555-0100", "stage": "Won", "notes": "Called."}),
    "candidates": ("upsert_lead", {"phone": "612-555-0117", "stage": "Won"}),
    "batch": ("upsert_leads", {"rows": [{"name": "Bob Doe", "phone": "763-555-0100"}, {"name": ""}]}),
}


@pytest.fixture(params=STATES)
def state(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return STATES[request.param]


def test_axe_finds_nothing(state: tuple[str, dict[str, Any]], chats: Chats, closing: ExitStack) -> None:
    """Roles, names, order of headings, and contrast of at least 4.5 to 1, in both themes."""
    chat = closing.enter_context(chats.chat("app-bridge", *state, width=320))
    assert chat.heading
    assert chat.violations() == []
    chat.host("context", {"theme": "dark"})
    chat.view.locator(":root[data-theme=dark]").wait_for()
    assert chat.violations() == []


def test_axe_finds_nothing_in_the_other_host(chats: Chats, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat("mcp-ui", *STATES["plan"]))
    assert chat.heading
    assert chat.violations() == []


def test_axe_finds_faults(chats: Chats, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat("app-bridge", *STATES["lead"]))
    assert chat.heading
    chat.evaluate("document.querySelector('.words').style.color = '#aaa'")
    assert [found.partition(":")[0] for found in chat.violations()] == ["color-contrast"]


RESTING = """() => {
    const size = window.asked.findLast(([what]) => what === "size");
    return size && document.querySelector("iframe").offsetHeight === size[1].height;
}"""
MEASURES = """
    const root = document.documentElement;
    await new Promise(requestAnimationFrame);
    const all = [...document.querySelectorAll("*")];
    const small = ({ width, height }) => width && (width < 44 || height < 44);
    return {
        wider: root.scrollWidth - root.clientWidth,
        higher: root.scrollHeight - innerHeight,
        scrolling: all.filter((one) => ["auto", "scroll"].includes(getComputedStyle(one).overflowY)).length,
        small: all.filter((one) => one.matches("button, a, summary") && small(one.getBoundingClientRect())).length,
    };
"""


def test_it_fits_its_width_and_tells_its_height(
    state: tuple[str, dict[str, Any]], chats: Chats, host: HostName, closing: ExitStack
) -> None:
    """There is nothing to scroll within it, in either direction, and nothing too small to be touched."""
    chat = closing.enter_context(chats.chat(host, *state, width=320))
    assert chat.heading
    for details in chat.view.locator("summary").all():
        details.click()
    for width in (320, 1200):
        chat.page.set_viewport_size({"width": width, "height": 900})
        chat.view.locator("body").evaluate(
            f"async () => {{ while (innerWidth !== {width}) await new Promise(requestAnimationFrame); }}"
        )
        chat.page.wait_for_function(RESTING)
        assert chat.evaluate(MEASURES) == {"wider": 0, "higher": 0, "scrolling": 0, "small": 0}


def style(chat: Any, selector: str, name: str) -> str:
    return str(chat.evaluate(f"return getComputedStyle(document.querySelector('{selector}')).{name}"))


@pytest.mark.parametrize(("theme", "color"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(38, 37, 34)")])
def test_light_and_dark(theme: Theme, color: str, chats: Chats, host: HostName, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat(host, *STATES["lead"], theme=theme))
    assert chat.heading
    assert style(chat, ":root", "backgroundColor") == color


def test_a_host_that_names_no_theme(chats: Chats, closing: ExitStack) -> None:
    options: dict[str, Any] = {"theme": "dark", "context": {"theme": None}}
    chat = closing.enter_context(chats.chat("app-bridge", *STATES["lead"], **options))
    assert chat.heading
    assert style(chat, ":root", "backgroundColor") == "rgb(38, 37, 34)"


VARIABLES = {
    "--color-background-primary": "light-dark(rgb(250, 240, 230), rgba(10, 20, 30, 1))",
    "--color-text-primary": "light-dark(#102030, #E0F0FF)",
    "--color-text-danger": "light-dark(maroon, hsl(0 100% 80%))",
    "--font-sans": "Georgia, serif",
}


@pytest.mark.parametrize(
    ("theme", "back", "text", "late"),
    [
        ("light", "rgb(250, 240, 230)", "rgb(16, 32, 48)", "rgb(128, 0, 0)"),
        ("dark", "rgb(10, 20, 30)", "rgb(224, 240, 255)", "rgb(255, 153, 153)"),
    ],
)
def test_the_colors_and_the_font_of_the_host(
    theme: Theme, back: str, text: str, late: str, chats: Chats, host: HostName, closing: ExitStack
) -> None:
    context = {"styles": {"variables": VARIABLES}}
    chat = closing.enter_context(chats.chat(host, *STATES["search"], theme=theme, context=context))
    assert chat.heading
    assert style(chat, ":root", "backgroundColor") == back
    assert style(chat, "h1", "color") == text
    assert style(chat, ".late", "color") == late
    assert style(chat, "h1", "fontFamily") == "Georgia, serif"


def test_the_theme_changes_while_it_is_shown(chats: Chats, host: HostName, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat(host, *STATES["lead"]))
    assert chat.heading
    chat.host("context", {"theme": "dark"})
    chat.view.locator(":root[data-theme=dark]").wait_for()
    assert style(chat, ":root", "backgroundColor") == "rgb(38, 37, 34)"
    assert chat.heading == "Jane Doe"


# Opening a lead, and the keyboard alone


def focused(chat: Any) -> str:
    return str(chat.evaluate("return document.activeElement.innerText.split('\\n')[0]"))


def until_focused(chat: Any, text: str) -> None:
    chat.view.locator(":focus", has_text=text).wait_for()


def test_a_lead_is_opened_and_left(chats: Chats, host: HostName, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat(host, *STATES["search"]))
    before = chat.text
    chat.press("Rosa Ramirez")
    until_focused(chat, "Rosa Ramirez")
    assert chat.heading == "Rosa Ramirez"
    ((call),) = chat.asked("call")
    assert (call["name"], list(call["arguments"])) == ("get_lead", ["id"])
    chat.press("Back")
    assert chat.text == before
    assert focused(chat) == "Rosa Ramirez"


def press(chat: Any, *keys: Literal["Tab", "Enter", "Space"]) -> None:
    for key in keys:
        chat.page.keyboard.press(key)


def test_a_search_by_keyboard(chats: Chats, host: HostName, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat(host, *STATES["search"]))
    assert chat.heading == "23 leads"
    chat.page.locator("iframe").focus()
    press(chat, "Tab")
    assert focused(chat) == "Omar Ueda"
    press(chat, "Tab", "Enter")
    until_focused(chat, "Rosa Ramirez")
    assert chat.heading == "Rosa Ramirez"
    chat.page.keyboard.press("Shift+Tab")
    assert focused(chat) == "Back"
    press(chat, "Space")
    until_focused(chat, "Rosa Ramirez")
    assert chat.heading == "23 leads"


def test_a_plan_by_keyboard(chats: Chats, host: HostName, closing: ExitStack) -> None:
    email = f"keyboard.{host}@example.com"
    chats.add(name="Kay Board", email=email)
    chat = closing.enter_context(chats.chat(host, "upsert_lead", {"name": "Kai Board", "email": email}))
    assert chat.heading == "Change Kay Board?"
    chat.page.locator("iframe").focus()
    press(chat, "Tab")
    assert focused(chat) == "Apply"
    press(chat, "Tab")
    assert focused(chat) == "Cancel"
    chat.page.keyboard.press("Shift+Tab")
    press(chat, "Enter")
    until_focused(chat, "Updated: Kai Board")


def test_what_has_the_focus_is_seen(chats: Chats, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat("app-bridge", *STATES["plan"]))
    assert chat.heading
    chat.page.locator("iframe").focus()
    press(chat, "Tab")
    assert style(chat, ":focus", "outlineStyle") == "solid"


def test_it_says_that_it_waits(chats: Chats, closing: ExitStack) -> None:
    """To those who hear it: the status is a live region."""
    chat = closing.enter_context(chats.chat("app-bridge", *STATES["search"]))
    assert chat.heading
    chat.evaluate("""
        window.said = [];
        const status = document.querySelector("[role=status]");
        new MutationObserver(() => window.said.push(status.textContent)).observe(status, { childList: true });
    """)
    chat.press("Omar Ueda")
    until_focused(chat, "Omar Ueda")
    assert chat.evaluate("return window.said") == ["Asking Rotor…", ""]
