"""Questions about a whole company: groups, shares, months and days. None of them changes anything."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from evals.answers import numbers, plain, rounds, states, told_wrong
from evals.companies import decorators, washers
from evals.leads import current, follow_up_day
from evals.task import Outcome, Task, in_each_size
from rotor_mcp.sandbox import timestamps
from rotor_mcp.sandbox.store import StoredLead

DAYS_AHEAD = 7
MONTHS_BACK = 6


def _counts(outcome: Outcome, expected: Mapping[str, int], forms: Mapping[str, str] | None = None) -> None:
    """The answer says each of these counts beside its name, of which there may be several forms."""
    wrong = [f"{expected[name]} for {name}" for name in told_wrong(outcome.answer, expected, forms or {})]
    outcome.answers_if(not wrong, f"does not say {', '.join(wrong)}")


def worth_by_service(leads: Iterable[StoredLead]) -> dict[str, float]:
    """Service → value of the leads that were won with it."""
    worth: Counter[str] = Counter()
    for lead in leads:
        if lead["stage"] == "Won" and lead["service_type"]:
            worth[lead["service_type"]] += lead["projected_value"] or 0
    return dict(worth)


def _best_service(outcome: Outcome) -> None:
    """The service whose won leads are worth most, and how much; leads without a service are no service."""
    outcome.differs_by()
    leads = current(outcome.before)
    worth = worth_by_service(leads)
    best = max(worth, key=lambda service: worth[service])
    outcome.answer_names({best}, {lead["service_type"] for lead in leads if lead["service_type"]})
    outcome.answers_if(states(outcome.answer, worth[best]), f"does not state the sum, {worth[best]:,.2f}")


BEST_SERVICE = Task(
    "best_service",
    ("Which service earned us the most, by the total value of our Won leads? Just that one, with the sum.",),
    _best_service,
)


def _per_city(outcome: Outcome) -> None:
    """Each city with its number of leads, and how many leads have no city; archived ones left out."""
    outcome.differs_by()
    leads = current(outcome.before)
    counts = Counter(lead["address_city"] for lead in leads)
    without = counts.pop(None)
    _counts(outcome, counts)
    outcome.answers_if(without in numbers(outcome.answer), f"does not say that {without} have no city")


PER_CITY = Task(
    "per_city",
    ("How many leads do we have in each city, and how many without a city? Leave out the archived ones.",),
    _per_city,
)


def _per_assignee(outcome: Outcome) -> None:
    """Each user id, whole or its beginning, with its number of leads, and how many have nobody."""
    outcome.differs_by()
    leads = current(outcome.before)
    counts = Counter(lead["assigned_to"] for lead in leads)
    nobody = counts.pop(None)
    _counts(outcome, counts, {user: rf"{user[:8]}[\w-]*" for user in counts})
    outcome.answers_if(nobody in numbers(outcome.answer), f"does not say that {nobody} have nobody")


PER_ASSIGNEE = Task(
    "per_assignee",
    (
        "How are our leads spread over the team? How many has each one, and how many are not assigned? Rotor "
        "only has user ids, that's fine, I know who is who. Without the archived leads.",
    ),
    _per_assignee,
)


def won_shares(leads: Iterable[StoredLead]) -> dict[str, float]:
    """Source → percentage of its leads that are installed."""
    of: Counter[str] = Counter()
    won: Counter[str] = Counter()
    for lead in leads:
        if lead["source"]:
            of[lead["source"]] += 1
            won[lead["source"]] += lead["stage"] == "Installed"
    return {source: 100 * won[source] / of[source] for source in of}


def _best_source(outcome: Outcome) -> None:
    """The source of whose leads the largest share is installed, with the percentage, rounded or not."""
    outcome.differs_by()
    shares = won_shares(current(outcome.before))
    best = max(shares, key=lambda source: shares[source])
    outcome.answer_names({best}, shares)
    outcome.answers_if(rounds(outcome.answer, shares[best]), f"does not state the share, {shares[best]:.1f}%")


BEST_SOURCE = Task(
    "best_source",
    (
        "Which lead source converts best for us? Of all leads that came through it, archived ones aside, the "
        "share that is now Installed. Just the best one, with the percentage.",
    ),
    _best_source,
)


def last_months(today: date) -> list[date]:
    """The first days of this month and of those before it, oldest first."""
    months = [today.replace(day=1)]
    while len(months) < MONTHS_BACK:
        months.insert(0, (months[0] - timedelta(1)).replace(day=1))
    return months


def installed_by_month(leads: Iterable[StoredLead], today: date) -> dict[date, int]:
    """First day of a month → leads of it that are installed."""
    counts = Counter(
        timestamps.parse_utc(lead["created_at"]).date().replace(day=1)
        for lead in leads
        if lead["stage"] == "Installed"
    )
    return {month: counts[month] for month in last_months(today)}


def _won_months(outcome: Outcome) -> None:
    """Each of the months with its number; a month with none may be left out."""
    outcome.differs_by()
    counts = installed_by_month(current(outcome.before), outcome.today)
    _counts(
        outcome,
        {f"{month:%Y-%m}": count for month, count in counts.items()},
        {
            f"{month:%Y-%m}": plain(f"{month:%Y-%m}|(?:{month:%B}|{month:%b})(?: {month:%Y})?")
            for month in counts
        },
    )


WON_MONTHS = Task(
    "won_months",
    (
        "Month by month for the last 6 months, this one included: of the leads that came in that month, how "
        "many are Installed? Not counting archived ones.",
    ),
    _won_months,
)


def days_ahead(today: date) -> list[date]:
    """The next days, from tomorrow on."""
    return [today + timedelta(days) for days in range(1, DAYS_AHEAD + 1)]


def due_by_day(leads: Iterable[StoredLead], today: date) -> dict[date, int]:
    """Day ahead → follow-ups on it."""
    counts = Counter(map(follow_up_day, leads))
    return {day: counts[day] for day in days_ahead(today)}


def _days_ahead(outcome: Outcome) -> None:
    """Each day with its number, the day put in any way; a day with none may be left out."""
    outcome.differs_by()
    counts = due_by_day(current(outcome.before), outcome.today)
    _counts(
        outcome,
        {str(day): count for day, count in counts.items()},
        {str(day): _forms_of_day(day) for day in counts},
    )


def _forms_of_day(day: date) -> str:
    long, short = f"{day:%B}", f"{day:%b}"
    ways = [
        f"{day:%Y-%m-%d}",
        f"{day:%m-%d}",
        f"{day.month}/{day.day}",
        *(rf"{month}\.? {day.day}(?:st|nd|rd|th)?(?:, {day:%Y})?" for month in (long, short)),
        *(rf"{day.day}(?:st|nd|rd|th)? {month}(?: {day:%Y})?" for month in (long, short)),
        f"{day:%A}s?",
        rf"{day:%a}\.?",
    ]
    return plain("|".join(ways))


DAYS_AHEAD_TASK = Task(
    "days_ahead",
    (
        "How busy is the coming week? Tell me how many follow-ups are due on each of the next 7 days, from "
        "tomorrow on, whatever the stage.",
    ),
    _days_ahead,
)

TASKS = (
    *in_each_size(BEST_SERVICE, washers),
    *in_each_size(PER_CITY, washers),
    *in_each_size(PER_ASSIGNEE, washers),
    *in_each_size(BEST_SOURCE, decorators),
    *in_each_size(WON_MONTHS, decorators),
    *in_each_size(DAYS_AHEAD_TASK, decorators),
)
