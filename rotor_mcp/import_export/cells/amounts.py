"""Reads amounts of money as several countries write them: 1,200.50, 1.200,50, 1'200.50, 1 200,50. Pure."""

import re
from collections.abc import Sequence

_CURRENCY = re.compile(
    r"^(?:US|CA|AU|NZ|C|A|R)?[$€£¥]\s*|\s*(?:US|CA)?[$€£¥]$"
    r"|^(?:USD|CAD|EUR|GBP|AUD|CHF|Fr\.|SFr\.|kr\.?)\s*|\s*(?:USD|CAD|EUR|GBP|AUD|CHF|kr\.?|dollars?)$",
    re.IGNORECASE,
)
_POINT_DECIMAL = re.compile(
    r"\d+(?:\.\d+)?|\.\d+|\d{1,3}(?:[,\s'\u2019]\d{3})+(?:\.\d+)?|\d{1,3}(?:,\d{2})+,\d{3}(?:\.\d+)?"
)
_COMMA_DECIMAL = re.compile(r"\d{1,3}(?:[.\s'\u2019]\d{3})+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,}")
_SHORT_COMMA_DECIMAL = re.compile(r"\d+,\d{1,2}")
_GROUPED_BY_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_POINT_REGIONS = ("US", "GB", "AU", "NZ", "IE")


def comma_is_decimal(cells: Sequence[str], region: str) -> bool:
    """Whether a column has decimal commas. In the United States, 12,50 alone is no evidence but a typo."""
    forms = [_COMMA_DECIMAL] if region in _POINT_REGIONS else [_COMMA_DECIMAL, _SHORT_COMMA_DECIMAL]
    return any(form.fullmatch(_bare(cell)) for cell in cells for form in forms)


def _bare(text: str) -> str:
    """Return an amount without its currency and without a dash for no cents: 1'200.- and 300,--."""
    bare = text.strip()
    for _ in range(2):  # $1,200 USD
        bare = _CURRENCY.sub("", bare).strip()
    return re.sub(r"(?<=\d)[.,][-–—]{1,2}$", "", bare)  # noqa: RUF001 - dashes that people type


def amount_text(text: str, comma: bool) -> str:
    """Return an amount in Rotor's form, digits and a decimal point; a text that is none as it is.

    Args:
        text: the amount as it was written.
        comma: whether its column has decimal commas.
    """
    bare = _bare(text)
    forms = [_COMMA_DECIMAL, _SHORT_COMMA_DECIMAL, _GROUPED_BY_POINTS] if comma else [_COMMA_DECIMAL]
    if any(form.fullmatch(bare) for form in forms):
        return re.sub(r"[.\s'\u2019]", "", bare).replace(",", ".")
    if _POINT_DECIMAL.fullmatch(bare):
        return re.sub(r"[,\s'\u2019]", "", bare)
    return text
