"""The day, time zone, phone region and vocabulary that the rules depend on."""

from dataclasses import dataclass
from datetime import date, tzinfo

from rotor_mcp.state.vocabulary import Vocabulary


@dataclass(frozen=True)
class Locale:
    """The day, the time zone, the region of phones and the spelling of words of one call."""

    today: date
    zone: tzinfo
    region: str
    """Country (ISO 3166) of phones without a country code."""
    words: Vocabulary | None = None
    caller: str = ""
    """The company, and who calls: an approval holds for nobody else."""
