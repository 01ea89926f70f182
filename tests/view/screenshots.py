"""Writes the pictures of the view in `assets`: `python -m tests.view.screenshots`."""

import tempfile
from pathlib import Path

from tests.view.chats import Chat, stage

ASSETS = Path(__file__).parents[2] / "assets"
WIDTH = 640


def photograph(chat: Chat, name: str) -> None:
    """Save what the chat shows."""
    assert chat.heading
    chat.page.wait_for_function(
        "() => document.querySelector('iframe').offsetHeight === window.asked.findLast(([what]) => what === 'size')[1].height"
    )
    chat.page.locator("iframe").screenshot(path=ASSETS / f"view-{name}.png")


def main() -> None:
    """Show a search in a light chat and a plan in a dark one."""
    search = {"overdue": True, "limit": 5}
    plan = {
        "name": "Jane Miller",
        "phone": "763-555-0100",
        "stage": "Quoted",
        "projected_value": 450,
        "follow_up_date": "2026-12-01",
        "notes": "Wants the gutters done, too.",
    }
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as shared, shared.chats() as chats:
        with chats.chat("app-bridge", "search_leads", search, width=WIDTH, scale=1.5) as chat:
            photograph(chat, "light")
        with chats.chat("app-bridge", "upsert_lead", plan, width=WIDTH, theme="dark", scale=1.5) as chat:
            photograph(chat, "dark")


if __name__ == "__main__":
    main()
