"""Files and lines made to hold the server up do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import write_json
from tests.attacks.conftest import TASK
from tests.attacks.test_freezing import Running, _task, call_while_pinging, running

__all__ = ["running"]


def _aliases(depth: int = 9) -> str:
    """A small YAML whose aliases stand for 10**depth nodes."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, depth)]
    return "\n".join(lines) + "\n"


BOMBS: dict[str, Callable[[], str]] = {
    "aliases": _aliases,
    "aliases as labels": lambda: _aliases() + f"labels: *a{8}\n",
    "merged keys": lambda: "".join(
        f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}], k{n}: 1}}\n" if n else "m0: &m0 {k: 1}\n"
        for n in range(9)
    ),
    "itself": lambda: "x: &x [*x, *x]\n",
    "deep": lambda: "x: " + "[" * 10_000 + "]" * 10_000 + "\n",
    "deep mappings": lambda: "x: " + "{a: " * 5_000 + "1" + "}" * 5_000 + "\n",
    "long list": lambda: "x: [" + "1," * 500_000 + "]\n",
    "number": lambda: "x: " + "9" * 200_000 + "\n",
    "sexagesimal": lambda: "x: " + "1:" * 100_000 + "1\n",
    "spaces": lambda: "x:" + " " * 5_000_000 + "1\n",
}


@pytest.mark.parametrize(
    ("file", "bomb"),
    [
        *(("task.yaml", bomb) for bomb in BOMBS),
        *(("data_source.yaml", bomb) for bomb in BOMBS),
        *(("configs/plan-v1.yaml", bomb) for bomb in ("aliases", "deep", "number")),
    ],
)
def test_a_yaml_file_made_to_swell_holds_nothing_up(running: Running, file: str, bomb: str) -> None:
    person = running.person
    folder = _task(person, "bombed")
    try:
        kept = (folder / file).read_text("utf-8") if (folder / file).is_file() else "format: 1\n"
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(kept + BOMBS[bomb](), encoding="utf-8")
        tools = {
            "task.yaml": [("list_tasks", {}), ("update_task", {"task": "bombed"})],
            "data_source.yaml": [("set_data_source", {"task": "bombed"}), ("prepare_data", {"task": "bombed"})],
            "configs/plan-v1.yaml": [("train", {"task": "bombed"}), ("plan_training", {"task": "bombed"})],
        }[file]
        for tool, arguments in tools:
            call_while_pinging(running, tool, **arguments)
    finally:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


@pytest.mark.parametrize(
    "file", ["one line.csv", "one line.jsonl", "one string.jsonl", "deep.json", "deep.jsonl", "quote.csv"]
)
def test_a_file_made_of_one_line_holds_nothing_up(running: Running, file: str) -> None:
    many = 50_000_000
    content = {
        "one line.csv": "text,label\n" + "x" * many,
        "one line.jsonl": "x" * many,
        "one string.jsonl": '{"text": "' + "x" * many + '", "label": "a"}\n',
        "deep.json": "[" * 10_000 + "]" * 10_000,
        "deep.jsonl": '{"text": ' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}\n",
        "quote.csv": 'text,label\n"' + "x,a\n" * 3_000_000,
    }[file]
    place = running.person.inbox / file
    place.write_text(content, encoding="utf-8")
    try:
        call_while_pinging(running, "set_data_source", task=TASK, sources=[{"type": "file", "path": str(place)}])
    finally:
        place.unlink()


def test_a_line_of_fifty_megabytes_on_the_wire_holds_nothing_up(running: Running) -> None:
    call_while_pinging(running, "update_task", task=TASK, note="x" * 50_000_000)


MANY = 300_000
LISTS: dict[str, tuple[str, dict[str, Any]]] = {
    "labels": (
        "create_task",
        {
            "title": "x",
            "name": "many",
            "type": "classification",
            "language": "en",
            "labels": [str(number) for number in range(MANY)],
        },
    ),
    "sources": ("set_data_source", {"task": TASK, "sources": [{"type": "file"}] * MANY}),
    "examples": ("add_examples", {"task": TASK, "examples": [{"text": "x", "label": "a"}] * MANY}),
    "strange examples": ("add_examples", {"task": TASK, "examples": [{}] * MANY}),
    "changes": ("plan_training", {"task": TASK, "changes": ["x"] * MANY}),
    "tasks to compare": ("list_tasks", {"compare": [TASK] * MANY}),
    "models beside": ("try_model", {"task": TASK, "model": "v1", "text": "x", "beside": ["v1"] * MANY}),
    "fields": ("update_task", {"task": TASK, "changes": {f"f{number}": 1 for number in range(MANY)}}),
    "settings": ("plan_training", {"task": TASK, "settings": {f"f{number}": 1 for number in range(MANY)}}),
    "columns": ("set_data_source", {"task": TASK, "deduplicate_on": ["text"] * MANY}),
    "rules": (
        "add_examples",
        {
            "task": TASK,
            "action": "propose",
            "by": "rules",
            "settings": {"rules": [{"label": "a", "keywords": ["x"]}] * MANY},
        },
    ),
    "keywords": (
        "add_examples",
        {
            "task": TASK,
            "action": "propose",
            "by": "rules",
            "settings": {"rules": [{"label": "a", "keywords": ["x"] * MANY}]},
        },
    ),
    "answers": ("coach", {"message": "go on", "answers": {f"f{number}": "x" for number in range(MANY)}}),
    "reasons": ("prepare_data", {"task": TASK, "accept": {f"f{number}": "x" for number in range(MANY)}}),
    "wrong types": ("create_task", {"title": "x", "type": "chat", "language": "en", "labels": [{}] * MANY}),
    "include": ("manage_task", {"action": "clone", "task": TASK, "include": ["data"] * MANY}),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_hundreds_of_thousands_holds_nothing_up(running: Running, kind: str) -> None:
    tool, arguments = LISTS[kind]
    said = call_while_pinging(running, tool, **arguments)
    assert len(said) < 100_000


@pytest.mark.parametrize(
    "path",
    [
        "**/" * 200 + "*.csv",
        "*/" * 500 + "x",
        "[" * 10_000,
        "{a,b}" * 5_000,
        "?" * 50_000,
        "../" * 50_000 + "x.csv",
        "a/" * 2_000 + "x.csv",
    ],
    ids=range(7),
)
def test_a_pattern_of_files_holds_nothing_up(running: Running, path: str) -> None:
    place = running.person.inbox
    for number in range(60):
        (place / "d" / str(number) / "e").mkdir(parents=True, exist_ok=True)
    call_while_pinging(
        running, "set_data_source", task=TASK, sources=[{"type": "file", "path": f"{place}/{path}", "format": "csv"}]
    )


TEMPLATES = [
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 10**10**9 }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ 'a'|center(10**9) }}",
    "{" * 200_000,
    "{% if x %}" * 3_000,
]


@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_a_chat_template_without_end_holds_nothing_up(running: Running, template: str) -> None:
    folder = running.person.inbox / "model"
    folder.mkdir(exist_ok=True)
    write_json(
        folder / "config.json",
        {
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "intermediate_size": 8,
            "vocab_size": 300,
            "max_position_embeddings": 512,
        },
    )
    write_json(
        folder / "tokenizer.json",
        {
            "version": "1.0",
            "added_tokens": [],
            "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1}, "unk_token": "a"},
        },
    )
    write_json(
        folder / "tokenizer_config.json", {"chat_template": template, "tokenizer_class": "PreTrainedTokenizerFast"}
    )
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    call_while_pinging(running, "plan_training", task=TASK, settings={"base_model": str(folder)})
    call_while_pinging(running, "try_model", task=TASK, model=f"base:{folder}", text="x")
