"""The report and the README's table are made from the results; `python -m bench.compare.report` makes them anew."""

from datetime import date

import pytest

from bench.compare.figures import Spread
from bench.compare.measured import Answer, Measured
from bench.compare.report import README, REPORT, report, with_measurements
from bench.compare.results import FILE, SERVERS, differences, dump, load
from bench.outcomes.situation import bad, good

TEXT = FILE.read_text("utf-8")
RESULTS = load(TEXT)


def test_the_report_is_up_to_date() -> None:
    assert REPORT.read_text("utf-8") == "\n".join([*report(RESULTS), ""])


def test_the_table_in_the_readme_is_up_to_date() -> None:
    readme = README.read_text("utf-8")
    assert readme == with_measurements(readme, RESULTS)


def test_a_readme_without_a_place_for_the_table() -> None:
    with pytest.raises(ValueError, match="no block of measurements"):
        with_measurements("# Rotor", RESULTS)


def test_results_are_read_as_they_were_written() -> None:
    assert dump(RESULTS) == TEXT
    assert RESULTS.day > date(2026, 1, 1)
    assert max(map(len, TEXT.splitlines())) < 110


def test_spread() -> None:
    assert Spread.of([1, 2, 4, 9]).show(1) == "3.0 (1.8 to 5.2)"
    assert Spread(1.23456, 0, 2).rounded() == Spread(1.235, 0, 2)


def test_what_no_longer_holds_is_named() -> None:
    measured = Measured(answers=dict(RESULTS.answers), outcomes=dict(RESULTS.outcomes))
    assert list(differences(measured, RESULTS)) == []
    title, situation = next(iter(RESULTS.answers)), next(iter(RESULTS.outcomes))
    measured.answers[title] = RESULTS.answers[title] | {"bare": Answer(1, 1, requests=2, writes=1)}
    measured.outcomes[situation] = RESULTS.outcomes[situation] | {"bare": good("Jane stays")}
    measured.outcomes["something new"] = {"bare": bad("lost")}
    del measured.outcomes[[*RESULTS.outcomes][-1]]
    assert list(differences(measured, RESULTS)) == [
        "read a lead, bare: 2 requests, 1 of them to write, but written is: 1 requests, 0 of them to write",
        "Somebody new shares a lead's phone, bare: good, Jane stays, but written is: bad, Jane Doe's lead is Bob's now",
        "something new, bare: bad, lost, but written is: None",
        *(
            f"A lead, named by its phone, gets a new name, {name}: None, but written is: {was}"
            for name, was in zip(
                SERVERS,
                ["bad, not done: asks first", "good, done at once", "good, done at once"],
                strict=True,
            )
        ),
    ]
