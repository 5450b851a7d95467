"""A6. Each request gets its answer, in words a person can use, whatever it holds; and the server lives on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import write_yaml
from tests.attacks.conftest import TASK, Victim, account, table
from tests.attacks.wire import Wire, start_wire

INTERNAL = re.compile(
    r"Traceback|TypeError|ValueError|KeyError|OSError|AttributeError|RecursionError|UnicodeEncodeError|UnicodeDecodeError|"
    r"OverflowError|\[Errno|validation errors? for|Input should|Value error|pydantic|object at 0x|NoneType|<class|"
    r"Errno \d|surrogates not allowed|int_parsing|string_type|Exceeds the limit"
)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with pytest.MonkeyPatch.context() as patch:
        made = account(tmp_path_factory.mktemp("answers"), patch)
        write_yaml(
            made.task / "task.yaml",
            {
                "format": 1,
                "name": TASK,
                "title": "Mails",
                "type": "classification",
                "language": "en",
                "labels": ["a", "b"],
                "created": "2026-01-01T00:00:00Z",
            },
        )
        (made.inbox / "rows.csv").write_text(table("harmless"), encoding="utf-8")
        yield made


@pytest.fixture(scope="module")
def servers(person: Victim) -> Iterator[list[Wire]]:
    """The server of the file, in a list so that a dead one can be replaced."""
    kept: list[Any] = []
    yield kept
    for _, manager in kept:
        manager.__exit__(None, None, None)


@pytest.fixture
def wire(person: Victim, servers: list[Any]) -> Wire:
    if not servers or not servers[-1][0].lives or servers[-1][0].ping(5) is None:
        manager = start_wire(person.root)
        servers.append((manager.__enter__(), manager))
    server: Wire = servers[-1][0]
    return server


def _request(number: Any, arguments: str = "{}", tool: str = '"list_tasks"', more: str = "") -> str:
    return (
        f'{{"jsonrpc":"2.0","id":{json.dumps(number)},"method":"tools/call",'
        f'"params":{{"name":{tool},"arguments":{arguments}{more}}}}}'
    )


def _deep(depth: int, begin: str = "[", end: str = "]", inner: str = "1") -> str:
    return begin * depth + inner + end * depth


# A request with the id 7; what is inside it is the attack.
REQUESTS: dict[str, str | bytes] = {
    "lone surrogate in an argument": _request(7, r'{"query":"\ud800"}'),
    "lone low surrogate": _request(7, r'{"query":"a\udc00b"}'),
    "surrogates the wrong way round": _request(7, r'{"query":"\udc00\ud800"}'),
    "lone surrogate in a name": _request(7, r'{"\ud800":1}'),
    "lone surrogate in the tool": _request(7, tool=r'"\ud800"'),
    "lone surrogate in the method": r'{"jsonrpc":"2.0","id":7,"method":"\ud800"}',
    "lone surrogate in an address": r'{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"nlp-skills://\ud800"}}',
    "lone surrogate in a prompt": r'{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"\udfff"}}',
    "lone surrogate in the meta": _request(7, more=r',"_meta":{"x":"\ud800"}'),
    "lone surrogate written": _request(7, rf'{{"task":"{TASK}","note":"\ud83d note"}}', '"update_task"'),
    "lone surrogate as a title": _request(
        7, r'{"title":"\ud800","type":"chat","language":"en","name":"s"}', '"create_task"'
    ),
    "NUL in an argument": _request(7, r'{"query":"a\u0000b"}'),
    "NUL in a task": _request(7, r'{"task":"a\u0000b"}', '"update_task"'),
    "NUL in a path": _request(
        7, rf'{{"task":"{TASK}","sources":[{{"type":"file","path":"/a\u0000b.csv"}}]}}', '"set_data_source"'
    ),
    "NUL in an address": _request(7, r'{"uri":"nlp-skills://tasks/\u0000"}', '"read_resource"'),
    "NUL in a job": _request(7, r'{"job_id":"a\u0000b"}', '"job_status"'),
    "200 deep": _request(7, f'{{"query":{_deep(200)}}}'),
    "200 deep in an object": _request(
        7,
        f'{{"task":"{TASK}","changes":{{"goal":{_deep(200, chr(123) + chr(34) + "a" + chr(34) + ":", "}")}}}}}',
        '"update_task"',
    ),
    "200 deep in a source": _request(
        7,
        f'{{"task":"{TASK}","sources":[{{"type":"api","endpoint":"http://x.example","body":{_deep(200)}}}]}}',
        '"set_data_source"',
    ),
    "500 deep": _request(7, f'{{"query":{_deep(500)}}}'),
    "2,000 deep": _request(7, f'{{"query":{_deep(2000)}}}'),
    "100,000 deep": _request(7, f'{{"query":{_deep(100_000)}}}'),
    "300 deep in the meta": _request(7, more=f',"_meta":{{"x":{_deep(300)}}}'),
    "300 deep as parameters": f'{{"jsonrpc":"2.0","id":7,"method":"ping","params":{_deep(300)}}}',
    "huge number": _request(7, '{"limit":1' + "0" * 400 + "}"),
    "number of 5,000 digits": _request(7, '{"limit":' + "9" * 5000 + "}"),
    "huge offset": _request(7, '{"uri":"nlp-skills://skills","offset":99999999999999999999999999}', '"read_resource"'),
    "negative offset": _request(7, '{"offset":-1}', '"job_status"'),
    "not a number": _request(7, '{"limit":NaN}'),
    "infinity": _request(7, '{"wait_seconds":Infinity}', '"job_status"'),
    "minus infinity": _request(7, '{"wait_seconds":-Infinity}', '"job_status"'),
    "overflowing": _request(7, '{"wait_seconds":1e999}', '"job_status"'),
    "not a number in a source": _request(
        7, f'{{"task":"{TASK}","split":{{"train":NaN,"valid":0,"test":0}}}}', '"set_data_source"'
    ),
    "infinite seed": _request(7, f'{{"task":"{TASK}","split":{{"seed":1e999}}}}', '"set_data_source"'),
    "infinite setting": _request(
        7, f'{{"task":"{TASK}","settings":{{"learning_rate":1e999,"epochs":1e400}}}}', '"plan_training"'
    ),
    "huge setting": _request(
        7, f'{{"task":"{TASK}","settings":{{"epochs":1{"0" * 320},"batch_size":1{"0" * 320}}}}}', '"plan_training"'
    ),
    "huge price": _request(
        7, f'{{"task":"{TASK}","changes":{{"success_criteria.threshold":1{"0" * 400}}}}}', '"update_task"'
    ),
    "no arguments": '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_tasks","arguments":null}}',
    "arguments as a list": _request(7, "[]"),
    "arguments as text": _request(7, '"{}"'),
    "arguments as a number": _request(7, "1"),
    "parameters as a list": '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[]}',
    "parameters as text": '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":"x"}',
    "no parameters": '{"jsonrpc":"2.0","id":7,"method":"tools/call"}',
    "no tool": '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}',
    "tool as a number": '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":1}}',
    "no method": '{"jsonrpc":"2.0","id":7}',
    "method as a number": '{"jsonrpc":"2.0","id":7,"method":1}',
    "method as nothing": '{"jsonrpc":"2.0","id":7,"method":null}',
    "empty method": '{"jsonrpc":"2.0","id":7,"method":""}',
    "long method": f'{{"jsonrpc":"2.0","id":7,"method":"{"x" * 1_000_000}"}}',
    "unknown method": '{"jsonrpc":"2.0","id":7,"method":"__class__"}',
    "other protocol": '{"jsonrpc":"1.0","id":7,"method":"ping"}',
    "no protocol": '{"id":7,"method":"ping"}',
    "protocol as a number": '{"jsonrpc":2.0,"id":7,"method":"ping"}',
    "repeated fields": '{"jsonrpc":"2.0","id":6,"id":7,"method":"ping"}',
    "meta as a list": _request(7, more=',"_meta":[]'),
    "progress token as an object": _request(7, more=',"_meta":{"progressToken":{}}'),
    "unknown prompt": '{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"no-such"}}',
    "wrong argument of a prompt": '{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"coach","arguments":{"x":{}}}}',
    "unknown resource": '{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}',
    "no address": '{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":""}}',
    "completion of nothing": '{"jsonrpc":"2.0","id":7,"method":"completion/complete","params":{"ref":{},"argument":{}}}',
    "completion of NUL": r'{"jsonrpc":"2.0","id":7,"method":"completion/complete","params":{"ref":{"type":"ref/resource",'
    r'"uri":"nlp-skills://tasks/{task}"},"argument":{"name":"task","value":"\u0000\ud800"}}}',
    "wrong cursor": '{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{"cursor":{"a":1}}}',
    "unknown level": '{"jsonrpc":"2.0","id":7,"method":"logging/setLevel","params":{"level":"loudest"}}',
    "second greeting": '{"jsonrpc":"2.0","id":7,"method":"initialize","params":{}}',
    "blank around": "  \t" + _request(7) + "  \r",
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_request_gets_its_answer(wire: Wire, kind: str) -> None:
    number, sent = f"seven-{len(wire.messages)}", REQUESTS[kind]
    assert isinstance(sent, str)
    wire.send(sent.replace('"id":7', f'"id":"{number}"'))
    answer = wire.answer(number, 5)
    assert answer is not None and ("error" in answer or "result" in answer)
    assert wire.ping(5) is not None
    assert not INTERNAL.search(json.dumps(answer, ensure_ascii=False)), json.dumps(answer)[:800]


# No request can be made out in these, or its id cannot be used: an error comes, with no id or the one sent.
LINES: dict[str, str | bytes] = {
    "no JSON": "not json",
    "half": '{"jsonrpc":"2.0","id":',
    "text": '"ping"',
    "number": "7",
    "nothing": "null",
    "truth": "true",
    "empty list": "[]",
    "batch": '[{"jsonrpc":"2.0","id":71,"method":"ping"},{"jsonrpc":"2.0","id":72,"method":"ping"}]',
    "two on a line": '{"jsonrpc":"2.0","id":73,"method":"ping"} {"jsonrpc":"2.0","id":74,"method":"ping"}',
    "single quotes": "{'jsonrpc':'2.0','id':75,'method':'ping'}",
    "comma at the end": '{"jsonrpc":"2.0","id":76,"method":"ping",}',
    "bytes that are no UTF-8": b'{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"\xff\xfe"}}',
    "surrogate as UTF-8": b'{"jsonrpc":"2.0","id":78,"method":"tools/call","params":{"name":"\xed\xa0\x80"}}',
    "UTF-16": '{"jsonrpc":"2.0","id":79,"method":"ping"}'.encode("utf-16-le"),
    "NUL": b'{"jsonrpc":"2.0","id":80,"method":"pi\0ng"}',
    "NULs": b"\0" * 1000,
    "control characters": b"\x01\x02\x1b[2J\x07",
    "id as an object": '{"jsonrpc":"2.0","id":{},"method":"ping"}',
    "id as a list": '{"jsonrpc":"2.0","id":[1],"method":"ping"}',
    "id as a fraction": '{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
    "id as a truth": '{"jsonrpc":"2.0","id":true,"method":"ping"}',
    "id as nothing": '{"jsonrpc":"2.0","id":null,"method":"ping"}',
    "id as a surrogate": r'{"jsonrpc":"2.0","id":"\ud800","method":"ping"}',
    "id without end": '{"jsonrpc":"2.0","id":1e999,"method":"ping"}',
    "id as no number": '{"jsonrpc":"2.0","id":NaN,"method":"ping"}',
    "huge id": '{"jsonrpc":"2.0","id":' + "9" * 5000 + ',"method":"ping"}',
    "open brackets": "[" * 200_000,
    "open braces": '{"a":' * 100_000,
    "open string": '"' + "a" * 1_000_000,
}


@pytest.mark.parametrize("kind", LINES)
def test_a_line_that_is_no_request_gets_an_error_and_the_server_lives_on(wire: Wire, kind: str) -> None:
    wire.ping(5)
    seen = len(wire.messages)
    wire.send(LINES[kind])
    assert wire.ping(5) is not None
    answers = [message for message in wire.messages[seen:-1] if "method" not in message]
    assert answers, "nothing came back"
    assert not INTERNAL.search(json.dumps(answers, ensure_ascii=False))


@pytest.mark.parametrize(
    "kind",
    [
        "empty line",
        "mark of order",
        "answer to nothing",
        "error to nothing",
        "notification of nothing",
        "cancelled nothing",
        "progress of nothing",
        "strange notification",
    ],
)
def test_a_line_that_asks_nothing_is_let_pass(wire: Wire, kind: str) -> None:
    wire.send(
        {
            "empty line": "",
            "mark of order": "\ufeff",
            "answer to nothing": '{"jsonrpc":"2.0","id":12345,"result":{}}',
            "error to nothing": '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}',
            "notification of nothing": '{"jsonrpc":"2.0","method":"notifications/nothing"}',
            "cancelled nothing": '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}',
            "progress of nothing": '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":[],"progress":"x"}}',
            "strange notification": r'{"jsonrpc":"2.0","method":"\ud800","params":[[[]]]}',
        }[kind]
    )
    assert wire.ping(5) is not None


WRITTEN: dict[str, str] = {
    "long": "x" * 10_000,
    "long in Chinese": "客" * 10_000,
    "control characters": "a\x01\x1b[31m\x7f\x07b",
    "lines": "a\r\n\u2028\u2029b",
    "bidi": "safe\u202egpj.exe\u2066\u200f",
    "invisible": "\u200b\ufeff\u00ad",
    "dots": "..",
    "dot": ".",
    "up": "../../up",
    "absolute": "/etc/x",
    "drive": "C:\\x",
    "share": "\\\\host\\x",
    "reserved": "CON",
    "reserved with an ending": "nul.txt",
    "empty": "",
    "blank": "   ",
    "dash": "-rf",
    "tilde": "~",
    "percent": "%2e%2e",
    "wild": "*?[",
    "quotes": "'\"`$(x)",
    "combining": "e" + "\u0301" * 3_000,
    "emoji": "😀" * 3_000,
    "markup": "<script>alert(1)</script>",
    "braces": "{text}{0.__class__}%s",
}
ARGUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "title": ("create_task", {"type": "classification", "language": "en", "title": "@", "labels": ["a", "b"]}),
    "name": ("create_task", {"type": "chat", "language": "en", "title": "x", "name": "@"}),
    "label": (
        "create_task",
        {"type": "classification", "language": "en", "title": "x", "name": "x1", "labels": ["@", "b"]},
    ),
    "task": ("update_task", {"task": "@", "note": "x"}),
    "clone": ("manage_task", {"action": "clone", "task": TASK, "name": "@"}),
    "job": ("job_status", {"job_id": "@"}),
    "plan": ("plan_training", {"task": TASK, "name": "@"}),
    "version": ("evaluate", {"task": TASK, "version": "@"}),
    "machine": ("set_up", {"what": "machine", "name": "@", "settings": {"kind": "ssh", "host": "x"}}),
    "benchmark": ("evaluate", {"task": TASK, "benchmark": "@"}),
    "address": ("read_resource", {"uri": "nlp-skills://tasks/@"}),
    "path": ("manage_task", {"action": "import", "path": "@"}),
    "export": ("manage_task", {"action": "export", "task": TASK, "path": "@"}),
    "source": ("set_data_source", {"task": TASK, "sources": [{"type": "file", "path": "@"}]}),
    "source's name": (
        "set_data_source",
        {"task": TASK, "sources": [{"type": "file", "path": "inbox/rows.csv", "name": "@"}]},
    ),
    "writer": ("add_examples", {"task": TASK, "by": "@", "examples": [{"text": "a lamp", "label": "a"}]}),
    "model": ("try_model", {"task": TASK, "model": "@", "text": "x"}),
    "base": ("try_model", {"task": TASK, "model": "base:@", "text": "x"}),
    "field": ("update_task", {"task": TASK, "changes": {"@": "x"}}),
    "target": ("deploy", {"task": TASK, "target": "@"}),
    "rule": (
        "add_examples",
        {"task": TASK, "action": "propose", "by": "rules", "settings": {"rules": [{"label": "@", "keywords": ["x"]}]}},
    ),
}


def _fill_text(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {_fill_text(key, text): _fill_text(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_fill_text(inner, text) for inner in value]
    return value.replace("@", text) if isinstance(value, str) else value


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_strange_names_are_answered_in_words(wire: Wire, person: Victim, argument: str) -> None:
    tool, arguments = ARGUMENTS[argument]
    wrong = []
    for kind, text in WRITTEN.items():
        said = wire.call(tool, 10, **_fill_text(arguments, text))
        if said == '""' or INTERNAL.search(said):
            wrong.append((kind, (found := INTERNAL.search(said)) and said[max(0, found.start() - 150) :][:300]))
        elif len(said) > 40_000:
            wrong.append((kind, f"an answer of {len(said)} characters"))
    assert not wrong
    folders = [path.parent.name for path in person.workspace.glob("*/task.yaml")]
    assert all(re.fullmatch(r"\.?[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) for name in folders), folders
    assert not (person.root / "up").exists() and not (person.home / "up").exists()


@pytest.mark.parametrize("kind", ["long", "control characters", "bidi", "long in Chinese"])
@pytest.mark.parametrize("argument", ["title", "label"])
def test_titles_and_labels_have_a_length_and_printable_characters(wire: Wire, argument: str, kind: str) -> None:
    tool, arguments = ARGUMENTS[argument]
    said = json.loads(wire.call(tool, 10, **_fill_text(arguments, WRITTEN[kind])))
    accepted = not said["result"].get("isError")
    kept = json.dumps(said["result"].get("structuredContent", {}).get("definition", {}), ensure_ascii=False)
    assert not accepted or (WRITTEN[kind] not in kept and json.dumps(WRITTEN[kind])[1:-1] not in kept)
