"""The picture in the README: `python -m release.demo_picture` runs the demo and writes `assets/demo.svg`.

The demo runs in a terminal of its own (POSIX only), so that it prints colours and fits a width.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from io import StringIO

from rich.console import Console
from rich.text import Text

from release.metadata import ROOT

PICTURE = ROOT / "assets" / "demo.svg"
ROWS, COLUMNS = 50, 84
STEPS = 3
"""Of the conversation, from its beginning."""

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Of the template, which would be fetched from elsewhere."""
_NEXT_STEP = re.compile(rf"^\S*{STEPS + 1}\. ", re.MULTILINE)


def recorded() -> str:
    """Run the demo, and return what it prints on a terminal, with its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONUTF8": "1"}
    for variable in ("NO_COLOR", "COLUMNS"):
        environment.pop(variable, None)
    with subprocess.Popen(
        [sys.executable, "-m", "rotor_mcp", "demo"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 65_536):
                said += part
        except OSError:
            pass  # so Linux says that nobody has the other end open any more
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


def draw(text: str) -> str:
    """Return a picture of the first steps of a demo, as SVG that fetches nothing."""
    shown = "\n".join(["$ rotor-mcp demo", _NEXT_STEP.split(text)[0].rstrip()])
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text.from_ansi(shown), soft_wrap=True)
    return _FONTS.sub("", console.export_svg(title="rotor-mcp", unique_id="demo"))


if __name__ == "__main__":
    PICTURE.write_text(draw(recorded()), "utf-8")
