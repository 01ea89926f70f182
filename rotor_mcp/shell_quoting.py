"""Command lines that a person can type into the shell of this system."""

import re
import shlex
import sys
from collections.abc import Sequence

_PLAIN_ON_WINDOWS = re.compile(r"[\w.:\\/+=@-]+", re.ASCII)


def command_line(words: Sequence[str], platform: str = sys.platform) -> str:
    """Return the words of a command as one line, quoted where the shell needs it.

    The shell is a POSIX one, and on Windows `cmd`, which knows double quotes only. PowerShell takes the same
    line if the program itself needs no quotes.
    """
    if platform != "win32":
        return shlex.join(words)
    return " ".join(word if _PLAIN_ON_WINDOWS.fullmatch(word) else f'"{word}"' for word in words)
