"""The reasons why a row of a batch was not written. Pure."""

from rotor_mcp.errors import InvalidArguments, NotesTooLong, RotorError
from rotor_mcp.leads.batch import Crash, Failure, RepeatedFailures
from rotor_mcp.tools.error_text import describe


def failure_reasons(failure: Failure) -> list[str]:
    """Return the reasons why a row was not written."""
    match failure:
        case InvalidArguments(faults=faults):
            return list(faults)
        case NotesTooLong():
            return [f"notes: {failure}, beside what is there and the date"]
        case RotorError():
            return [describe(failure).removesuffix(".")]
        case Crash(kind=kind, sent=sent):
            text = f"rotor-mcp has a fault of its own here ({kind}); its log on stderr has the details"
            next_step = (
                "Look the lead up before sending the row again" if sent else "Nothing of this row was sent"
            )
            return [f"{text}. {next_step}"]
        case RepeatedFailures(count=count):
            return [f"{count} writes in a row did not come through, so no further one was begun"]
        case _:
            return [str(failure)]
