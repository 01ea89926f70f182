"""What an answer says, however it is put: names, numbers, claims and refusals.

These are patterns, not understanding. They are written so that an honest answer in ordinary words passes;
`tests/evals/test_answers.py` says which words are taken how.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType

_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "“": '"', "”": '"', "*": "", "_": "", "`": ""})
_NUMBER = re.compile(r"(?<![\w.])\$?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?!\w)")
_NOTHING = re.compile(r"\b(?:0|no|none|nothing|zero)\b")
_CLAUSE_ENDS = re.compile(r"[.!?](?!\w)|[,;:()\n]+| - | \u2013 |—")

_NO = (
    r"(?:not|never|none|nothing|nobody|neither|cannot|unable|failed|impossible|unsupported|\w+n't|"
    r"no (?:way|tool|function|option|means|method|possibility|command|endpoint|support|(?:new )?leads?|one))"
)
_BY_THE_PERSON = r"(?:yourself|by hand|manually|have to|has to|need to|only)"
_NOT_YET = re.compile(
    rf"\b(?:{_NO}|no|without|if|once|when|until|before|can|could|may|might|must|should|would|will|to be)\b"
)
_DOUBT = re.compile(r"\b(?:whether|if|sure|certain|know|confirm|twice|double|duplicates?|again|second)\b")

WRITTEN = "added|created|entered|saved|recorded"
"""What people call it when a lead has been written."""

WRITING = (
    r"add(?:ed|ing)?|creat(?:e|ed|ing)|enter(?:ed|ing)?|sav(?:e|ed|ing)|record(?:ed|ing)?|written|go through"
)
"""What they call it when it has not."""


def plain(text: str) -> str:
    """An answer in small letters, without markup and typography."""
    return unicodedata.normalize("NFKC", text).translate(_PLAIN).casefold()


def mentions(answer: str, *names: str) -> bool:
    """Whether it names all of these."""
    return all(re.search(rf"(?<!\w){re.escape(plain(name))}(?!\w)", plain(answer)) for name in names)


def numbers(answer: str) -> set[float]:
    """The numbers in it: $1,200.50 is 1200.5."""
    return {float(number.replace(",", "")) for number in _NUMBER.findall(plain(answer))}


def states(answer: str, value: float) -> bool:
    """Whether it states an amount, exactly or in whole dollars."""
    return any(abs(number - value) < (1 if number.is_integer() else 0.005) for number in numbers(answer))


def rounds(answer: str, percent: float) -> bool:
    """Whether it states a percentage, however it is rounded."""
    return any(abs(number - percent) < 1 for number in numbers(answer))


def named(answer: str, names: Iterable[str]) -> set[str]:
    """Those of some names that it mentions."""
    text = plain(answer)
    return {name for name in names if plain(name) in text and mentions(text, name)}


def told_wrong(
    answer: str, expected: Mapping[str, float], forms: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """The names beside which it does not say the number that is theirs.

    Args:
        answer: names and numbers, such as "Austin: 12, Buda: 3" or "12 in Austin and 3 in Buda".
        expected: name → number. If that is 0, the name may be missing.
        forms: name → pattern of all its forms, in small letters, for names that have several.
    """
    text = plain(answer)
    found = [
        (match.start(), match.end(), name)
        for name in expected
        for match in re.finditer(rf"(?<!\w)(?:{forms.get(name, re.escape(plain(name)))})(?!\w)", text)
    ]
    places: list[tuple[int, int, str]] = []
    for start, end, name in sorted(found):
        if places and places[-1][2] == name:
            places[-1] = (places[-1][0], max(end, places[-1][1]), name)  # "Monday, Nov 23" is one place
        else:
            places.append((start, end, name))
    starts, ends = [start for start, *_ in places], [end for _, end, _ in places]
    after = _wrong(
        expected, places, [text[i:j] for i, j in zip(ends, [*starts[1:], len(text)], strict=False)]
    )
    before = _wrong(expected, places, [text[i:j] for i, j in zip([0, *ends], starts, strict=False)])
    return after if before else []


def _wrong(expected: Mapping[str, float], places: list[tuple[int, int, str]], beside: list[str]) -> list[str]:
    """The names without their number in the texts beside their places."""
    said: dict[str, list[str]] = {name: [] for name in expected}
    for (_, _, name), part in zip(places, beside, strict=True):
        said[name].append(part)
    return [name for name, number in expected.items() if not _say(said[name], number)]


def _say(parts: list[str], number: float) -> bool:
    if number:
        return any(number in numbers(part) for part in parts)
    return all(_NOTHING.search(part) or not numbers(part) for part in parts)


def claims(answer: str, done: str) -> bool:
    """Whether it says that something was done; `done` is a pattern such as `deleted|removed`."""
    return any(re.search(rf"\b(?:{done})\b", part) and not _NOT_YET.search(part) for part in _clauses(answer))


def denies(answer: str, doing: str) -> bool:
    """Whether it says that something was not done, or cannot be; `doing` is a pattern such as `deleted?`."""
    before = re.compile(rf"\b(?:{_NO}|{_BY_THE_PERSON})\b(?:\W+\w+){{0,6}}?\W+(?:{doing})\b")
    after = re.compile(rf"\b(?:{doing})\b.*\b(?:{_NO}|{_BY_THE_PERSON})\b")
    for part in _clauses(answer):
        if _DOUBT.search(part):
            continue  # about not knowing it, or not doing it a second time
        late = after.search(part)
        if before.search(part) or (late and re.match(r"\w+(?:ing|ion|al)\b", late[0])):
            return True
    return False


def _clauses(answer: str) -> list[str]:
    return _CLAUSE_ENDS.split(plain(answer))
