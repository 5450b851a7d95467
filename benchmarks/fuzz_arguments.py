"""Arguments for `fuzz.py`: some fit a tool's schema, some nearly fit, some are nonsense."""

from __future__ import annotations

import random
from typing import Any

TEXTS = [
    "",
    " ",
    "\n",
    "a",
    "0",
    "-1",
    "null",
    "true",
    "情緒",
    "客訴 分類",
    "😀" * 40,
    "é" * 300,
    "\u202eabc",
    "\x00",
    "\x1b[31m",
    "\ud800",
    "x" * 5_000,
    "字" * 100_000,
    "/etc/passwd",
    "../../../etc/shadow",
    "~/.ssh/id_rsa",
    "/dev/zero",
    "/proc/self/environ",
    "C:\\a",
    "${HOME}",
    "${OPENAI_API_KEY}",
    "$(id)",
    "`id`",
    "{0.__class__}",
    "%s%s%n",
    "'; DROP TABLE rows; --",
    "<script>alert(1)</script>",
    "(a+)+$",
    "(?=a)b",
    "[",
    "*" * 40,
    "**/" * 30,
    "&a [*a, *a]",
    "!!python/object:os.system",
    "{{ 7 * 7 }}",
    "{% for a in range(9**9) %}",
    "http://169.254.169.254/latest",
    "http://127.0.0.1:1/",
    "http://[::1",
    "file:///etc/passwd",
    "https://",
    "postgresql://a:b@127.0.0.1:1/c",
    "2026-13-45",
    "1e999",
    "NaN",
    "v0",
    "v-1",
    "v99999999999999999999",
    "con",
    "nul.txt",
    ".",
    "..",
    "a/b",
    "名" * 120,
    "<...>",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    3,
    10**6,
    10**30,
    -(10**30),
    0.5,
    1e308,
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"a": {"b": [1]}},
]


def arguments_for(tool: dict[str, Any], draw: random.Random, known: dict[str, list[Any]]) -> dict[str, Any]:
    """Arguments of which some fit, some nearly fit and some are nonsense."""
    schema = tool["inputSchema"]
    made: dict[str, Any] = {}
    sanity = draw.choice([0.3, 0.8, 0.95, 1, 1])
    required = schema.get("required", [])
    for name, described in schema.get("properties", {}).items():
        if draw.random() < (0.95 if name in required else 0.3):
            if name in known and draw.random() < sanity:
                made[name] = draw.choice(known[name])
            else:
                made[name] = value_for(described, schema.get("$defs", {}), draw, sanity)
    if made and sanity == 1 and draw.random() < 0.5:  # all fits but one
        made[draw.choice(sorted(made))] = draw.choice([draw.choice(TEXTS), draw.choice(VALUES), _nested(draw)])
    if draw.random() < 0.08:
        made[draw.choice(["taks", "confirm", "force", "", "__class__", "x" * 3000])] = draw.choice(VALUES)
    return made


def value_for(
    described: dict[str, Any], kinds: dict[str, Any], draw: random.Random, sanity: float, depth: int = 0
) -> Any:
    """A value that fits the schema with that probability, else something else."""
    if draw.random() > sanity or depth > 4:
        return draw.choice([draw.choice(TEXTS), draw.choice(VALUES), _nested(draw)])
    if "$ref" in described:
        return value_for(kinds.get(described["$ref"].rsplit("/", 1)[-1], {}), kinds, draw, sanity, depth + 1)
    if choices := described.get("anyOf") or described.get("oneOf"):
        return value_for(draw.choice(choices), kinds, draw, sanity, depth + 1)
    if "enum" in described:
        return draw.choice(described["enum"])
    match described.get("type"):
        case "boolean":
            return draw.random() < 0.5
        case "integer":
            return draw.choice([0, 1, 2, 5, 50, 10_000])
        case "number":
            return draw.choice([0, 0.1, 0.85, 1, 1.5, 100])
        case "array":
            return [
                value_for(described.get("items", {}), kinds, draw, sanity, depth + 1)
                for _ in range(draw.choice([0, 1, 2, 5]))
            ]
        case "object" if described.get("properties"):
            return {
                name: value_for(inner, kinds, draw, sanity, depth + 1)
                for name, inner in described["properties"].items()
                if draw.random() < 0.5
            }
        case "object":
            return _settings(draw)
        case "null":
            return None
        case _:
            return draw.choice([draw.choice(TEXTS), "mails", "refund", "v1", "latest"])


def _settings(draw: random.Random) -> dict[str, Any]:
    """An object as sources, settings, changes and answers are written."""
    names = [
        "type",
        "path",
        "text",
        "label",
        "url",
        "endpoint",
        "query",
        "connection",
        "pages",
        "urls",
        "prompt_template",
        "model",
        "success_criteria.threshold",
        "constraints.privacy",
        "labels",
        "rules",
        "learning_rate",
        "epochs",
        "method",
        "mapping",
        "max_length",
        "split",
        "quality",
        "pagination",
        "api_key",
        "base_url",
        "count",
        "selectors",
        "goal",
        "base_model",
    ]
    fitting: dict[str, list[Any]] = {
        "type": ["file", "api", "database", "web_scrape", "llm_generated"],
        "path": ["mails.csv", "odd.csv"],
        "method": ["lora", "qlora", "full"],
        "split": [{"train": 0.8, "valid": 0.1, "test": 0.1}],
    }
    return {
        name: draw.choice(fitting[name])
        if name in fitting and draw.random() < 0.7
        else draw.choice([draw.choice(TEXTS), draw.choice(VALUES)])
        for name in draw.sample(names, draw.choice([0, 1, 2, 4, 8]))
    }


def _nested(draw: random.Random) -> Any:
    made: Any = draw.choice(VALUES)
    for _ in range(draw.choice([1, 5, 60, 150])):
        made = [made] if draw.random() < 0.5 else {draw.choice(["a", "type", "label"]): made}
    return draw.choice([made, ["x"] * 20_000, {str(number): number for number in range(5_000)}])
