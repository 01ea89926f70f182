"""What is known of how Rotor behaves: from the settings, or because an answer has shown it.

What is not known counts as what the reference suggests, and answers are watched for signs of the contrary.
"""

from collections.abc import Mapping

from rotor_mcp.api.behavior import ANSWERS


class KnownBehavior:
    """Answers to questions of `api/behavior.py`."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        """Begin with answers that are known beforehand."""
        self._answers = dict(answers or {})

    def learn(self, question: str, answer: str) -> None:
        """Keep what an answer of Rotor has shown.

        Raises:
            ValueError: if the question has no such answer.
        """
        if answer not in ANSWERS[question]:
            raise ValueError(f"{question} has no answer {answer!r}")
        self._answers[question] = answer

    def forget(self, question: str) -> None:
        """Count a question as open again."""
        self._answers.pop(question, None)

    def knows(self, question: str, answer: str) -> bool:
        """Whether this is known to be the answer to a question."""
        return answer in ANSWERS[question] and self._answers.get(question) == answer

    def get(self, question: str) -> str | None:
        """Return the answer to a question; None if it is not known."""
        return self._answers.get(question)
