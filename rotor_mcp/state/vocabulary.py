"""The stages, sources and tags in use, learned from the leads that were read.

Rotor's API cannot list them. Each lead counts once, with its latest values.
"""

import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from operator import attrgetter
from typing import Literal

import anyio

from rotor_mcp.api.models import Lead, LeadFields
from rotor_mcp.normalize import caseless, text_form

MAX_LEADS = 2_000
"""Leads whose words are kept, the most recently read."""
LEADS_TO_JUDGE = 20
"""Leads that must have been read before a word counts as unused."""
SURVEY_TTL_SECONDS = 120.0
"""The newest leads are read to learn words at most once in this time, however few there are."""
MAX_NAMED = 12
"""Words in use that a result lists, the most used."""
MAX_WORD_CHARS = 100
"""Limit of a stage, source or tag. Longer text was entered in the wrong field."""
MAX_TAGS = 20
"""Tags learned from one lead."""
MAX_COMPARED = 200
"""Words in use that are compared to find the most similar one, the most used."""

Kind = Literal["stage", "source", "tag"]
KINDS: tuple[Kind, ...] = ("stage", "source", "tag")


@dataclass(frozen=True)
class Unused:
    """A word that no lead read recently has."""

    kind: Kind
    word: str
    nearest: str | None
    """The most similar word in use."""
    in_use: tuple[str, ...]
    """The words in use, the most used first, at most `MAX_NAMED`."""


class _Usage:
    """The words of one kind, and how many leads have each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.spellings: dict[str, dict[str, None]] = {}
        """Normalized form of a word → its spellings."""

    def replace(self, old: Iterable[str], new: Iterable[str]) -> None:
        """Replace the words of an earlier read of a lead by those of the latest read."""
        for word in new:
            self.counts[word] += 1
            self.spellings.setdefault(text_form(word), {})[word] = None
        for word in old:
            self.counts[word] -= 1
            if not self.counts[word]:
                del self.counts[word]
                form = text_form(word)
                del self.spellings[form][word]
                if not self.spellings[form]:
                    del self.spellings[form]


_READ = attrgetter("id", "stage", "source", "tags")
"""Returns what is learned from a lead."""
_Words = dict[Kind, tuple[str, ...]]
"""The words of a lead, each once."""


class Vocabulary:
    """The stages, sources and tags of the leads read recently.

    Leads that were read are looked at when a word is asked for: most are replaced by others before that.
    """

    def __init__(self) -> None:
        self._read: deque[tuple[str | None, str | None, str | None, list[str]]] = deque(maxlen=MAX_LEADS)
        """Id, stage, source and tags of leads that were read and not looked at yet."""
        self._words: OrderedDict[str, _Words] = OrderedDict()
        """Id of a lead → its words."""
        self._usage: dict[Kind, _Usage] = {kind: _Usage() for kind in KINDS}
        self._surveyed_at = self._refreshed_at = -math.inf
        self._refreshing = anyio.Lock()

    def learn(self, leads: Iterable[Lead]) -> None:
        """Learn the words of leads that were read. A lead without an id is ignored."""
        self._read.extend(map(_READ, leads))

    def _known(self) -> dict[Kind, _Usage]:
        """Return the words of all known leads, after looking at those that were read."""
        while self._read:
            lead_id, stage, source, tags = self._read.popleft()
            texts: dict[Kind, Iterable[str | None]] = {"stage": [stage], "source": [source], "tag": tags}
            words: _Words = {}
            for kind, of_kind in texts.items():
                distinct = dict.fromkeys([text for text in of_kind if text and len(text) <= MAX_WORD_CHARS])
                words[kind] = tuple(distinct)[:MAX_TAGS]
            if lead_id:
                self._replace(lead_id, words)
        return self._usage

    def _replace(self, lead_id: str, words: _Words) -> None:
        known = self._words.pop(lead_id, {})
        self._words[lead_id] = words
        if known == words:
            return
        for kind, usage in self._usage.items():
            if words[kind] != known.get(kind):
                usage.replace(known.get(kind, ()), words[kind])
        if len(self._words) > MAX_LEADS:
            _, oldest = self._words.popitem(last=False)
            for kind, gone in oldest.items():
                self._usage[kind].replace(gone, ())

    async def refresh(self, read: Callable[[], Awaitable[object]]) -> None:
        """Read the newest leads by calling `read`, if too few were read to know the words in use.

        Also after a failure nothing is read for `SURVEY_TTL_SECONDS`: else each key that a person types would
        cost a request.

        Raises:
            RotorError: if the request failed.
        """
        async with self._refreshing:
            now = time.monotonic()
            if not self.enough and now - self._refreshed_at >= SURVEY_TTL_SECONDS:
                self._refreshed_at = now
                with anyio.CancelScope(shield=True):  # clients cancel a completion with the next key
                    await read()

    def surveyed(self) -> None:
        """Record that the newest 1,000 leads, or all leads if there are fewer, were read."""
        self._surveyed_at = time.monotonic()

    @property
    def enough(self) -> bool:
        """Whether enough leads were read to know the words in use."""
        surveyed = time.monotonic() - self._surveyed_at < SURVEY_TTL_SECONDS
        if not surveyed and len(self._words) < LEADS_TO_JUDGE:
            self._known()
        return surveyed or len(self._words) >= LEADS_TO_JUDGE

    def may_spell_otherwise(self, lead: LeadFields | Lead) -> bool:
        """Whether the company may spell the stage or a tag of a lead differently, and that is not known yet.

        False for a word that a known lead has in any spelling, and for one in title case: companies use title
        case for stages and tags, and reading their leads costs a request.
        """
        if self.enough:
            return False
        given: list[tuple[Kind, str]] = [("tag", tag) for tag in lead.tags]
        given += [("stage", lead.stage)] if lead.stage else []
        return any(
            (word.isupper() and len(word) > len("HVAC"))  # all capitals, and no abbreviation
            or not all(part[0].isupper() or part[0].isdigit() for part in word.split())
            for kind, word in given
            if self.spelling(kind, word) is None
        )

    def most_used(self, kind: Kind) -> list[tuple[str, int]]:
        """Return the words in use with the number of leads that have each, the most used first."""
        return self._known()[kind].counts.most_common()

    def share(self, kind: Kind, word: str) -> float:
        """Return the share of the known leads that have a word in exactly this spelling."""
        count = self._known()[kind].counts[word]
        return count / len(self._words) if self._words else 0.0

    def beginning(self, kind: Kind, part: str) -> list[str]:
        """Return the words with a prefix, ignoring case and accents, the most used first."""
        begin = text_form(part)
        usage = self._known()[kind]
        words = [
            w for form, spellings in usage.spellings.items() if form.startswith(begin) for w in spellings
        ]
        return sorted(words, key=lambda word: -usage.counts[word])

    def spellings(self, kind: Kind, word: str) -> list[str]:
        """Return the spellings in use of a word, ignoring case, accents and punctuation."""
        if len(word) > MAX_WORD_CHARS:  # not in use, and slow to normalize
            return []
        return sorted(self._known()[kind].spellings.get(text_form(word), ()))

    def spelling(self, kind: Kind, word: str, except_lead: str | None = None) -> str | None:
        """Return the most used spelling of a word, ignoring case and blanks; None if no lead has the word.

        Args:
            kind: of the word.
            word: as it was given. This spelling is preferred to one that is used as often.
            except_lead: id of a lead that is not counted.
        """
        usage = self._known()[kind]
        own = self._words.get(except_lead or "", {}).get(kind, ())
        if len(word) > MAX_WORD_CHARS:
            return None
        known = {
            used: (usage.counts[used] - (used in own), used == word)
            for used in usage.spellings.get(text_form(word), ())
            if caseless(used) == caseless(word)
        }
        most = max(known, key=lambda used: known[used], default=None)
        return most if most is not None and known[most][0] else None

    def unused(self, kind: Kind, words: Iterable[str], *, part: bool = False) -> list[Unused]:
        """Return the words that no lead has, if enough leads were read to know that.

        With `part`, a word that is part of one in use counts as used.
        """
        if not self.enough:
            return []
        forms = self._known()[kind].spellings
        in_use = [word for word, _ in self.most_used(kind)[:MAX_COMPARED]]
        likely = {text_form(known): known for known in in_use}
        unused = []
        for word in words:
            form = text_form(word[: MAX_WORD_CHARS + 1])
            if not (any(form in known for known in forms) if part else form in forms):
                # A word more than three times as long is not half like another, and takes long to compare.
                near = tuple(known for known in likely if len(form) <= 3 * len(known))
                nearest = _nearest(form, near) if near else None  # difflib prepares for a comparison first
                named = tuple(in_use[:MAX_NAMED])
                unused.append(Unused(kind, word, likely[nearest] if nearest else None, named))
        return unused


@lru_cache(maxsize=256)  # many rows of a file have the same word
def _nearest(form: str, words: tuple[str, ...]) -> str | None:
    return next(iter(get_close_matches(form, words, n=1, cutoff=0.5)), None)
