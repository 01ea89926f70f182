"""Groups items that share a key, directly or through others. Pure."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def group_by_shared_keys(items: Sequence[Item], keys: Sequence[Sequence[str]]) -> list[list[Item]]:
    """Group items that share a key, or that both share keys with a third one (union-find).

    Args:
        items: in an order that the groups keep.
        keys: of each item. An item without keys is a group of its own.
    """
    parents: dict[str, str] = {}

    def root(key: str) -> str:
        while (parent := parents.get(key)) is not None:
            parents[key] = parents.get(parent, parent)  # so that no chain stays long
            key = parent
        return key

    for first, *others in filter(None, keys):
        for other in others:
            if root(other) != root(first):
                parents[root(other)] = root(first)
    groups: dict[object, list[Item]] = {}
    for number, (item, own) in enumerate(zip(items, keys, strict=True)):
        groups.setdefault(root(own[0]) if own else number, []).append(item)
    return list(groups.values())
