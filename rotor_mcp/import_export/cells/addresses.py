"""Splits a whole address in one text into its fields, with the statistical parser `usaddress`."""

from rotor_mcp.normalize import is_state, words

_FIELDS = {
    "PlaceName": "address_city",
    "StateName": "address_state",
    "ZipCode": "address_zip",
    "ZipPlus4": "address_zip",
    "CountryName": "address_country",
}
"""Label of a word → the field; the words with other labels are the street."""
_NO_ADDRESS = frozenset({"Recipient", "NotAddress", "IntersectionSeparator"})
_ORDER = ("address_street1", "address_city", "address_state", "address_zip", "address_country")
_MIN_WORDS = 4
_MAX_CHARS = 300


def split_address(text: str) -> dict[str, str] | None:
    """Return the fields of a whole address of the United States; None if it is none beyond doubt.

    It has a street with a number, a city and a state, in this order.
    """
    if len(text) > _MAX_CHARS or len(text.split()) < _MIN_WORDS or not any(map(str.isdigit, text)):
        return None
    import usaddress  # loads its model, and most files do not need it

    parts: dict[str, list[str]] = {field: [] for field in _ORDER}
    at = 0
    for word, label in usaddress.parse(text):
        place = _ORDER.index(_FIELDS.get(label, "address_street1"))
        if label in _NO_ADDRESS or place < at:
            return None
        at = place
        parts[_ORDER[place]].append(word.strip())
    found = {field: " ".join(said).strip(" ,.") for field, said in parts.items() if said}
    street, state = found.get("address_street1", ""), found.get("address_state", "")
    is_whole = "address_city" in found and is_state(state) and any(map(str.isdigit, street))
    return found if is_whole else None


def is_covered(text: str, parts: list[str]) -> bool:
    """Whether all words of an address are also in its parts."""
    return set(words(text)) <= {word for part in parts for word in words(part)}
