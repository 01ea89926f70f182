"""The companies in which tasks take place: the samples, and two of our own invention in several sizes.

The invented ones have other stages, sources and places than the samples. Some of their leads are placed for
the tasks; all others are drawn at random from a seed. All persons are fictitious, with phones of the range
555-01xx and e-mail addresses of the domains reserved for examples.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from random import Random
from typing import Any, TypeVar

from evals.leads import phone_digits
from rotor_mcp.sandbox import timestamps
from rotor_mcp.sandbox.sample_leads import sample_leads
from rotor_mcp.sandbox.store import FIELDS, StoredLead

SIZES = (160, 2_400)
"""Leads of an invented company: a page of Rotor's list, and three of them."""


@dataclass(frozen=True)
class Company:
    """Where a task takes place."""

    business: str
    """What its owner has, as the model is told."""
    leads: Callable[[date], Sequence[StoredLead]]
    """Its leads on a day."""


SAMPLES = Company("a window-cleaning company", partial(sample_leads, number=150))

_Value = TypeVar("_Value")

Placed = dict[str, Any]
"""Fields of a lead that are not drawn at random."""


@dataclass(frozen=True)
class _Trade:
    """What the leads of an invented company are drawn from."""

    seed: int
    placed: Callable[[date], Iterator[Placed]]
    """Leads that are there in any size, the oldest first; the tasks are about them."""
    open_stages: tuple[str, ...]
    won: str
    lost: str
    sources: Mapping[str, float]
    """Source → the share of its leads that are won."""
    services: Mapping[str, tuple[int, float]]
    """Service → how often it is wanted, and its usual price."""
    always_valued: frozenset[str]
    """Stages in which every lead has a value, unless it is placed."""
    cities: tuple[str, ...]
    state: str
    country: str
    area_codes: str
    users: tuple[str, ...]


_FIRST_NAMES = (
    "Agnes Albert Bianca Bruno Clara Conrad Daphne Dmitri Edith Emil Farah Felix Greta Gustav Hanna Hugo Ivy "
    "Ivan Joan Jonas Kira Klaus Lena Lionel Mabel Milo Nadia Nils Opal Otto Petra Phil Queenie Ralph Ramona "
    "Simon Stella Theo Thelma Ugo Ursula Vera Vince Wanda Warren Yara Yusuf Zelda"
)
_LAST_NAMES = (
    "Abbott Archer Barlow Bauer Calloway Crane Dalton Draper Ellison Engel Farrow Finch Gallo Graves Hale "
    "Hobbs Inman Irving Jarvis Joyce Keller Knox Lambert Lowe Mercer Moss Nash Noble Oakes Ortega Parish "
    "Pruitt Quigley Ramsey Rowe Salazar Sharp Tate Thorne Upton Usher Valdez Vaughn Walsh Ward Yates Yoder "
    "Zapata Ziegler Stokes Bridges Camden Dorsey Everett Fleming"
)
_PHONE_FORMS = ("({0}) 555-{1:04}", "{0}-555-{1:04}", "{0}555{1:04}", "+1 {0} 555 {1:04}", "{0}.555.{1:04}")
_NOTES = (
    "Prefers texts.\nGate on the left side.",
    "Asked what it costs for two storeys.",
    "Wants to decide with the neighbors.\nCall again after the weekend.",
    "Sent photos by e-mail.",
)
_TAGS = ("Website", "commercial", "repeat customer", "plan: yearly", "HOA")
_MOMENTS = (time(17), time(0), time(23, 59, 59), time(0, 0, 1), time(12, 30))
"""Times of day of follow-ups; midnight stands for a day without a time."""
_DAYS = 548
"""Age of the oldest leads: 18 months."""
_SECOND_ENTRY = 200
"""Of so many leads one was entered a second time, beside those that are placed."""


def _at(today: date, days: int, moment: time = time(17)) -> str:
    return timestamps.format_utc(datetime.combine(today + timedelta(days), moment, UTC))


def _draw(trade: _Trade, number: int, today: date) -> Sequence[StoredLead]:
    """Return the leads of a company, oldest first. A smaller number gives a subset."""
    rng = Random(trade.seed)  # noqa: S311 - a seed, not a secret
    placed = list(trade.placed(today))
    names = [(first, last) for first in _FIRST_NAMES.split() for last in _LAST_NAMES.split()]
    rng.shuffle(names)
    taken = {phone_digits(lead["phone"]) for lead in placed if lead.get("phone")}
    phones = [(area, line) for area in trade.area_codes.split() for line in range(100, 200)]
    phones = [(area, line) for area, line in phones if f"{area}555{line:04}" not in taken]
    rng.shuffle(phones)
    leads: list[StoredLead] = []
    for position in range(number):
        lead = _random_lead(rng, trade, today, names.pop(), phones)
        if position < len(placed):
            lead |= {"archived_at": None, "created_at": _at(today, -400 + 4 * position)} | placed[position]
        elif position % _SECOND_ENTRY == _SECOND_ENTRY - 1:
            twin = next(lead for lead in reversed(leads) if lead["phone"] and not lead["archived_at"])
            first, last = str(twin["name"]).split()
            area, line = twin["phone_parts"]
            lead |= {
                "name": f"{first[0]}. {last}",
                "phone": f"1-{area}-555-{line:04}",
                "email": None,
                "archived_at": None,
            }
        leads.append(lead)
    for lead in leads:
        del lead["phone_parts"]
    return sorted(leads, key=lambda lead: str(lead["created_at"]))


def _random_lead(
    rng: Random, trade: _Trade, today: date, name: tuple[str, str], phones: list[tuple[str, int]]
) -> StoredLead:
    days_old = 1 + int((_DAYS - 1) * rng.random() ** 1.5)
    source = _or_none(rng, 0.93, rng.choice(list(trade.sources)))
    stage = _stage(rng, trade, trade.sources.get(source or "", 0.2))
    service = rng.choices(list(trade.services), [often for often, _ in trade.services.values()])[0]
    price = round(trade.services[service][1] * rng.uniform(0.6, 1.8), rng.choice((0, 0, 2)))
    valued = stage in trade.always_valued or rng.random() < 0.8
    followed_up = rng.random() < (0.1 if stage in (trade.won, trade.lost) else 0.6)
    phone = phones.pop() if phones and rng.random() < 0.75 else None
    first, last = name
    domain = rng.choice(("example.com", "example.org", "example.net"))
    lead = dict.fromkeys(FIELDS) | {
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "name": f"{first} {last}",
        "stage": stage,
        "source": source,
        "service_type": _or_none(rng, 0.9, service),
        "priority": _or_none(rng, 0.6, rng.choice(("low", "medium", "high"))),
        "projected_value": (0 if rng.random() < 0.05 else price) if valued else None,
        "assigned_to": _or_none(rng, 0.7, rng.choice(trade.users)),
        "tags": rng.sample(_TAGS, rng.choice((0, 0, 1, 2))),
        "notes": _or_none(rng, 0.5, rng.choice(_NOTES)),
        "email": _or_none(rng, 0.6, f"{first}.{last}@{domain}".lower()),
        "phone": rng.choice(_PHONE_FORMS).format(*phone) if phone else None,
        "phone_parts": phone,
        "created_at": _at(today, -days_old, time(rng.randint(13, 23), rng.randint(0, 59))),
        "follow_up_date": _at(today, rng.randint(-30, 30), rng.choice(_MOMENTS)) if followed_up else None,
        "archived_at": _at(today, -rng.randint(1, 50)) if days_old > 60 and rng.random() < 0.1 else None,
    }
    if rng.random() < 0.85:
        lead |= {
            "address_street1": f"{rng.randint(10, 9_900)} {rng.choice(('Oak', 'King', 'River'))} Street",
            "address_city": rng.choice(trade.cities),
            "address_state": trade.state,
            "address_country": trade.country,
        }
    return lead


def _stage(rng: Random, trade: _Trade, won: float) -> str | None:
    share = rng.random()
    if share < won:
        return trade.won
    if share < won + 0.2:
        return trade.lost
    return _or_none(rng, 0.95, rng.choice(trade.open_stages))


def _or_none(rng: Random, chance: float, value: _Value) -> _Value | None:
    return value if rng.random() < chance else None


# Exterior cleaning in Texas

WAITING = "Waiting on HOA"
"""A stage of the washers for which leads are placed only."""
WHITLOCK_PHONE = "512.555.0171"


def _placed_with_washers(today: date) -> Iterator[Placed]:
    yield {
        "name": "Paul Whitlock",
        "phone": WHITLOCK_PHONE,
        "email": "whitlocks@example.net",
        "stage": "Won",
        "service_type": "House wash",
        "notes": "Pays by check.",
    }
    yield {"name": "Nora Whitlock", "phone": "(737) 555-0172", "email": None, "stage": "Estimate sent"}
    waiting: list[tuple[int, time]] = [
        *((-days, time(17)) for days in (2, 3, 3, 5, 8, 9, 12, 13, 20, 21, 34, 40, 55)),
        (-1, time(23, 59, 59)),
        (-1, time(0)),
        (-2, time(0, 0, 1)),
        (-7, time(0)),
        (-90, time(12)),
        # Not overdue.
        *((0, moment) for moment in (time(0), time(0, 0, 1), time(23, 59, 59))),
        *((days, time(17)) for days in (1, 8, 15, 30)),
    ]
    for position, (days, moment) in enumerate(waiting):
        lead: Placed = {"stage": WAITING, "follow_up_date": _at(today, days, moment)}
        if position in (3, 11):  # two ids that have their first eight characters in common
            lead["id"] = f"5eaf00d5-{position:04x}-4a11-8c3e-0c1d2e3f4a5b"
        yield lead
    yield from ({"stage": WAITING, "follow_up_date": None} for _ in range(3))
    yield {"stage": WAITING, "follow_up_date": _at(today, -60), "archived_at": _at(today, -50)}


_WASHERS = _Trade(
    seed=512_555_0100,
    placed=_placed_with_washers,
    open_stages=("New Leads", "Contacted", "Site visit", "Estimate sent"),
    won="Won",
    lost="Lost",
    sources={
        "Google ads": 0.2,
        "Yard signs": 0.25,
        "Facebook": 0.15,
        "Word of mouth": 0.4,
        "Home advisor": 0.1,
    },
    services={
        "Window cleaning": (5, 280),
        "House wash": (4, 420),
        "Gutter cleaning": (4, 190),
        "Concrete, driveways and patios": (2, 350),
        "Roof cleaning": (3, 1_650),
        "Solar panels": (1, 240),
    },
    always_valued=frozenset({"Estimate sent"}),
    cities=(
        "Austin",
        "Round Rock",
        "Georgetown",
        "Cedar Park",
        "Leander",
        "Pflugerville",
        "Kyle",
        "Buda",
        "Lakeway",
    ),
    state="TX",
    country="US",
    area_codes="512 737 214 469 972 817 682 713 281 832 346 210 726 361 254 903 940 936 979 409 806 915",
    users=(
        "3f6d1a52-77c0-4c1e-9b0a-1d5e8f2a6b01",
        "a94e07c8-12bd-4f63-8e55-2c7b9d0e4f02",
        "d2b85e19-6a3f-4d97-b1c4-3e8fa07c5d03",
    ),
)

# Holiday lights in Ontario

SHOW = "Home show"
"""A source of the decorators for which leads are placed only."""
DENISE_PHONE = "(905) 555-0144"


def _placed_with_decorators(today: date) -> Iterator[Placed]:
    # In there twice, in all the ways in which that happens.
    for name, phone, email in (
        # One phone in two spellings, one e-mail in two.
        ("Oliver Tremblay", "(416) 555-0123", "oliver.t@example.com"),
        ("Ollie Tremblay", "+1 416.555.0123", None),
        ("Grace Okonkwo", None, "grace.okonkwo@example.org"),
        ("Mrs. Okonkwo", "647-555-0124", "Grace.Okonkwo@Example.org"),
        # The first and the last have nothing in common but the one between them.
        ("Bill Sauvé", "519-555-0125", None),
        ("William Sauvé", "5195550125", "the.sauves@example.net"),
        ("Sauvé Family", "(613) 555-0126", "THE.SAUVES@example.net"),
        # Two people with one phone.
        ("Ines Duarte", "289-555-0127", "ines@example.com"),
        ("Marco Duarte", "289 555 0127", "marco@example.com"),
        # Somebody who has another name now.
        ("Leah Brandt", "(705) 555-0128", "leah.b@example.com"),
        ("Leah Fontaine", "(705) 555-0128", "leah.b@example.com"),
        ("Wes Whelan", "1 (343) 555-0129", None),
        ("Wes Whelan", "343-555-0129", "wes@example.org"),
        ("Wesley Whelan", "343.555.0129", None),
    ):
        yield {"name": name, "phone": phone, "email": email}
    yield {"name": "Ruth Vickers", "phone": "226-555-0130", "email": None}
    yield {
        "name": "R. Vickers",
        "phone": "(226) 555-0130",
        "email": None,
        "stage": "Installed",
        "archived_at": _at(today, -20),
    }
    # Two people of one name.
    yield {"name": "Denise Kowalczyk", "phone": DENISE_PHONE, "email": "denise.k@example.com"}
    yield {"name": "Denise Kowalczyk", "phone": "365-555-0145", "email": None, "stage": "Quoted"}
    for number in range(9):
        yield {
            "stage": "Quoted",
            "projected_value": None,
            "priority": ("high", None)[number % 2],
            "source": None,
        }
    yield {"stage": "Quoted", "projected_value": 0}
    yield {"stage": "Quoted", "projected_value": None, "archived_at": _at(today, -9)}
    for priority in (*[None] * 14, "high", "medium", "low", "low"):
        yield {"source": SHOW, "priority": priority}
    yield {"source": SHOW, "priority": None, "archived_at": _at(today, -9)}
    # At the ends of two months.
    this_month = today.replace(day=1)
    last_month = (this_month - timedelta(1)).replace(day=1)
    for first in (last_month, (last_month - timedelta(1)).replace(day=1)):
        for days, moment in ((0, time(0)), (-1, time(23, 59, 59))):
            yield {"stage": "Installed", "created_at": _at(first, days, moment)}


_DECORATORS = _Trade(
    seed=416_555_0100,
    placed=_placed_with_decorators,
    open_stages=("New inquiry", "Site visit", "Quoted", "Booked"),
    won="Installed",
    lost="Not this year",
    sources={
        "Instagram": 0.2,
        "Lawn signs": 0.25,
        "Referral": 0.6,
        "Google": 0.3,
        "Flyers": 0.1,
    },
    services={
        "Roofline lights": (5, 900),
        "Trees and shrubs": (3, 350),
        "Permanent lights": (2, 3_400),
        "Takedown and storage": (2, 220),
    },
    always_valued=frozenset({"Quoted"}),
    cities=("Toronto", "Hamilton", "Oakville", "Guelph", "Barrie", "Kingston", "Ottawa"),
    state="ON",
    country="Canada",
    area_codes="416 647 437 905 289 365 519 226 548 613 343 705 249 807 683 742 753 942 382",
    users=("5c2e9a07-4b1d-4e86-a3f2-6d0b7c8e1f01", "e81f3b64-0d5a-4972-bc18-7a4e2f9d3c02"),
)


@cache
def washers(number: int) -> Company:
    """Exterior cleaning in Texas, with so many leads."""
    return Company("an exterior cleaning company", cache(partial(_draw, _WASHERS, number)))


@cache
def decorators(number: int) -> Company:
    """Holiday lights in Ontario, with so many leads."""
    return Company("a company that installs holiday lights", cache(partial(_draw, _DECORATORS, number)))
