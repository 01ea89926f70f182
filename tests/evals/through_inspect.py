"""The scripts through inspect-ai, and what it makes of ends that are wrong: run with the environment of evals.

Not a test of pytest, because inspect-ai has an environment of its own; `.ci/clients` runs it.
"""

from datetime import date

from evals.scripted import failures, run
from evals.scripts import Script, ask
from rotor_mcp.sandbox.edge_cases import JANE_DOE_ID as JANE


def replaces_notes(_: date) -> Script:
    yield ask("upsert_lead", id=JANE, notes="The gate code is 4711.", replace_notes=True)
    yield "It stands in Jane Doe's notes."


def never_answers(_: date) -> Script:
    while True:
        yield ask("search_leads", search="Tom Becker")


def breaks_off(_: date) -> Script:
    yield ask("search_leads", search="Novak")
    raise ConnectionError("the model went away")


WRONG = {"gate_code": replaces_notes, "next_tuesday": never_answers, "delete": breaks_off}
EXPECTED = {
    "gate_code": "Jane Doe: notes is 'The gate code is 4711.', which is not right",
    "next_tuesday": "the conversation ended in turn 1 of 1",
    "delete": "ConnectionError('the model went away')",
}

if __name__ == "__main__":
    for found, expected in ((failures(run()), {}), (failures(run(WRONG)), EXPECTED)):
        if found != expected:
            raise SystemExit(f"expected {expected}, found {found}")
