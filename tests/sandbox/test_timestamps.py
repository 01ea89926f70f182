from datetime import UTC, datetime, timedelta, timezone

import pytest

from rotor_mcp.sandbox import timestamps


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-12-01", "2026-12-01T00:00:00Z"),
        ("2026-12-01T15:30:00Z", "2026-12-01T15:30:00Z"),
        ("2026-12-01t15:30:00z", "2026-12-01T15:30:00Z"),
        ("2026-12-01T09:30:00-06:00", "2026-12-01T15:30:00Z"),
        ("2026-12-01T23:30:00-06:00", "2026-12-02T05:30:00Z"),
        ("2026-12-01T15:30:00.000Z", "2026-12-01T15:30:00Z"),
        ("2026-12-01T15:30:00.25Z", "2026-12-01T15:30:00.250000Z"),
        ("0001-01-01", "0001-01-01T00:00:00Z"),
    ],
)
def test_dates_and_date_times_are_stored_in_utc(sent: str, stored: str) -> None:
    assert timestamps.format_utc(timestamps.parse_utc(sent)) == stored


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "tomorrow",
        "2026-13-01",
        "2026-02-29",
        "20261201",
        "2026-W49-2",
        "12/01/2026",
        "2026-12-01T15:30",
        "2026-12-01T15:30:00",
        "2026-12-01 15:30:00Z",
        "2026-12-01T25:00:00Z",
        "2026-12-01T15:30:00+99:00",
        "0001-01-01T00:00:00+01:00",
        "2026-12-01\n",
        "२०२६-१२-०१",
    ],
)
def test_other_forms_are_refused(sent: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever words
        timestamps.parse_utc(sent)


def test_instants_are_written_in_utc() -> None:
    chicago = timezone(timedelta(hours=-6))
    assert timestamps.format_utc(datetime(2026, 11, 22, 12, tzinfo=chicago)) == "2026-11-22T18:00:00Z"
    assert timestamps.format_utc(datetime(2026, 11, 22, 12, 0, 1, 5, UTC)) == "2026-11-22T12:00:01.000005Z"
