"""What every package of this server says about itself: its names, what it asks for, and how it is started.

The desktop bundle, the plugins and the install links are made from it.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rotor_mcp.cli.options import SANDBOX_VARIABLE
from rotor_mcp.config import Settings, environment_variable

ROOT = Path(__file__).parent.parent
_PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

NAME = str(_PROJECT["name"])
SERVER_NAME = "rotor"
"""The name of the server among those of a client; it is part of the names of its tools there."""
TITLE = "Rotor leads"
DESCRIPTION = "Enter, find and read leads in Rotor, the CRM of field-service businesses."
LONG_DESCRIPTION = (
    "Your assistant enters, finds and reads leads in Rotor: from a pasted e-mail, a voicemail or a list, by "
    "name, phone, place, stage, date or value. A write reads the lead first and shows what changes. It asks "
    "before it replaces a name, a contact or an address of a lead that was found by phone or e-mail. Nothing "
    "is deleted, archived or assigned. Each result says how many of Rotor's 1,000 requests a day it spent. "
    "Not made by or affiliated with Rotor."
)
AUTHOR = str(_PROJECT["authors"][0]["name"])
HOMEPAGE = str(_PROJECT["urls"]["Homepage"])
LICENSE = str(_PROJECT["license"])
KEYWORDS = [str(word) for word in _PROJECT["keywords"]]
PYTHON = str(_PROJECT["requires-python"])

ARCHIVE = f"{HOMEPAGE}/archive/HEAD.zip"
"""The newest sources, for clients that have no copy of them. The name of the package is not used: on the
package index it belongs to nobody yet, so anybody could publish something else under it. An archive needs no
git on the machine, which `git+https` does."""


@dataclass(frozen=True)
class Question:
    """A value that a client asks the person for, and hands to the server as an environment variable."""

    name: str
    variable: str
    title: str
    description: str
    kind: Literal["string", "boolean"] = "string"
    default: str | bool = ""
    """Never left out: some clients hand on the placeholder itself where there is no value
    (modelcontextprotocol/mcpb#250)."""
    sensitive: bool = False

    @property
    def default_text(self) -> str:
        """The default as the environment variable has it."""
        return str(self.default).lower() if isinstance(self.default, bool) else self.default

    @property
    def description_of_text(self) -> str:
        """The description for clients that ask for texts only."""
        return f"{self.description} (true or false)" if self.kind == "boolean" else self.description

    def user_config(self) -> dict[str, Any]:
        """Return the question in the form that bundles and plugins of Claude Code share."""
        return {
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "required": False,
            "default": self.default,
            **({"sensitive": True} if self.sensitive else {}),
        }


def _setting(name: str, title: str, description: str | None = None, *, sensitive: bool = False) -> Question:
    field = Settings.model_fields[name]
    boolean = field.annotation is bool
    return Question(
        name,
        environment_variable(name),
        title,
        description or str(field.description),
        "boolean" if boolean else "string",
        field.default if isinstance(field.default, (str, bool)) else "",
        sensitive,
    )


QUESTIONS = (
    _setting(
        "api_key",
        "API key",
        "Begins with rotor_. In Rotor it is made under Settings → Integrations. Not needed with sample leads",
        sensitive=True,
    ),
    Question(
        "sandbox",
        SANDBOX_VARIABLE,
        "Try with sample leads",
        "150 invented leads instead of your own, gone when the server stops; no key is needed",
        "boolean",
        default=False,
    ),
    _setting("timezone", "Time zone"),
    _setting("phone_region", "Country of phones"),
    _setting("read_only", "Only read"),
)


def run_from(folder: str | None) -> list[str]:
    """Return the command that runs the sources in a folder, or those in the working directory.

    uv makes an environment there at the first start, with the packages that pyproject.toml names. `--no-dev`:
    the sources are a whole repository, and what its developers need is not for users.
    """
    directory = ["--directory", folder] if folder else []
    return ["uv", "run", *directory, "--no-dev", "python", "-m", "rotor_mcp", "serve"]


RUN_ARCHIVE = ["uvx", "--from", ARCHIVE, NAME, "serve"]
"""The command that runs the newest sources, where there is no copy of them."""
