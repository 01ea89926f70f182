"""The report and the pictures are made from the results; `python -m bench.pictures` makes them anew."""

import re
from datetime import date
from xml.etree import ElementTree

import pytest

from bench.compare.figures import Spread
from bench.compare.measured import Answer, Measured
from bench.compare.results import FILE, SERVERS, differences, dump, load
from bench.outcomes.situation import bad, good
from bench.pictures.drawing import WIDTH, wrapped
from bench.pictures.pages import PICTURES, made

TEXT = FILE.read_text("utf-8")
RESULTS = load(TEXT)
SVG = "{http://www.w3.org/2000/svg}"
"""Before the name of an element."""

drawn = pytest.mark.parametrize(
    "picture", [draw(RESULTS) for draw in PICTURES], ids=[draw.__name__ for draw in PICTURES]
)


def test_report_and_pictures_are_up_to_date() -> None:
    for file, content in made(RESULTS).items():
        assert file.read_text("utf-8") == content, f"{file.name}: run python -m bench.pictures"


def test_nothing_else_is_among_the_pictures() -> None:
    made_here = {file for file in made(RESULTS) if file.suffix == ".svg"}
    assert {*next(iter(made_here)).parent.glob("*.svg")} == made_here


def test_results_are_read_as_they_were_written() -> None:
    assert dump(RESULTS) == TEXT
    assert RESULTS.day > date(2026, 1, 1)
    assert max(map(len, TEXT.splitlines())) < 110


@drawn
def test_a_picture_says_what_it_shows(picture: str) -> None:
    root = ElementTree.fromstring(picture)
    assert root.get("role") == "img"
    title, description = root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")
    assert title
    assert description
    assert all(name in description for name in SERVERS)
    assert root.get("aria-labelledby") == "title description"
    assert "http" not in picture.replace('xmlns="http://www.w3.org/2000/svg"', "")


@drawn
def test_no_text_leaves_its_picture(picture: str) -> None:
    root = ElementTree.fromstring(picture)
    for text in root.iter(f"{SVG}text"):
        end = float(text.get("x", 0)) + 0.6 * float(text.get("font-size", 0)) * len(text.text or "")
        assert end < WIDTH, text.text


@drawn
def test_every_colour_has_a_light_and_a_dark_form(picture: str) -> None:
    root = ElementTree.fromstring(picture)
    light, dark = (root.findtext(f"{SVG}style") or "").split("@media (prefers-color-scheme: dark)")
    named = {name for element in root.iter() for name in element.get("class", "").split()}
    colours = named - {"stroke", "thin", "ring"}
    assert colours
    for name in colours:
        assert re.findall(rf"\.{name} {{ fill: (#\w+)", light) != re.findall(
            rf"\.{name} {{ fill: (#\w+)", dark
        )


def test_long_words_are_broken_between_them() -> None:
    assert wrapped("one lead, written once", 100) == ["one lead,", "written once"]
    assert wrapped("unbreakable", 10) == ["unbreakable"]
    assert wrapped("", 10) == [""]


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
