"""What is known of how Rotor behaves: from the settings, or because an answer has shown it.

What is not known counts as what the reference suggests, and answers are watched for signs of the contrary.
"""

from collections.abc import Mapping

from rotor_mcp.behavior import ANSWERS


class KnownBehavior:
    """Answers to questions of `api/behavior.py`."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def assume(self, answers: Mapping[str, str]) -> None:
        """Take answers for known, unless Rotor has shown others."""
        self._answers = {**answers, **self._answers}

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
