"""What Rotor may do where its reference leaves that open.

Each field of `Behavior` is a question with the answers that are plausible. The first answer is what the
embedded Rotor does unless it is told otherwise; its `ASSUMPTIONS.md` is made from this module.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal


def _question(text: str, answers: dict[str, str], why: str, *, topic: str = "") -> Any:
    """Declare a field of `Behavior`: answer → what the sandbox does. The first one is the default."""
    metadata = {"text": text, "answers": answers, "why": why, "topic": topic}
    return field(default=next(iter(answers)), metadata=metadata)


@dataclass(frozen=True)
class Behavior:
    """An answer to each question."""

    auth_test: Literal["any_key", "missing", "forbidden"] = _question(
        "Which keys may ask `/auth/test`?",
        {
            "any_key": "Any key, without a scope",
            "missing": "None: 404",
            "forbidden": "None: 403",
        },
        "A write-only key must be able to test itself",
        topic="Keys and quota",
    )
    version_header: Literal["required", "optional"] = _question(
        "What if `rotor-api-version` is missing or another?",
        {"required": "400 that names the header", "optional": "Nothing"},
        "It is documented as required",
    )
    burst_limit: Literal["none", "per_second"] = _question(
        "Is there a limit beside the daily one?",
        {
            "none": "No",
            "per_second": "10 requests a second; then 429 with `Retry-After: 1` and a message of its own",
        },
        "None is documented",
    )
    error_body: Literal["documented", "no_status", "error_field", "html"] = _question(
        "Which bodies do errors have?",
        {
            "documented": "Those of the reference",
            "no_status": "Those of the reference, without `status`",
            "error_field": "`error` in the place of `message`, without `status`",
            "html": "A page of HTML",
        },
        "They are documented",
    )
    invalid_status: Literal["400", "422"] = _question(
        "Which status says that an input is not valid?",
        {"400": "400", "422": "422"},
        "It is documented for the twin endpoint",
    )
    phone_match: Literal["literal", "digits", "normalized"] = _question(
        "How are phones compared when matching?",
        {
            "literal": "Literally, character by character",
            "digits": "By their digits",
            "normalized": "By their digits without the country code 1",
        },
        "Nothing says that they are normalized",
        topic="Writing",
    )
    email_match: Literal["ignoring_case", "exact"] = _question(
        "How are e-mails compared when matching?",
        {"ignoring_case": "Letter by letter, in capitals or not", "exact": "Exactly"},
        "It is how mail works in practice",
    )
    several_match: Literal["newest", "oldest"] = _question(
        "Which lead is matched if several have the phone or e-mail?",
        {"newest": "The newest", "oldest": "The oldest"},
        "It is the first one in the listing",
    )
    archived_match: Literal["no", "yes", "revived"] = _question(
        "Is an archived lead matched by phone or e-mail?",
        {
            "no": "No; it can be updated by its id, and stays archived",
            "yes": "Yes, and it stays archived",
            "revived": "Yes, and any write brings it back from the archive",
        },
        "Archived is out of sight",
    )
    unknown_id: Literal["404", "400", "created"] = _question(
        "What does an unknown `id` answer?",
        {
            "404": "404, and nothing is created",
            "400": "400 that names it, and nothing is created",
            "created": "A lead is created, with another id",
        },
        "Creating would hide the caller's mistake",
    )
    omitted_fields: Literal["kept", "blanked"] = _question(
        "Are omitted fields kept on update?",
        {"kept": "Yes", "blanked": "No, they are emptied, except name, stage and tags"},
        "Tags are documented as merged, so a write is not the whole lead",
    )
    notes: Literal["replaced", "appended"] = _question(
        "Is `notes` replaced?",
        {"replaced": "Yes", "appended": "No, it is added in a line of its own"},
        "Only tags are documented as merged",
    )
    blank_texts: Literal["kept", "ignored", "refused"] = _question(
        "Can a field be cleared?",
        {
            "kept": "A text can be set to the empty text, which is kept; nothing can be set to null, and "
            "tags cannot be taken away",
            "ignored": "No, an empty text changes nothing",
            "refused": "No, an empty text is a fault (400)",
        },
        "None of the fields is nullable",
    )
    unknown_stage: Literal["kept", "refused", "first"] = _question(
        "Is an unknown `stage` accepted?",
        {
            "kept": "Yes, as any text",
            "refused": "No: 400. Stages are those that leads have",
            "first": "It is replaced by the first stage. Stages are those that leads have",
        },
        "Stages are each company's own, and none can be listed",
    )
    tag_case: Literal["exact", "ignoring_case"] = _question(
        "Do capitals make another tag?",
        {"exact": "Yes, when tags are merged and when they are looked for", "ignoring_case": "No"},
        "Tags are texts",
    )
    follow_up_input: Literal["any", "date", "date_time"] = _question(
        "Which forms of `follow_up_date` are accepted?",
        {
            "any": "RFC 3339 date-time with an offset, or date (midnight UTC)",
            "date": "Dates only",
            "date_time": "RFC 3339 date-times with an offset only",
        },
        "Answers are documented as date-times",
    )
    write_reply: Literal["flat", "wrapped", "without_id", "without_tags"] = _question(
        "What does the reply to a write hold?",
        {
            "flat": "The lead's fields, beside `status` and `message`",
            "wrapped": "The lead in `data`",
            "without_id": "The lead's fields without its id",
            "without_tags": "The lead's fields without its tags",
        },
        "It is documented",
    )
    write_status: Literal["by_outcome", "always_200"] = _question(
        "Which status has a write?",
        {
            "by_outcome": "201 if a lead was created, else 200",
            "always_200": "200, and the same message for both",
        },
        "It is documented",
    )
    read_delay: Literal["none", "two_reads"] = _question(
        "When can a write be read?",
        {"none": "At once", "two_reads": "After the two reads that follow it, which show what was before"},
        "Nothing says otherwise",
        topic="Reading",
    )
    search: Literal["substring", "word_beginnings"] = _question(
        "Where is `search` looked for?",
        {
            "substring": "Anywhere in name, e-mail or phone as stored, in capitals or not; `%` and `_` mean "
            "themselves",
            "word_beginnings": "At the beginnings of words: each word that is searched for begins one",
        },
        '"By name, email, or phone"',
    )
    search_phone: Literal["as_stored", "digits"] = _question(
        "How does `search` compare phones?",
        {"as_stored": "As they are stored", "digits": "By their digits too"},
        "Nothing says that they are normalized",
    )
    search_accents: Literal["exact", "ignored"] = _question(
        "Does `search` tell accents apart?",
        {"exact": "Yes", "ignored": "No"},
        "Nothing says that it does not",
    )
    stage_case: Literal["exact", "ignoring_case"] = _question(
        "How is the filter `stage` compared?",
        {"exact": "Exactly", "ignoring_case": "In capitals or not"},
        "It is a name out of a list",
    )
    page_cap: Literal["1000", "250", "100"] = _question(
        "How many leads has a page at most?",
        {
            "1000": "1,000; more is a fault (400)",
            "250": "250, if more are asked for, too",
            "100": "100, if more are asked for, too",
        },
        "It is documented",
    )
    pagination: Literal["full", "total_as_text", "without_total", "missing"] = _question(
        "What does a list say of its pages?",
        {
            "full": "`has_more`, `limit`, `page` and `total`",
            "total_as_text": 'The same, with a text such as "142" for `total`',
            "without_total": "The same without `total`",
            "missing": "Nothing",
        },
        "It is documented",
    )
    numbers: Literal["numbers", "texts"] = _question(
        "Which form have amounts in answers?",
        {"numbers": "Numbers", "texts": 'Texts such as "300.00"'},
        "They are documented as numbers",
    )
    id_case: Literal["lower", "upper"] = _question(
        "Which letters have ids in answers?",
        {"lower": "Small ones", "upper": "Capitals"},
        "As in the reference's example",
    )
    follow_up_output: Literal["z", "offset", "microseconds", "date"] = _question(
        "Which form has `follow_up_date` in answers?",
        {
            "z": "A date-time in UTC that ends with `Z`",
            "offset": "A date-time that ends with `+00:00`",
            "microseconds": "A date-time with six digits of a second's fraction",
            "date": "A date",
        },
        "Answers are documented as date-times",
    )
    created_at: Literal["increasing", "equal", "unordered"] = _question(
        "Are leads listed in the order of `created_at`?",
        {
            "increasing": "Yes; of the same second, the one created later comes first",
            "equal": "All leads that are created on a day have the same one",
            "unordered": "No, they are listed by their ids",
        },
        '"Newest first"',
    )

    def __post_init__(self) -> None:
        for name, answers in ANSWERS.items():
            if getattr(self, name) not in answers:
                known = ", ".join(answers)
                raise ValueError(f"{name} has no answer {getattr(self, name)!r}; it has {known}")

    @classmethod
    def parse(cls, text: str) -> "Behavior":
        """Return the behavior with some answers, as `read_answers` reads them. The others are the defaults.

        Raises:
            ValueError: if it cannot be read, or there is no such question or answer.
        """
        return cls.of(read_answers(text))

    @classmethod
    def of(cls, answers: Mapping[str, Any]) -> "Behavior":
        """Return the behavior with some answers, by question. The others are the defaults."""
        return cls(**answers)

    def __str__(self) -> str:
        """Return the answers that are not the default, as `parse` reads them."""
        return ",".join(
            f"{name}={answer}"
            for name, answers in ANSWERS.items()
            if (answer := getattr(self, name)) != answers[0]
        )


ANSWERS: dict[str, tuple[str, ...]] = {
    each.name: tuple(each.metadata["answers"]) for each in fields(Behavior)
}
"""Question → its answers, the default first."""


def read_answers(text: str) -> dict[str, str]:
    """Read answers: `NAME=ANSWER`, separated by commas, or the name of a report of `rotor-mcp probe`.

    Raises:
        ValueError: if it is neither, or there is no such question or answer.
    """
    if "=" in text or not text:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        given = [(name.strip(), answer.strip()) for name, _, answer in pairs]
    else:
        given = _read_report(Path(text).expanduser())
    answers: dict[str, str] = {}
    for name, answer in given:
        if name not in ANSWERS:
            raise ValueError(f"must name questions, and {name} is none of these: {', '.join(ANSWERS)}")
        if answer not in ANSWERS[name]:
            raise ValueError(f"must answer {name} with one of these: {', '.join(ANSWERS[name])}")
        if answers.setdefault(name, answer) != answer:
            raise ValueError(f"must answer {name} once")
    return answers


def _read_report(file: Path) -> list[tuple[str, str]]:
    try:
        report = json.loads(file.read_bytes())
        return [(str(name), str(answer)) for name, answer in report["seen"].items()]
    except OSError as exc:
        raise ValueError(f"must be NAME=ANSWER, or the name of a report: {exc.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("must be NAME=ANSWER, or the name of a report: this file is none") from None


@dataclass(frozen=True)
class Question:
    """A question that Rotor's reference leaves open."""

    name: str
    text: str
    answers: dict[str, str]
    """Answer → what the sandbox does. The default comes first."""
    why: str
    """Why the default is the default."""
    topic: str
    """Heading of this question and those after it; empty where it stays."""


QUESTIONS = tuple(Question(name=each.name, **each.metadata) for each in fields(Behavior))

ASSUMED = Behavior()
"""What the sandbox does unless it is told otherwise."""
