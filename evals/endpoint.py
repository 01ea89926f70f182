"""The HTTP of a model's endpoint: one POST for each reply, tried again where that can help."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import anyio
import httpx2

from evals.chat import ModelError

_TIMEOUT = httpx2.Timeout(30, read=300)
_LONGEST_PAUSE = 60.0
_SHOWN = 300
"""Characters of an answer that an error quotes."""


@cache
def _tls() -> ssl.SSLContext:
    """Made once: it takes longer than all else here."""
    return httpx2.create_ssl_context()


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers."""

    base_url: str
    """Such as `http://localhost:8000/v1`."""
    headers: Mapping[str, str]
    """With the key. They are shown nowhere."""
    secret: str | None = None
    """The key once more, so that an answer that repeats it is not quoted with it."""
    attempts: int = 6
    first_pause: float = 1.0
    """Seconds before the second attempt; twice as long before each further one."""

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and return the JSON object of the answer.

        Raises:
            ModelError: if it refuses, fails every time, or answers something else.
        """
        async with httpx2.AsyncClient(verify=_tls(), timeout=_TIMEOUT, headers=dict(self.headers)) as http:
            for attempt in range(self.attempts):
                try:
                    response = await http.post(f"{self.base_url.rstrip('/')}/{path}", json=body)
                except httpx2.RequestError as exc:
                    said, wait = type(exc).__name__, None
                else:
                    if response.is_success:
                        return self._read(response)
                    said, wait = self._quote(response), response.headers.get("retry-after")
                    if response.status_code not in (408, 409, 429) and response.status_code < 500:
                        raise ModelError(f"refused: {said}")
                if attempt < self.attempts - 1:
                    await anyio.sleep(self._pause(attempt, wait))
        raise ModelError(f"failed {self.attempts} times, at last with {said}")

    def _pause(self, attempt: int, wait: str | None) -> float:
        asked = float(wait) if wait and wait.replace(".", "", 1).isdigit() else None
        return min(self.first_pause * 2**attempt if asked is None else asked, _LONGEST_PAUSE)

    def _read(self, response: httpx2.Response) -> dict[str, Any]:
        try:
            answer = json.loads(response.content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ModelError(f"answered no JSON object: {self._quote(response)}")
        return answer

    def _quote(self, response: httpx2.Response) -> str:
        text = response.text.replace(self.secret, "«key»") if self.secret else response.text
        return f"{response.status_code} {text[:_SHOWN]}"
