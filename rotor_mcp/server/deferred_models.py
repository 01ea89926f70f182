"""Makes a start shorter: pydantic builds what the SDK defines when it is first used.

The SDK defines 500 models and 15 type adapters. A start uses 30 of the models and one of the adapters.
"""

from types import UnionType
from typing import Annotated, Any, Union, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter


def defer_models() -> None:
    """Let the models of this process, and type adapters of unions, be built when they are first used.

    pydantic does not guard that against several threads: from now on, only one may use models.
    """
    BaseModel.model_config["defer_build"] = True  # the adapter of a model follows the model
    build = TypeAdapter.__init__

    def defer(
        self: TypeAdapter[Any], *adapted: Any, config: ConfigDict | None = None, **options: Any
    ) -> None:
        if config is None and adapted and get_origin(adapted[0]) in (Union, UnionType, Annotated):
            config = ConfigDict(defer_build=True)
        # pydantic resolves names where the adapter is defined, which is one call farther away.
        options["_parent_depth"] = options.get("_parent_depth", 2) + 1
        build(self, *adapted, config=config, **options)

    TypeAdapter.__init__ = defer  # type: ignore[method-assign]
