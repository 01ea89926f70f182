"""Run the tests of this folder with more examples, other ones each time."""

import os
import subprocess
import sys
from pathlib import Path

import click


@click.command()
@click.option("--examples", default=5_000, help="That each test draws.", show_default=True)
@click.option("--seed", type=int, help="Repeats a run.")
def main(examples: int, seed: int | None) -> None:
    """Let counterparts that mean harm try for longer."""
    seeded = [] if seed is None else [f"--hypothesis-seed={seed}"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow", str(Path(__file__).parent), *seeded]
    environment = os.environ | {"ADVERSARY_EXAMPLES": str(examples)}
    sys.exit(subprocess.run(command, env=environment, check=False).returncode)


if __name__ == "__main__":
    main(prog_name="python -m tests.adversary")
