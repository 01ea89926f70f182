"""The people whom the calls are about."""

from dataclasses import dataclass
from typing import Any, Literal

from tests.chaos.values import norm

AREAS = ("763", "612", "952")


@dataclass(frozen=True)
class Person:
    """Somebody with one name and one true phone or e-mail, or both."""

    number: int

    @property
    def kind(self) -> Literal["phone", "email", "both", "known"]:
        """How calls name this person.

        "both": always with the phone, at times with the e-mail as well. Only somebody "known", who was
        entered with both before the chaos, can be named by either: nobody else's calls could be told to mean
        the same person.
        """
        return ("phone", "known", "both", "email", "known")[self.number % 5]

    @property
    def first_name(self) -> str:
        return ("Ann", "Joann")[self.number % 2]

    @property
    def name(self) -> str:
        return f"{self.first_name} Lee{self.number}"

    @property
    def phone(self) -> str:
        """Ten digits. Three people each share the last four, by which Rotor is searched."""
        return f"{AREAS[self.number % 3]}555{(100 + self.number // 3) % 10_000:04}"

    @property
    def email(self) -> str:
        """One of two people has an address that is contained in the other's."""
        return f"{self.first_name.lower()}{self.number // 2}@example.com"

    @property
    def city(self) -> str:
        return f"City {self.number}"

    def is_in(self, lead: dict[str, Any]) -> bool:
        """Whether a lead is about this person."""
        return norm("phone", lead["phone"]) == self.phone or norm("email", lead["email"]) == self.email
