import shlex

import pytest

from rotor_mcp.shell_quoting import command_line


@pytest.mark.parametrize(
    ("words", "posix", "windows"),
    [
        (["rotor-mcp", "install"], "rotor-mcp install", "rotor-mcp install"),
        (["/home/jo/my env/bin/python"], "'/home/jo/my env/bin/python'", '"/home/jo/my env/bin/python"'),
        (["redis<9,>=7", "httpx2[socks]"], "'redis<9,>=7' 'httpx2[socks]'", '"redis<9,>=7" "httpx2[socks]"'),
        (["it's"], "'it'\"'\"'s'", '"it\'s"'),
        (["C:\\Users\\Jo\\a.exe"], "'C:\\Users\\Jo\\a.exe'", "C:\\Users\\Jo\\a.exe"),
        (
            ["C:\\Program Files (x86)\\a&b.exe"],
            "'C:\\Program Files (x86)\\a&b.exe'",
            '"C:\\Program Files (x86)\\a&b.exe"',
        ),
        ([""], "''", '""'),
    ],
)
def test_words_are_quoted_for_the_shell(words: list[str], posix: str, windows: str) -> None:
    assert (command_line(words, "linux"), command_line(words, "win32")) == (posix, windows)
    assert shlex.split(posix) == words
