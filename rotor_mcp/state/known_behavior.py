"""What is known of how Rotor behaves: from the settings, or because an answer has shown it.

What is not known counts as what the reference suggests, and answers are watched for signs of the contrary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal


@dataclass
class KnownBehavior:
    """Answers to those questions of `behavior.py` on which it depends what is sent; None if not known."""

    omitted_fields: Literal["kept", "blanked"] | None = None
    notes: Literal["replaced", "appended"] | None = None
    follow_up_input: Literal["any", "date", "date_time"] | None = None
    write_status: Literal["by_outcome", "always_200"] | None = None
    search: Literal["substring", "word_beginnings"] | None = None
    search_phone: Literal["as_stored", "digits"] | None = None
    search_accents: Literal["exact", "ignored"] | None = None
    created_at: Literal["increasing", "equal", "unordered"] | None = None

    def assume(self, answers: Mapping[str, str]) -> None:
        """Take answers for known, unless Rotor has shown others. Those to other questions are ignored."""
        for name in (each.name for each in fields(self)):
            if getattr(self, name) is None:
                setattr(self, name, answers.get(name))
