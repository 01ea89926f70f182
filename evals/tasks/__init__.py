"""All tasks, by what they are about."""

from evals.task import Task
from evals.tasks import entering, households, lists, questions, trouble, updating

TASKS: dict[str, Task] = {
    task.id: task
    for group in (entering, households, updating, lists, questions, trouble)
    for task in group.TASKS
}
"""Id → task, in the order in which they are run."""
