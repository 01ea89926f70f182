"""Counterparts that mean harm: arguments, files, a Rotor, an issuer and a Redis. No answer of theirs may stop the
server, hold it up, fill its memory, spend more requests than a call may, or be taken for a success that it does
not prove.

`python -m tests.adversary --examples 5000` tries longer than the tests do.
"""

import os

EXAMPLES = int(os.environ.get("ADVERSARY_EXAMPLES", "40"))
"""Examples that each test draws."""
IS_LONG = EXAMPLES >= 1_000
"""Whether all is tried that there is time for in a longer run."""
