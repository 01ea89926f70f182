"""What is made of the results: the report and the pictures."""

from pathlib import Path

from bench.compare.report import report
from bench.compare.results import Results
from bench.pictures.bars import times, tokens
from bench.pictures.tables import outcomes, requests

HERE = Path(__file__).parent
REPORT = HERE.parent / "RESULTS.md"
PICTURES = (outcomes, tokens, requests, times)


def made(results: Results) -> dict[Path, str]:
    """File → what belongs into it."""
    pictures = {HERE / f"{draw.__name__}.svg": draw(results) for draw in PICTURES}
    return {REPORT: "\n".join([*report(results), ""]), **pictures}


def write(results: Results) -> None:
    """Write all of it."""
    for file, content in made(results).items():
        file.write_text(content, "utf-8")
