"""The scripts as a model of inspect-ai.

`python -m evals.scripted` runs them through the solver and scorer of every other model, and exits 1 unless
each task is done. It shows that each can be done with this server.
"""

import sys
from collections.abc import Mapping
from datetime import date

import inspect_ai
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import CORRECT
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import store

from evals.inspect_tasks import leads
from evals.scripts import SCRIPTS, Write


def scripted(scripts: Mapping[str, Write]) -> Model:
    """A model that follows the script of each task."""

    def reply(
        messages: list[ChatMessage], _tools: list[ToolInfo], _choice: ToolChoice, _config: GenerateConfig
    ) -> ModelOutput:
        # Samples run side by side and share the model, so a script is played from its beginning each time.
        script = scripts[store().get("task")](date.fromisoformat(store().get("today")))
        step = next(script)
        for message in messages:
            if isinstance(message, ChatMessageTool):
                step = script.send(message.error.message if message.error else message.text)
            elif isinstance(message, ChatMessageAssistant) and not message.tool_calls:
                step = next(script)
        if isinstance(step, str):
            output = ModelOutput.from_content("script", step)
        else:
            output = ModelOutput.for_tool_call("script", step.tool, step.arguments)
        output.usage = ModelUsage()  # or it would be estimated, with a vocabulary fetched from the network
        return output

    return get_model("mockllm/script", custom_outputs=reply)


def run(scripts: Mapping[str, Write] = SCRIPTS) -> EvalLog:
    """Do the tasks of these scripts with the checkout's server; the log is also written to `logs/`."""
    (log,) = inspect_ai.eval(
        leads(),
        model=scripted(scripts),
        sample_id=list(scripts),
        max_samples=4,
        retry_on_error=1,  # for one over which midnight passes
        display="plain",
    )
    return log


def failures(log: EvalLog) -> dict[str, str]:
    """Task → why it was not done, for those that were not."""
    found = {}
    for sample in log.samples or []:
        if sample.error:
            found[sample.id] = sample.error.message
        elif sample.scores["end_state"].value["done"] != CORRECT:
            found[sample.id] = sample.scores["end_state"].explanation
    return found


if __name__ == "__main__":
    log = run()
    for name, reason in failures(log).items():
        sys.stderr.write(f"{name}: {reason}\n")
    sys.exit(log.status != "success" or bool(failures(log)))
