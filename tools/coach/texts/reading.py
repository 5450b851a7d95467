"""Looks up what the coach says in the files beside it; each is read once, when something of it is first said."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ....resources.foundation.files import read_yaml
from ....resources.foundation.language import Text
from ..answer import Question

_ENGLISH, _CHINESE = "en", "zh-TW"
Node = dict[str, "Node"] | list["Node"] | str


class Texts:
    """The texts of one file, by the names that lead to them: `texts("compare.not_measured", version="v2")`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, key: str, /, **values: object) -> Text:
        """The text of that key with its placeholders filled in; a `Text` among the values in its language."""
        return read_texts(self._name)[key].format(**values)

    def listed(self, key: str, /, **values: object) -> list[Text]:
        """The texts of a list, in their order."""
        texts, count = read_texts(self._name), 0
        while f"{key}.{count}" in texts:
            count += 1
        return [self(f"{key}.{number}", **values) for number in range(count)]

    def question(self, key: str, /, field: str = "confirmation", **values: object) -> Question:
        """What stands there as `ask`, `why`, `examples` and `default`, in the spoken language."""
        return Question(
            field=field,
            ask=str(self(f"{key}.ask", **values)),
            why=str(self(f"{key}.why", **values)),
            examples=list(map(str, self.listed(f"{key}.examples", **values))),
            default=str(self(f"{key}.default", **values)),
        )


@cache
def read_texts(name: str) -> dict[str, Text]:
    """All texts of a file, by their dotted keys (`compare.not_measured`, `stop.question.examples.0`)."""
    return dict(_flatten(read_yaml(Path(__file__).with_name(f"{name}.yaml")), ""))


def _flatten(node: Node, path: str) -> Iterator[tuple[str, Text]]:
    if isinstance(node, dict) and node.keys() == {_ENGLISH, _CHINESE}:
        yield path, Text(str(node[_ENGLISH]), str(node[_CHINESE]))
        return
    inner = enumerate(node) if isinstance(node, list) else node.items() if isinstance(node, dict) else ()
    for name, child in inner:
        yield from _flatten(child, f"{path}.{name}" if path else str(name))
