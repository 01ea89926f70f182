"""Who is told of what goes out to Rotor, and of what was read there."""

from rotor_mcp.api.models import Lead


class ApiHooks:
    """Told of each request and each lead. By itself it lets everything happen."""

    def seen(self, lead: Lead) -> None:
        """A lead was read."""

    async def spent(self) -> None:
        """A request went out with the key, and counts for its day."""

    async def before_write(self) -> None:
        """A write is about to go out, perhaps once more.

        Raises:
            NotSent: to keep it from going.
        """

    async def after_write(self) -> None:
        """A write has ended, whatever became of it."""
