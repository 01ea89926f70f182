"""The stages, sources and tags that a company uses, learned from the leads that were read.

Rotor's API cannot list them. Each lead counts once, as it was read last.
"""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import anyio

from rotor_mcp.models import Lead, LeadFields
from rotor_mcp.normalize import caseless, text_form

MAX_LEADS = 2_000
"""Leads whose words are remembered, those read last."""
LEADS_TO_JUDGE = 20
"""Leads to have read before a word counts as one that the company does not use."""
SURVEY_TTL = 120.0
"""Seconds in which the newest leads are read once at most to learn words, however few they are."""
MAX_NAMED = 12
"""Words in use that an answer names, the most used."""

Kind = Literal["stage", "source", "tag"]
KINDS: tuple[Kind, ...] = ("stage", "source", "tag")


@dataclass(frozen=True)
class Unused:
    """A word that no lead read lately has."""

    kind: Kind
    word: str
    nearest: str | None
    """The word in use that is most like it."""
    in_use: tuple[str, ...]
    """The words in use, the most used first, at most `MAX_NAMED`."""


class Vocabulary:
    """The stages, sources and tags of the leads read lately."""

    def __init__(self) -> None:
        self._words: OrderedDict[str, dict[Kind, list[str]]] = OrderedDict()
        """Id of a lead → its words."""
        self._surveyed_at = self._refreshed_at = -math.inf
        self._refreshing = anyio.Lock()

    def learn(self, lead: Lead) -> None:
        """Take in the words of a lead that was read. A lead without an id counts for nothing."""
        if not lead.id:
            return
        self._words[lead.id] = {
            "stage": [lead.stage] if lead.stage else [],
            "source": [lead.source] if lead.source else [],
            "tag": [tag for tag in lead.tags if tag],
        }
        self._words.move_to_end(lead.id)
        if len(self._words) > MAX_LEADS:
            self._words.popitem(last=False)

    async def refresh(self, read: Callable[[], Awaitable[object]]) -> None:
        """Read the newest leads if too few were read to know the words in use.

        That it failed is known for `SURVEY_TTL` as well: else each key that a person types costs a request.

        Args:
            read: asks Rotor for leads; each of them is learned as it is read.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        async with self._refreshing:
            now = time.monotonic()
            if not self.enough and now - self._refreshed_at >= SURVEY_TTL:
                self._refreshed_at = now
                with anyio.CancelScope(shield=True):  # clients cancel a completion with the next key
                    await read()

    def surveyed(self) -> None:
        """Note that the newest leads, 1,000 or all there are, were read."""
        self._surveyed_at = time.monotonic()

    @property
    def enough(self) -> bool:
        """Whether enough leads were read to know the words that are in use."""
        return len(self._words) >= LEADS_TO_JUDGE or time.monotonic() - self._surveyed_at < SURVEY_TTL

    def may_spell_otherwise(self, lead: LeadFields) -> bool:
        """Whether the company may spell the stage or a tag of a lead otherwise, as far as it is not known.

        A word that a lead has, in whatever spelling, is no question. Nor is one in title case: companies
        name their stages and tags so, and a look at their leads costs a request.
        """
        if self.enough:
            return False
        given: list[tuple[Kind, str]] = [("tag", tag) for tag in lead.tags]
        given += [("stage", lead.stage)] if lead.stage else []
        return any(not _is_in_title_case(word) and self.spelling(kind, word) is None for kind, word in given)

    def counts(self, kind: Kind, except_lead: str | None = None) -> Counter[str]:
        """Count the leads that have each word, without one lead."""
        return Counter(
            word for lead, words in self._words.items() if lead != except_lead for word in words[kind]
        )

    def beginning(self, kind: Kind, part: str) -> list[str]:
        """Return the words that begin so, whatever the capitals and accents, the most used first."""
        begin = text_form(part)
        return [word for word, _ in self.counts(kind).most_common() if text_form(word).startswith(begin)]

    def spellings(self, kind: Kind, word: str) -> list[str]:
        """Return the ways in which leads spell a word, whatever the capitals, accents and punctuation."""
        form = text_form(word)
        return sorted(known for known in self.counts(kind) if text_form(known) == form)

    def spelling(self, kind: Kind, word: str, except_lead: str | None = None) -> str | None:
        """Return the way in which most leads spell a word, whatever the capitals and blanks.

        Args:
            kind: of the word.
            word: as it was given. It wins where as many leads spell it so as otherwise.
            except_lead: id of a lead that does not count.

        Returns None if no lead has it.
        """
        form = caseless(word)
        known = {
            used: (count, used == word)
            for used, count in self.counts(kind, except_lead).items()
            if caseless(used) == form
        }
        return max(known, key=lambda used: known[used]) if known else None

    def unused(self, kind: Kind, words: Iterable[str], *, part: bool = False) -> list[Unused]:
        """Return those of the words that no lead has, if enough leads were read to say so.

        Args:
            kind: of the words.
            words: to look for.
            part: whether it is enough for a lead that its word holds one of these.
        """
        if not self.enough:
            return []
        counts = self.counts(kind)
        forms = {text_form(known): known for known in counts}
        in_use = tuple(known for known, _ in counts.most_common(MAX_NAMED))
        unused = []
        for word in words:
            form = text_form(word)
            if not (any(form in known for known in forms) if part else form in forms):
                nearest = get_close_matches(form, forms, n=1, cutoff=0.5)
                unused.append(Unused(kind, word, forms[nearest[0]] if nearest else None, in_use))
        return unused


def _is_in_title_case(text: str) -> bool:
    """Whether each word begins with a capital or a digit, and not all are capitals as in a shout."""
    shouted = text.isupper() and len(text) > len("HVAC")
    return not shouted and all(word[0].isupper() or word[0].isdigit() for word in text.split())
