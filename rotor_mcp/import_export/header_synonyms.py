"""Maps the column headers of other programs to fields of a lead.

The headers come from exports of Jobber, Housecall Pro, HubSpot, Google Contacts, Mailchimp, Outlook and
Facebook lead ads, and from sign-up sheets. Only unambiguous ones are listed: "Status" may be a stage or a
subscription, "Budget" is a customer's wish. Such columns are left out, and the
preview says so. `columns.py` also looks at the cells of a column.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from rotor_mcp.sanitize import one_line

FIRST_NAME, LAST_NAME = "first_name", "last_name"
NAME_PREFIX, MIDDLE_NAME, NAME_SUFFIX = "name_prefix", "middle_name", "name_suffix"
COMPANY = "company"
NAME_PARTS = (NAME_PREFIX, FIRST_NAME, MIDDLE_NAME, LAST_NAME, NAME_SUFFIX)
"""Parts of a name in their order. Rotor has no fields for them, nor for a company."""

_WORDS: dict[str, tuple[str, ...]] = {
    "id": ("id", "lead id", "rotor id", "rotor lead id"),
    "name": (
        *("name", "full name", "display name", "your name", "first and last name", "customer", "client"),
        *(
            "name of customer",
            "customers name",
            "clients name",
            "customer name",
            "customer full name",
            "client name",
            "client full name",
            "contact name",
        ),
        *("lead name", "homeowner", "homeowner name"),
    ),
    FIRST_NAME: (
        *("first name", "first", "given name", "forename", "fname", "your first name"),
        *("customer first name", "client first name", "contact first name", "lead first name"),
    ),
    LAST_NAME: (
        *("last name", "last", "family name", "surname", "lname", "your last name"),
        *("customer last name", "client last name", "contact last name", "lead last name"),
    ),
    NAME_PREFIX: ("prefix", "name prefix", "salutation", "courtesy title"),
    MIDDLE_NAME: ("middle name", "middle", "middle initial", "mi", "additional name"),
    NAME_SUFFIX: ("suffix", "name suffix"),
    COMPANY: (
        *("company", "company name", "business", "business name", "organization", "organization name"),
        *("organisation", "organisation name", "company account", "account name", "customer company name"),
    ),
    "phone": (
        *("phone", "phone number", "telephone", "telephone number", "tel", "your phone", "contact number"),
        *("mobile", "mobile phone", "mobile number", "mobile phone number", "phone mobile"),
        *("cell", "cell phone", "cell number", "cell phone number", "phone cell"),
        *("home phone", "home phone number", "phone home", "work phone", "work phone number", "phone work"),
        *("business phone", "office phone", "day phone", "daytime phone", "evening phone"),
        *("main phone", "primary phone", "primary phone number", "best phone", "best phone number"),
        *("secondary phone", "other phone", "alternate phone", "alt phone"),
        *("contact phone", "customer phone", "client phone", "lead phone"),
        *("home number", "work number", "office number", "primary number", "best number", "cellphone"),
        *("main mobile", "alternate number", "alt number", "other number", "work mobile", "business number"),
    ),
    "email": (
        *(
            "mail",
            "email",
            "email address",
            "your email",
            "your email address",
            "main email",
            "primary email",
        ),
        *("home email", "personal email", "work email", "business email"),
        *("secondary email", "other email", "alternate email", "alt email"),
        *("contact email", "customer email", "client email", "lead email"),
    ),
    "source": (
        *("source", "lead source", "lead origin", "original source", "marketing source", "referral source"),
        *("how did you hear", "how did you hear about us", "how did you hear of us", "how did you find us"),
        *("how did you find out about us", "where did you hear about us", "heard about us"),
    ),
    "stage": ("stage", "lead stage", "pipeline stage", "deal stage", "sales stage", "lead status"),
    "service_type": (
        *("service type", "service", "services", "type of service", "job type", "type of job"),
        *("service requested", "services requested", "requested service", "requested services"),
        *("service needed", "services needed", "service of interest", "services of interest"),
        *("what service do you need", "what services do you need"),
        *("what service are you interested in", "what services are you interested in"),
        *("which service are you interested in", "which services are you interested in"),
    ),
    "priority": ("priority", "lead priority"),
    "projected_value": (
        *("projected value", "value", "lead value", "deal value", "deal amount"),
        *("estimate", "estimated value", "estimate amount", "estimate total"),
        *("quote amount", "quoted amount", "quote total", "quoted price"),
    ),
    "follow_up_date": (
        *("follow up", "follow up date", "follow up on", "next follow up", "next follow up date"),
        *("next contact", "next contact date", "callback date"),
    ),
    "tags": ("tags", "tag", "labels", "lead tags", "customer tags", "client tags", "contact tags"),
    "notes": (
        *("notes", "note", "anything else", "comments", "comment", "message", "your message", "remarks"),
        *("lead notes", "customer notes", "client notes", "contact notes", "internal notes", "job notes"),
        *("additional notes", "additional comments", "questions comments", "comments questions"),
    ),
}

_ADDRESS_WORDS: dict[str, tuple[str, ...]] = {
    "address_street1": (
        *("street", "street 1", "street line 1", "street address", "street address 1"),
        *("street address line 1", "address", "address 1", "address line 1"),
        *("full address", "formatted address", "address formatted", "address full", "complete address"),
    ),
    "address_street2": (
        *("street 2", "street line 2", "street address 2", "street address line 2", "address 2"),
        *("address line 2", "extended address", "apt", "apt number", "apartment", "apartment number"),
        *("unit", "unit number", "suite", "apt unit", "apt suite", "apt suite unit"),
    ),
    "address_city": ("city", "town", "city town", "town city"),
    "address_state": ("state", "state code", "state province", "province", "province state", "state region"),
    "address_zip": (
        *("zip", "zip code", "postal", "postal code", "postcode"),
        *("zip postal", "zip postal code", "postal zip", "postal zip code"),
    ),
    "address_country": ("country", "country region"),
}

_PLACES: tuple[tuple[str, ...], ...] = (
    (
        *("property", "property address", "service", "service address", "service location"),
        *("job address", "job site", "site", "site address"),
    ),
    ("", "address", "address 1", "primary", "primary address", "customer", "client"),
    ("shipping", "shipping address", "ship", "ship to"),
    ("home", "home address"),
)
"""Kinds of addresses in headers, best first: the work is done at the property. Mailing and billing addresses
are left out."""

_NUMBERED_FIELDS = ("phone", "email", "tags", "notes")
"""Fields whose headers are often numbered: "Phone 2", "E-mail 1 - Value"."""

_DUPLICATE_SUFFIX = re.compile(r" \(\d+\)$")  # added to a repeated header by `table.py`


class HeaderMatch(NamedTuple):
    """The field that a header stands for."""

    field: str
    place: int | None = None
    """For address fields, the index in `_PLACES`; less is better."""


_MAX_HEADER_CHARS = 200
_FILLERS = frozenset(
    {"what", "whats", "is", "are", "your", "the", "a", "an", "please", "enter", "provide", "required"}
    | {
        "optional",
        "s",
        "can",
        "we",
        "do",
        "need",
        "would",
        "like",
        "there",
        "know",
        "should",
        "have",
        "reach",
        "you",
        "at",
        "for",
        "to",
        "which",
    }
)
"""Words of a question or a form that do not change what a header means."""


def match_header(header: str) -> HeaderMatch | None:
    """Return the field of a header; None if it is unknown or ambiguous."""
    if len(header) > _MAX_HEADER_CHARS:
        return None
    title, duplicates = _DUPLICATE_SUFFIX.subn("", header)
    key = _normalize(title)
    known = (
        _FIELDS_BY_HEADER.get(key) or _FIELDS_BY_HEADER.get(_without_fillers(title)) or _one_of_several(title)
    )
    if known is None:
        known = _FIELDS_BY_HEADER.get(re.sub(r"\d*(value)?$", "", key))
        known = known if known and known.field in _NUMBERED_FIELDS else None
    # A repeated "Phone" may be another person's, a repeated "Street" begins another address.
    return None if duplicates and known and known.field not in ("notes", "tags") else known


def _one_of_several(header: str) -> HeaderMatch | None:
    """Return the field that the parts of a header such as "Kunde / Customer" stand for, if it is one."""
    found = {match for part in header.split("/") if (match := _FIELDS_BY_HEADER.get(_normalize(part)))}
    return found.pop() if len(found) == 1 else None


def count_known_headers(cells: Iterable[str]) -> int:
    """Return how many different headers of a row are known."""
    return len({cell.casefold() for cell in cells if cell.strip() and match_header(one_line(cell))})


def _normalize(header: str) -> str:
    """Return a header in lower case without spaces and punctuation: "ZIP-code" and "zipCode" become equal."""
    return "".join(char for char in header.casefold() if char.isalnum())


def _without_fillers(header: str) -> str:
    """Return the normal form of a question such as "What is your phone number?", or of a plural."""
    said = re.findall(r"[^\W_]+", header.casefold().replace("'", "").replace("\u2019", ""))
    meant = "".join(word for word in said if word not in _FILLERS)
    return meant if meant in _FIELDS_BY_HEADER else meant.removesuffix("s")


_FIELDS_BY_HEADER: dict[str, HeaderMatch] = {
    **{_normalize(word): HeaderMatch(field) for field, words in _WORDS.items() for word in words},
    **{
        _normalize(f"{place} {word}"): HeaderMatch(field, rank)
        for rank, places in enumerate(_PLACES)
        for place in places
        for field, words in _ADDRESS_WORDS.items()
        for word in words
    },
    # Of Google Contacts; elsewhere a sales region.
    _normalize("Address 1 - Region"): HeaderMatch("address_state", 1),
}

_SOMEBODY_ELSE = frozenset(
    {"sales", "salesperson", "rep", "agent", "technician", "tech", "staff", "employee", "assigned", "owner"}
    | {
        "creator",
        "created",
        "user",
        "manager",
        "referrer",
        "referred",
        "spouse",
        "emergency",
        "fax",
        "estimator",
    }
    | {
        "partner",
        "tenant",
        "landlord",
        "realtor",
        "crew",
        "office",
        "company",
        "vendor",
        "billing",
        "modified",
    }
)
"""Words of headers whose phones and e-mails are not those of the lead."""


def is_of_somebody_else(header: str) -> bool:
    """Whether a header that is not known seems to name another person or machine than the lead."""
    return not _SOMEBODY_ELSE.isdisjoint(re.findall(r"[^\W_]+", header.casefold()))
