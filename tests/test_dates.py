from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rotor_mcp import dates

CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("2026-12-01", "2026-12-01T18:00:00Z"),
        ("2026-07-01", "2026-07-01T17:00:00Z"),  # summer time
        ("2026-12-01T09:30", "2026-12-01T15:30:00Z"),
        ("2026-12-01 09:30", "2026-12-01T15:30:00Z"),
        ("2026-12-01T09:30:00+01:00", "2026-12-01T08:30:00Z"),
        ("2026-12-01T09:30:00.250Z", "2026-12-01T09:30:00Z"),
        ("2026-12-01T00:00:00Z", "2026-12-01T18:00:00Z"),  # a day, as other programs write it
        ("2026-11-30T18:00:00-06:00", "2026-12-01T00:00:01Z"),
    ],
)
def test_what_is_sent(said: str, sent: str) -> None:
    assert dates.to_rotor(said, CHICAGO) == sent


@pytest.mark.parametrize(
    ("said", "before", "sent"),
    [
        ("2026-12-03", "2026-11-25T21:00:00Z", "2026-12-03T21:00:00Z"),  # it keeps 15:00
        ("2026-07-03", "2026-11-25T21:00:00Z", "2026-07-03T20:00:00Z"),  # 15:00 in summer, too
        ("2026-12-03", "2026-11-25T18:00:00Z", "2026-12-03T18:00:00Z"),
        ("2026-12-03", "2026-11-25T00:00:00Z", "2026-12-03T18:00:00Z"),  # a day has no time to keep
        ("2026-12-03", "2026-11-25T06:00:00Z", "2026-12-03T18:00:00Z"),
        ("2026-12-03", "2026-11-25", "2026-12-03T18:00:00Z"),
        ("2026-12-03", "soon", "2026-12-03T18:00:00Z"),
        ("2026-12-03T09:30", "2026-11-25T21:00:00Z", "2026-12-03T15:30:00Z"),
        ("2026-12-03T12:00", "2026-11-25T21:00:00Z", "2026-12-03T18:00:00Z"),
    ],
)
def test_a_date_keeps_the_time_of_day(said: str, before: str, sent: str) -> None:
    assert dates.to_rotor(said, CHICAGO, before) == sent


def test_a_time_on_midnight_utc_is_not_taken_for_a_day() -> None:
    sent = dates.to_rotor("2026-11-24T18:00", CHICAGO)
    assert sent == "2026-11-25T00:00:01Z"
    assert dates.show(sent, CHICAGO, dates.follow_up) == "2026-11-24 18:00"
    assert dates.to_rotor(sent, CHICAGO) == sent


@pytest.mark.parametrize(
    ("answered", "day"),
    [
        ("2026-11-25T00:00:00Z", "2026-11-25"),
        ("2026-11-25T00:00:00.000+00:00", "2026-11-25"),
        ("2026-11-25T00:00:00", "2026-11-25"),
        ("2026-11-24T18:00:00-06:00", "2026-11-25"),  # the same instant
        ("2026-11-25T06:00:00Z", "2026-11-25"),  # midnight in Chicago
        ("2026-11-25T00:00:01Z", "2026-11-24 18:00"),
        ("2026-11-25", "2026-11-25"),
    ],
)
def test_midnight_is_a_day_of_a_follow_up(answered: str, day: str) -> None:
    assert dates.show(answered, CHICAGO, dates.follow_up) == day


def test_midnight_is_an_instant_elsewhere() -> None:
    assert dates.show("2026-11-25T00:00:00Z", CHICAGO) == "2026-11-24 18:00"


def test_early_years_have_four_digits() -> None:
    assert dates.show("0412-03-01T18:00:00Z", UTC) == "0412-03-01 18:00"
    assert dates.show("0412-03-01", UTC) == "0412-03-01"


@pytest.mark.parametrize("said", ["tomorrow", "12/01/2026", "2026-13-01", "2026-12-01T25:00", ""])
def test_what_is_no_date(said: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        dates.parse(said)


@pytest.mark.parametrize(
    ("answered", "shown"),
    [
        ("2026-12-01T18:00:00Z", "2026-12-01"),  # noon in Chicago: a day
        ("2026-12-01T15:30:00.123Z", "2026-12-01 09:30"),
        ("2026-12-01T03:00:00+00:00", "2026-11-30 21:00"),
        ("2026-12-01T03:00:00", "2026-11-30 21:00"),  # without an offset it is taken for UTC
        ("2026-12-01", "2026-12-01"),
        ("soon", "soon"),
    ],
)
def test_what_is_shown(answered: str, shown: str) -> None:
    assert dates.show(answered, CHICAGO) == shown


def test_the_day_depends_on_the_zone() -> None:
    late = "2026-12-01T03:00:00Z"
    assert dates.day(late, CHICAGO) == date(2026, 11, 30)
    assert dates.day(late, UTC) == date(2026, 12, 1)
    assert dates.day("soon", UTC) is None


@given(
    st.dates(min_value=date(1900, 1, 2), max_value=date(2200, 1, 1)),
    st.integers(min_value=-11, max_value=11),
    st.integers(min_value=-11, max_value=11),
)
def test_a_date_is_the_same_day_wherever_it_is_read(day: date, sender: int, reader: int) -> None:
    sent = dates.to_rotor(str(day), timezone(timedelta(hours=sender)))
    difference = abs(sender - reader)
    if difference < 12:
        assert dates.day(sent, timezone(timedelta(hours=reader))) == day


@given(st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
@example(moment=datetime(2016, 3, 13, 2, fold=1))  # noqa: DTZ001
@example(moment=datetime(2016, 11, 6, 1, 30, fold=1))  # noqa: DTZ001
def test_an_instant_survives(moment: datetime) -> None:
    sent = dates.to_rotor(moment.isoformat(), CHICAGO)
    # Where clocks change, a text does not say which of two hours is meant: the first is taken.
    meant = moment.replace(microsecond=0, fold=0, tzinfo=CHICAGO).astimezone(UTC)
    assert datetime.fromisoformat(sent) - meant in (timedelta(), timedelta(seconds=1))
    assert (datetime.fromisoformat(sent) == meant) == (meant.time() != time.min)
