"""Leads full of markup, scripts, hidden characters and endless text are shown as text, and break nothing."""

from contextlib import ExitStack
from typing import Any

from tests.view.chats import Chats, HostName

IMAGE = "<img src=x onerror=window.pwned=1>"
SCRIPT = "</script><script>window.pwned=1</script>"
HOSTILE = {
    "name": f"{IMAGE} Eve",
    "stage": f"<h1>{SCRIPT}</h1>",
    "source": "javascript:window.pwned=1",
    "service_type": "'\"><svg onload=window.pwned=1>",
    "address_street1": "<a href='https://evil.example'>click</a>",
    "address_city": "${window.pwned=1}{{window.pwned=1}}",
    "tags": [f"<b>{SCRIPT}</b>", "&lt;b&gt;"],
    "notes": f"{SCRIPT}\n<style>* {{ display: none }}</style>\n[a](javascript:window.pwned=1)",
}
MILLION = "A" * 1_000_000
LONG = "B" * 20_000


def harmed(chat: Any) -> dict[str, Any]:
    """What is in the view that only markup of a lead could have put there."""
    found: dict[str, Any] = chat.evaluate("""
        return {
            pwned: window.pwned ?? null,
            elements: [...document.querySelectorAll("img, svg, h1 h1, h1 * *, main script, main style, main a:not(.button)")].length,
            attributes: [...document.querySelectorAll("main *")].filter(
                (one) => [...one.attributes].some(({ name }) => name.startsWith("on")),
            ).length,
        }
    """)
    return found


NO_HARM = {"pwned": None, "elements": 0, "attributes": 0}


def test_markup_is_text(chats: Chats, host: HostName, closing: ExitStack) -> None:
    email = f"eve.{host}@example.com"
    lead = chats.add(email=email, **HOSTILE)
    for tool, arguments in (
        ("get_lead", {"id": lead}),
        ("search_leads", {"search": "eve", "fields": ["name", "email", "stage", "address_city", "tags"]}),
        ("search_leads", {"count_by": ["stage", "tag"], "limit": 5}),
        ("upsert_lead", {"name": f"{IMAGE} Bob", "email": email, "notes": SCRIPT, "stage": SCRIPT}),
        ("upsert_leads", {"rows": [{"name": IMAGE, "email": email, "tags": [SCRIPT]}, {"name": IMAGE}]}),
    ):
        chat = closing.enter_context(chats.chat(host, tool, arguments))
        shown = chat.text
        assert "<" in shown, tool
        assert harmed(chat) == NO_HARM, tool
        closing.close()


def test_what_it_says_is_what_the_lead_holds(chats: Chats, host: HostName, closing: ExitStack) -> None:
    lead = chats.add(email=f"mallory.{host}@example.com", **HOSTILE)
    chat = closing.enter_context(chats.chat(host, "get_lead", {"id": lead}))
    assert chat.heading == HOSTILE["name"]
    assert chat.view.locator("blockquote").inner_text() == HOSTILE["notes"]
    for field in ("stage", "source", "service_type"):
        assert str(HOSTILE[field]) in chat.text


HIDDEN = ("\u202e\u2066evil\u2069", "\u200b\u200d\ufeff", "\U000e0041\U000e0042")


def test_hidden_characters_reorder_nothing(chats: Chats, closing: ExitStack) -> None:
    """The server removes them. What comes with them all the same turns no other text around."""
    chat = closing.enter_context(chats.chat("app-bridge", "get_lead"))
    chat.until_asked("size")
    for characters in HIDDEN:
        lead = {"id": "1", "name": f"{characters}Ann", "stage": f"{characters}New", "priority": "high"}
        rows = {"today": "2026-11-22", "leads": [lead, lead], "count": 2}
        chat.host("result", {"content": [], "structuredContent": rows})
        heading = chat.view.locator("h2").bounding_box()
        row = chat.view.locator("button.row").first
        name = row.locator("b").bounding_box()
        words = row.get_by_text("high priority").bounding_box()
        assert heading
        assert name
        assert words
        assert name["x"] == heading["x"] == words["x"]  # all of them begin at the left


def test_endless_texts_are_cut(chats: Chats, host: HostName, closing: ExitStack) -> None:
    """As they come from the server, and as a server would send them that cuts nothing."""
    chat = closing.enter_context(chats.chat(host, "get_lead"))
    chat.until_asked("size")
    names = ("phone", "email", "stage", "source", "service_type", "address_city", "follow_up_date")
    lead: dict[str, Any] = dict.fromkeys(names, LONG)
    lead |= {"id": "1", "name": MILLION, "notes": LONG, "tags": [LONG] * 5}
    for content in (
        {"lead": lead},
        {"leads": [lead | {"name": LONG}] * 20, "count": 20},
        {"outcome": "needs_confirmation", "name": MILLION, "reasons": [LONG], "confirm": "x" * 8,
         "changes": [{"field": "notes", "before": LONG, "after": LONG}]},
        {"counts": [{"name": MILLION, "count": 1, "value": 1}], "counted_by": ["tag"], "leads": [], "count": 1},
    ):  # fmt: skip
        chat.host("result", {"content": [], "structuredContent": {"today": "2026-11-22", **content}})
        chat.view.locator("h1").wait_for()
        longest = chat.evaluate(
            "return Math.max(...[...document.querySelectorAll('main *')].map((one) => one.childElementCount ? 0 : one.textContent.length))"
        )
        assert longest <= 601
        assert chat.evaluate("return document.documentElement.scrollWidth <= innerWidth")
        assert chat.evaluate("return document.documentElement.offsetHeight") < 60_000


def test_a_lead_of_a_million_characters(chats: Chats, host: HostName, closing: ExitStack) -> None:
    lead = chats.add(email=f"long.{host}@example.com", name=MILLION, source=MILLION, tags=["t" * 5_000] * 20)
    for tool, arguments in (("get_lead", {"id": lead}), ("search_leads", {"search": f"long.{host}"})):
        chat = closing.enter_context(chats.chat(host, tool, arguments))
        assert chat.heading == f"{'A' * 300}…"
        closing.close()


ATTEMPTS = (
    "await fetch(url)",
    "await fetch('data:text/plain,x')",
    "await new Promise((yes, no) => Object.assign(new Image(), { onload: yes, onerror: no, src: url }))",
    "await new Promise((yes, no) => Object.assign(new WebSocket(url), { onopen: yes, onerror: no }))",
    "await import(url)",
)


def test_nothing_can_be_loaded_or_sent(chats: Chats, host: HostName, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat(host, "search_leads", {"limit": 1}))
    assert chat.heading
    for attempt in ATTEMPTS:
        script = f"const url = '{chats.origin}/host.js'; try {{ {attempt}; return 'done' }} catch {{ return 'blocked' }}"
        assert chat.evaluate(script) == "blocked", attempt


def test_links_are_for_the_host_to_open(chats: Chats, host: HostName, closing: ExitStack) -> None:
    email = f"lena.{host}@example.com"
    phone = {"app-bridge": "218.555.0188", "mcp-ui": "(218) 555-0189 ext. 5"}[host]
    lead = chats.add(name="Lena Link", phone=phone, email=email)
    chat = closing.enter_context(chats.chat(host, "get_lead", {"id": lead}))
    assert chat.heading == "Lena Link"
    for link in chat.view.get_by_role("link").all():
        link.click()
    chat.page.wait_for_function("() => window.asked.filter(([what]) => what === 'link').length === 2")
    number = {"app-bridge": "2185550188", "mcp-ui": "2185550189"}[host]
    assert [link["url"] for link in chat.asked("link")] == [f"tel:{number}", f"mailto:{email}"]
    assert chat.heading == "Lena Link"


def test_an_email_adds_nothing_to_its_link(chats: Chats, closing: ExitStack) -> None:
    chat = closing.enter_context(chats.chat("app-bridge", "get_lead"))
    chat.until_asked("size")
    lead = {
        "id": "1",
        "name": "Eve",
        "email": "eve@example.com?bcc=all@evil.example&body=x",
        "phone": "//evil.example",
    }
    chat.host("result", {"content": [], "structuredContent": {"today": "2026-11-22", "lead": lead}})
    chat.view.get_by_role("link").first.wait_for()
    addresses = [link.get_attribute("href") for link in chat.view.get_by_role("link").all()]
    assert addresses == ["tel:", "mailto:eve@example.com%3Fbcc%3Dall%40evil.example%26body%3Dx"]


def test_a_link_that_the_host_does_not_open(chats: Chats, host: HostName, closing: ExitStack) -> None:
    lead = chats.add(name="Lou Link", email=f"lou.{host}@example.com")
    chat = closing.enter_context(chats.chat(host, "get_lead", {"id": lead}, refuses=["link"]))
    chat.view.get_by_role("link").first.click()
    assert chat.view.get_by_role("alert").inner_text() == (
        f"This app does not open lou.{host}@example.com. Copy it instead."
    )
