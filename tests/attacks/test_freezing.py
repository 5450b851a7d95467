"""A5. Whatever one call does, a ping beside it comes back at once and the call itself ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import write_yaml
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
