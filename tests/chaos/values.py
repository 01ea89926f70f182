"""The fields that are judged, and values of theirs in forms that can be compared."""

import re
from typing import Any

SCALARS = (
    "name",
    "phone",
    "email",
    "stage",
    "priority",
    "projected_value",
    "follow_up_date",
    "service_type",
    "source",
    "address_city",
)
"""The fields that hold one value."""


def norm(name: str, value: Any) -> str:
    """Bring a value into the form that is compared."""
    text = "" if value is None else str(value)
    match name:
        case "phone":
            return re.sub(r"\D", "", text)[-10:]
        case "email":
            return text.casefold()
        case "stage":
            return (text or "New Leads").casefold()  # what Rotor gives a lead without one
        case "source":
            return text.casefold()
        case "follow_up_date":
            return text[:10]
        case "projected_value":
            return text and f"{float(text):g}"
        case "notes":
            return re.sub(r"^(\+ )?(\d{4}-\d\d-\d\d: )?", "", text)
    return text
