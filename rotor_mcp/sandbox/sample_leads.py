"""Generates sample leads: a year of a window-cleaning company. They depend only on the date."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from random import Random
from typing import Any

from rotor_mcp.sandbox import timestamps
from rotor_mcp.sandbox.edge_cases import EDGE_CASES, Sample
from rotor_mcp.sandbox.store import FIELDS, StoredLead

_SEED = 763_555_0100

# Whitfield is left out: demos create Dana Whitfield, who must not exist before. Jane Doe is an edge case.
_FIRST_NAMES = (
    "Aaron Abby Ben Brenda Carlos Carol Derek Diane Ed Elena Frank Gina Hank Irene Jake Judy Keith Kim Leo "
    "Linda Marcus Megan Nate Olga Omar Pam Quinn Rosa Scott Tina Uma Victor Wendy Xavier Yolanda Zach"
)
_LAST_NAMES = (
    "Adams Baker Cole Dahl Erickson Fisher Gupta Hansen Ibarra Johnson Kowalski Larson Miller Nelson Okafor "
    "Peterson Quist Ramirez Schmidt Thao Ueda Vang Weber Xiong Young Zimmer"
)
_STREETS = ("Maple", "Cedar", "Elm", "Lake", "Park", "Hill", "Church", "Mill", "Prairie", "Meadow")
_STREET_KINDS = ("Street", "Avenue", "Lane", "Road", "Drive", "Court")

# City, state, ZIP, country, area code, latitude, longitude.
_PLACES = (
    ("Delano", "MN", "55328", "US", "763", 45.04, -93.79),
    ("Buffalo", "MN", "55313", "USA", "763", 45.17, -93.87),
    ("Minneapolis", "MN", "55407", "US", "612", 44.94, -93.25),
    ("St. Paul", "MN", "55105", "US", "651", 44.94, -93.16),
    ("Wayzata", "MN", "55391", "US", "952", 44.97, -93.51),
    ("Hudson", "WI", "54016", "USA", "715", 44.97, -92.76),
    ("Madison", "WI", "53703", "US", "608", 43.07, -89.38),
    ("Denver", "CO", "80206", "US", "303", 39.73, -104.95),
    ("Austin", "TX", "78704", "USA", "512", 30.24, -97.77),
    ("Hamilton", "ON", "L8P 1A1", "Canada", "905", 43.25, -79.87),
)
_PHONE_FORMS = ("({0}) 555-{1:04}", "{0}-555-{1:04}", "{0}555{1:04}", "+1 ({0}) 555-{1:04}")

# Service and its usual price.
_SERVICES = (
    ("Window Cleaning", 299),
    ("Gutter Cleaning", 189),
    ("Pressure Washing", 349),
    ("House Washing", 425),
    ("Screen Cleaning", 99),
    ("Christmas Light Installation", 850),
    ("Permanent LED Lighting", 3_200),
    ("Window Cleaning, Gutter Cleaning", 459),
    ("House Washing, Pressure Washing", 640),
)
_SOURCES = ("Website quote form", "Referral Program", "Meta ads", "Google ads", "Door-to-door", "Nextdoor")
_TAGS = ("Website", "exact-quote", "plan: quarterly", "plan: yearly", "Referral", "Holiday lights")
_USERS = ("0d0ad6b7-9a5c-4bb5-8e52-5f3c1a6e7d01", "7be4c1f2-33a8-4e0f-9d7e-a1b2c3d4e502")
_NOTES = (
    "Two-story house, about 24 windows.\nHas a dog, please text first.",
    "Wants a yearly plan.\nAsked for a discount for neighbors.\nCall after 5 pm.",
    "Left a voicemail on Monday.\nNo answer yet.",
    "Quote sent by e-mail.\n- outside only\n- screens extra\n- gutter guards on the north side",
    "Hard water stains on the south side.",
)


def sample_leads(today: date, number: int) -> list[StoredLead]:
    """Return sample leads, oldest first; a smaller number gives a subset.

    Ages and follow-ups are relative to `today`, and every lead is older than its midnight in UTC.
    """
    rng = Random(_SEED)
    samples = _samples(rng)
    leads = [_lead(next(samples), today, rng) for _ in range(number)]
    return sorted(leads, key=lambda lead: str(lead["created_at"]))


def _samples(rng: Random) -> Iterator[Sample]:
    yield from EDGE_CASES
    used_numbers = {str(sample.fields.get("phone"))[-4:] for sample in EDGE_CASES}
    # 0142 is Dana Whitfield's.
    free_numbers = [number for number in range(100, 200) if f"{number:04}" not in used_numbers | {"0142"}]
    areas = sorted({place[4] for place in _PLACES})
    phone_numbers = [(area, number) for area in areas for number in free_numbers]
    rng.shuffle(phone_numbers)
    for position in count(1):
        yield _random_sample(rng, position, phone_numbers)


def _random_sample(rng: Random, position: int, phone_numbers: list[tuple[str, int]]) -> Sample:
    """Return a random lead, with some fields missing."""
    first, last = rng.choice(_FIRST_NAMES.split()), rng.choice(_LAST_NAMES.split())
    service, price = rng.choice(_SERVICES)
    days_old = position if position <= 4 else 1 + int(364 * rng.random() ** 2)
    fields: dict[str, Any] = {
        "name": f"{first} {last}",
        "stage": _stage(rng, days_old),
        "source": _or_none(rng, 0.9, rng.choice(_SOURCES)),
        "service_type": _or_none(rng, 0.9, service),
        "priority": _or_none(rng, 0.7, rng.choice(("low", "medium", "high"))),
        "projected_value": _or_none(rng, 0.75, price + rng.choice((0, 0, 50, 120, 0.5))),
        "tags": rng.sample(_TAGS, rng.choice((0, 1, 1, 2))),
        "notes": _or_none(rng, 0.6, rng.choice(_NOTES)),
        "assigned_to": _or_none(rng, 0.6, rng.choice(_USERS)),
        "value_score": _or_none(rng, 0.5, rng.randint(1, 100)),
    }
    if rng.random() < 0.85 and phone_numbers:
        area, number = phone_numbers.pop()
        fields["phone"] = rng.choice(_PHONE_FORMS).format(area, number)
    if rng.random() < 0.7:
        domain = rng.choice(("example.com", "example.org", "example.net"))
        fields["email"] = f"{first}.{last}{position}@{domain}".lower()
    if rng.random() < 0.8:
        fields |= _address(rng)
    follow_up_in = None
    if rng.random() < 0.55:
        follow_up_in = max(rng.choice((-14, -5, -2, -1, 0, 0, 1, 3, 7, 21, 60)), 1 - days_old)
    archived_ago = rng.randint(1, days_old - 1) if days_old > 60 and rng.random() < 0.09 else None
    return Sample(days_old, fields, follow_up_in, archived_ago)


def _stage(rng: Random, days_old: int) -> str | None:
    if days_old <= 4:
        return "New Leads"
    return rng.choice(
        ("New Leads", "Contacted", "Contacted", "Quoted", "Quoted", "Scheduled", "Won", "Lost", None)
    )


def _address(rng: Random) -> dict[str, Any]:
    city, state, zip_code, country, _, latitude, longitude = rng.choice(_PLACES)
    return {
        "address_street1": f"{rng.randint(10, 9_900)} {rng.choice(_STREETS)} {rng.choice(_STREET_KINDS)}",
        "address_street2": _or_none(rng, 0.15, f"Unit {rng.randint(1, 40)}"),
        "address_city": city,
        "address_state": state,
        "address_zip": zip_code,
        "address_country": country,
        "location": [
            round(latitude + rng.uniform(-0.02, 0.02), 5),
            round(longitude + rng.uniform(-0.02, 0.02), 5),
        ],
    }


def _or_none(rng: Random, chance: float, value: Any) -> Any:
    return value if rng.random() < chance else None


def _lead(sample: Sample, today: date, rng: Random) -> StoredLead:
    """Return the stored lead of a sample. It is created at daytime in America: from 13:00 to 24:00 UTC."""

    def at(days_from_today: int, moment: time) -> str:
        return timestamps.format_utc(datetime.combine(today + timedelta(days_from_today), moment, UTC))

    created = time(rng.randint(13, 23), rng.randint(0, 59), rng.randint(0, 59))
    return (
        dict.fromkeys(FIELDS)
        | {
            "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "tags": [],
            "created_at": at(-sample.days_old, created),
            "follow_up_date": None if sample.follow_up_in is None else at(sample.follow_up_in, time(17)),
            "archived_at": None if sample.archived_ago is None else at(-sample.archived_ago, time(20)),
        }
        | sample.fields
    )
