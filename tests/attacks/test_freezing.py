"""A5. Whatever one call does, a ping beside it comes back at once and the call itself ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import write_json, write_yaml
from tests.attacks.conftest import TASK, Victim, account, table
from tests.attacks.wire import Wire, start_wire

LONGEST_PING = (
    5.0  # one second is what is promised on an idle machine (benchmarks/fuzz.py); other tests run beside these
)
LONGEST_CALL = 20.0
INTERNAL = re.compile(r"Traceback|TypeError|RecursionError|MemoryError|\[Errno|validation error|Input should")


class Running:
    """One server for all tests of the file; a new one where an attack has hung the last."""

    def __init__(self, person: Victim) -> None:
        self.person = person
        self._stack = ExitStack()
        self._wire: Wire | None = None

    @property
    def wire(self) -> Wire:
        if self._wire is None or not self._wire.lives:
            self._wire = self._stack.enter_context(start_wire(self.person.root))
        return self._wire

    def stop(self) -> None:
        self._stack.close()
        self._stack, self._wire = ExitStack(), None


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        person = account(tmp_path_factory.mktemp("frozen"), patch)
        _task(person)
        (person.inbox / "rows.csv").write_text(table("harmless"), encoding="utf-8")
        server = Running(person)
        yield server
        server.stop()


def _task(person: Victim, name: str = TASK, **changes: Any) -> Path:
    folder = person.workspace / name
    write_yaml(
        folder / "task.yaml",
        {
            "format": 1,
            "name": name,
            "title": "Mails",
            "type": "classification",
            "language": "en",
            "labels": ["a", "b"],
            "created": "2026-01-01T00:00:00Z",
            **changes,
        },
    )
    return folder


def call_while_pinging(running: Running, tool: str, **arguments: Any) -> str:
    """Call the tool, ping while it works, and give its answer; both must come in time."""
    wire = running.wire
    number = wire.begin(tool, **arguments)
    pinged = wire.ping(LONGEST_PING)
    answer = wire.answer(number, LONGEST_CALL) if pinged is not None else None
    again = wire.ping(LONGEST_PING) if answer is not None else None
    if answer is None or again is None:
        running.stop()
    assert pinged is not None, "a ping beside the call was not answered"
    assert answer is not None, "the call was not answered"
    assert again is not None, "a ping after the call was not answered"
    said = json.dumps(answer, ensure_ascii=False)
    assert not INTERNAL.search(said), said[:1000]
    return said


STRINGS: dict[str, str] = {
    "letters": "a" * 200_000,
    "digits": "1" * 200_000,
    "letters and digits": "a1" * 100_000,
    "capitals": "AKIA" * 50_000,
    "dots": "a." * 100_000,
    "at signs": "@" * 200_000,
    "addresses": "a@a." * 50_000,
    "schemes": "a://" * 50_000,
    "users": "http://" + "a:" * 100_000,
    "passwords": "password=" * 20_000,
    "password words": "password " * 20_000,
    "bearers": "Bearer " * 30_000,
    "web tokens": "eyJ" * 60_000,
    "web token's parts": "eyJ." * 50_000,
    "keys": "-----BEGIN PRIVATE KEY-----" * 8_000,
    "dashes": "-" * 200_000,
    "phones": "0912-" * 40_000,
    "cards": "4111 " * 40_000,
    "spaces": " " * 200_000,
    "lines": "\n" * 200_000,
    "quotes": "\"'" * 100_000,
    "backslashes": "\\" * 200_000,
    "Chinese": "訂單編號" * 50_000,
    "equal signs": "a=" * 100_000,
    "slashes": "/" * 200_000,
    "references": "${" * 100_000,
    "percent signs": "%25" * 60_000,
    "base64": "QUJD/+" * 30_000,
    "hexadecimal": "deadbeef" * 25_000,
    "one long reference": "${" + "A" * 200_000 + "}",
    "tokens": "ghp_" * 50_000,
    "token": "sk-" + "a" * 200_000,
}


@pytest.mark.parametrize("kind", STRINGS)
def test_hiding_secrets_in_a_long_string_holds_nothing_up(running: Running, kind: str) -> None:
    call_while_pinging(running, "update_task", task=TASK, note=STRINGS[kind])


@pytest.mark.parametrize(
    ("tool", "argument", "rest"),
    [
        pytest.param(*each, id=f"{each[0]}-{each[1]}-{number}")
        for number, each in enumerate(
            [
                ("coach", "message", {"task": TASK}),
                ("coach", "message", {}),
                ("create_task", "goal", {"title": "x", "type": "chat", "language": "en", "name": "goals"}),
                ("list_tasks", "query", {}),
                ("read_resource", "search", {}),
                ("read_resource", "uri", {}),
                ("diagnose", "complaint", {"task": TASK}),
                ("update_task", "decision", {"task": TASK, "reason": "x"}),
                ("job_status", "job_id", {}),
                ("manage_task", "path", {"action": "import"}),
                ("try_model", "model", {"task": TASK}),
                ("evaluate", "version", {"task": TASK}),
                ("create_task", "title", {"type": "chat", "language": "en"}),
                ("set_up", "name", {"what": "machine"}),
                ("add_examples", "by", {"task": TASK, "action": "propose"}),
            ]
        )
    ],
)
@pytest.mark.parametrize("kind", ["letters", "addresses"])
def test_no_argument_holds_anything_up(
    running: Running, kind: str, tool: str, argument: str, rest: dict[str, Any]
) -> None:
    call_while_pinging(running, tool, **rest, **{argument: STRINGS[kind]})


@pytest.mark.parametrize(
    "place",
    [
        "tool",
        "argument",
        "enumerated",
        "field of a source",
        "type of a source",
        "setting",
        "number of a version",
        "field of a task",
        "kind of a machine",
    ],
)
def test_finding_the_nearest_name_holds_nothing_up(running: Running, place: str) -> None:
    long = "prepare_dat" * 20_000
    places: dict[str, tuple[str, dict[str, Any]]] = {
        "tool": (long, {}),
        "argument": ("list_tasks", {long: 1}),
        "enumerated": ("list_tasks", {"state": long}),
        "field of a source": (
            "set_data_source",
            {"task": TASK, "sources": [{"type": "file", "path": "x.csv", long: 1}]},
        ),
        "type of a source": ("set_data_source", {"task": TASK, "sources": [{"type": long}]}),
        "setting": ("plan_training", {"task": TASK, "settings": {long: 1}}),
        "number of a version": ("evaluate", {"task": TASK, "version": "v" + "9" * 100_000}),
        "field of a task": ("update_task", {"task": TASK, "changes": {long: 1}}),
        "kind of a machine": ("set_up", {"what": "machine", "name": "x", "settings": {"kind": long}}),
    }
    tool, arguments = places[place]
    call_while_pinging(running, tool, **arguments)


CATASTROPHIC = [
    "(a+)+$",
    "(a|aa)+$",
    "(a|a)*b",
    "(.*a){25}b",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(x+x+)+y",
    "(?:a?){40}a{40}b",
    r"(a*)*\1b",
    r"(?=(a+)+$)b",
    r"(?<!b)(a+)+$",
    r"(?!(a+)+b)a",
    "a{1,1000}{1,1000}{1,1000}",
    "(" * 5000 + ")" * 5000,
    "[" * 100_000,
]


@pytest.fixture
def unlabelled(running: Running) -> Running:
    """Rows that wait for a label, the first of which are a regular expression's worst."""
    person, wire = running.person, running.wire
    if not (person.task / "data" / "unlabelled").is_dir():
        rows = [f"{'a' * 300}{'x' * 300}! {number}" for number in range(5)]
        rows += [
            f"the {kind} lamp of day {number * number} is not good" if number % 2 else f"a {kind} lamp, good {number}"
            for kind in ("red", "green")
            for number in range(15)
        ]
        (person.inbox / "open.csv").write_text("text\n" + "\n".join(rows) + "\n", encoding="utf-8")
        wire.call(
            "set_data_source",
            task=TASK,
            sources=[{"type": "file", "path": str(person.inbox / "open.csv"), "unlabelled": True}],
        )
        wire.call("prepare_data", task=TASK)
    return running


@pytest.mark.parametrize("pattern", CATASTROPHIC, ids=[pattern[:24] for pattern in CATASTROPHIC])
def test_a_pattern_of_a_call_holds_nothing_up(unlabelled: Running, pattern: str) -> None:
    call_while_pinging(
        unlabelled,
        "add_examples",
        task=TASK,
        action="propose",
        by="rules",
        settings={"rules": [{"label": "a", "pattern": pattern}]},
        confirm=True,
    )


@pytest.mark.parametrize("pattern", [r"(?<!not )good", r"good(?! \d\d)", r"^(?=.*lamp)(?=.*good).*$", r"(l)amp.*\1?g"])
def test_a_pattern_with_look_around_still_labels(unlabelled: Running, pattern: str) -> None:
    person = unlabelled.person
    for written in (person.task / "data" / "labelling" / "proposals").glob("*"):
        written.unlink()
    said = call_while_pinging(
        unlabelled,
        "add_examples",
        task=TASK,
        action="propose",
        by="rules",
        settings={"rules": [{"label": "a", "pattern": pattern}]},
        confirm=True,
    )
    proposed = "".join(
        path.read_text("utf-8") for path in (person.task / "data" / "labelling" / "proposals").glob("*.jsonl")
    )
    texts = {
        row["id"]: row["text"]
        for path in (person.task / "data" / "unlabelled").glob("*.jsonl")
        for row in map(json.loads, path.read_text("utf-8").splitlines())
    }
    found = {json.loads(line)["id"] for line in proposed.splitlines()}
    assert found == {id_ for id_, text in texts.items() if re.search(pattern, text)}, said[:600]


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
