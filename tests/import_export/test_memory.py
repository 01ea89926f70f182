"""The memory of `rotor-mcp import`: 100,000 rows must fit into 250 MiB."""

import csv
import os
import subprocess
import sys
from pathlib import Path

from bench.imports import LAUNCH
from tests.cli.test_main import ENVIRONMENT
from tests.conftest import posix

FEW, MANY = 2_500, 5_500
MAX_BYTES_OF_A_ROW = 1_800
"""The start takes 75 MiB, which leaves so much for each of 100,000 rows."""


def peak_bytes(folder: Path, rows: int) -> int:
    """Make a dry run of an import of so many new leads, and return the most memory that it took."""
    file, memory = folder / f"{rows}.csv", folder / f"{rows}.memory"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "phone", "email", "street", "city", "notes"])
        for n in range(rows):
            address = f"{n} Oak Street", f"City {n % 400}"
            contact = f"Person {n}", f"(218) 555-{n:04}", f"person{n}@example.com"
            writer.writerow([*contact, *address, f"Note {n}: has two dogs, and is called before noon."])
    command = [sys.executable, "-m", "rotor_mcp", "import", str(file), "--sandbox", "--dry-run"]
    subprocess.run(
        [sys.executable, "-S", "-c", LAUNCH, str(memory), *command], env=os.environ | ENVIRONMENT, check=True
    )
    return int(memory.read_text()) * (1 if sys.platform == "darwin" else 1_024)


@posix
def test_a_row_takes_little_memory(tmp_path: Path) -> None:
    few, many = peak_bytes(tmp_path, FEW), peak_bytes(tmp_path, MANY)
    assert (many - few) / (MANY - FEW) < MAX_BYTES_OF_A_ROW
