"""Phrases that the texts of several tools have in common. Pure."""

from collections.abc import Sequence

from rotor_mcp.sanitize import one_line
from rotor_mcp.state.vocabulary import Unused
from rotor_mcp.tools.results import Result


def counted(count: int, noun: str) -> str:
    """Return a number and a noun: 1 lead, 1,200 leads."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def spent(requests: int) -> str:
    """Return the cost of a call as a sentence."""
    return f"{requests:,} request{'' if requests == 1 else 's'} spent." if requests else "No requests spent."


def cost(result: Result) -> str:
    """Return the day and the cost of a call as sentences."""
    return f"Today is {result.today}. {spent(result.requests)}"


def dollars(amount: float) -> str:
    """Return an amount of money: $1,200, $0.50."""
    return f"${amount:,.2f}".removesuffix(".00")


def worth(value: float | None) -> str:
    """Return the value of leads as a sentence; empty if it is 0 or unknown."""
    return f"Worth {dollars(value)} in all. " if value else ""


def sentence(reasons: Sequence[str]) -> str:
    """Join reasons into one sentence."""
    text = one_line("; ".join(reasons))
    return text if text.endswith(("?", ".")) else f"{text}."


def capital(text: str) -> str:
    """Return a text with a capital first letter; the others stay."""
    return text[:1].upper() + text[1:]


def notes(warnings: Sequence[str]) -> list[str]:
    """Return a line for each warning."""
    return [f"Note: {one_line(warning)}." for warning in warnings]


def redis_fault(reason: str) -> str:
    """Return the warning that other servers were not asked about a write, and what to do."""
    return (
        "other servers were not asked whether they write to the same person at this moment, because Redis "
        f"cannot be relied on: {reason}. If one did, there may be a second lead or a lost change, which "
        "search_leads shows"
    )


def unused_word(word: Unused) -> str:
    """Return the warning that no lead has a stage, source or tag, with those in use."""
    nearest = f". The nearest in use is {one_line(word.nearest)}" if word.nearest else in_use(word)
    return f"no lead read lately has the {word.kind} {one_line(word.word)}{nearest}"


def in_use(word: Unused) -> str:
    """Return the words in use; empty if none are known."""
    return f". In use: {', '.join(map(one_line, word.in_use))}" if word.in_use else ""
