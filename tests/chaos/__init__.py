"""Chaos: many people, many calls of `upsert_lead` and `upsert_leads` at once, and a Rotor that fails at random.

Afterwards the claims of all calls, and of all rows of batches, are held against what the sandbox has stored.
The test runs a small one; `python -m tests.chaos --calls 5000` a long one. The seed decides who calls, with
what, what fails and who gives up waiting; how the calls then interleave is up to the machine.

`script.py` makes up the calls, `playing.py` makes them, `judging.py` finds what does not fit.
"""
