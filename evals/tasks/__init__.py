"""All tasks, by what they are about."""

from evals.task import Task
from evals.tasks import (
    bulk_changes,
    counting,
    duplicates,
    entering,
    households,
    lists,
    missing,
    questions,
    trouble,
    updating,
)

_GROUPS = (
    entering,
    households,
    updating,
    bulk_changes,
    lists,
    questions,
    counting,
    missing,
    duplicates,
    trouble,
)

TASKS: dict[str, Task] = {task.id: task for group in _GROUPS for task in group.TASKS}
"""Id → task, in the order in which they are run."""
