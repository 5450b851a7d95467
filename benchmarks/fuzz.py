"""Calls with senseless, hostile and half-right arguments over stdio, one after another, while a second voice pings.

Counts answers that never came, took long, carried a traceback, a Python or pydantic message, or JSON-RPC's internal error;
and how long pings took meanwhile. Each seed has its own server and workspace, and the same seed sends the same calls.
Run on an idle machine: `.venv/bin/python benchmarks/fuzz.py [--calls 5000] [--seeds 1 2 3 4 5] [--keep FILE]`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz_arguments import TEXTS, arguments_for

LONGEST_ANSWER, LONGEST_PING, PING_EVERY, GIVEN_UP = 25.0, 1.0, 0.2, 120.0
INTERNAL = re.compile(
    r"Traceback \(most|\b(?:Type|Value|Key|OS|Attribute|Recursion|Unicode\w*|Overflow|Index|Runtime|Assertion)Error\b|\[Errno"
    r"|validation errors? for|Input should|Value error|pydantic|<class '|object at 0x|did not expect"
)
OPENING: list[dict[str, Any]] = [
    {
        "jsonrpc": "2.0",
        "id": "opening",
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": "tools", "method": "tools/list"},
]
KNOWN: dict[str, list[Any]] = {
    "task": ["mails", "mails", "mails", "news", "nobody"],
    "compare": [["mails", "news"]],
    "name": ["fresh", "gpubox", "first"],
    "title": ["Sort mail", "分類客訴"],
    "goal": ["Sort the mail"],
    "labels": [["refund", "delivery"]],
    "version": ["v1", "latest", "v2"],
    "parent": ["v1"],
    "plan": ["first", "v1"],
    "a": ["v1", "latest"],
    "b": ["v2", "ollama:qwen3"],
    "source": [0, 1],
    "uri": ["task://mails", "knowledge://overview", "task://mails/data"],
    "by": ["rules", "chat", "endpoint", "v1"],
    "target": ["ollama", "vllm", "gguf", "endpoint", "fastapi", "huggingface"],
    "url": ["http://127.0.0.1:1"],
    "api_key": ["${MY_KEY}"],
    "split": [{"train": 0.8, "valid": 0.1, "test": 0.1}, {"by": "time", "column": "date"}],
    "quality": [{"min_characters": 3}],
    "deduplicate_on": [["text"]],
    "accept": [{}],
    "revision": [""],
    "benchmark": [""],
    "entity": ["", "parcel"],
    "cursor": [""],
    "job_id": ["latest", "20260101-000000-1"],
    "machine": ["", "gpubox"],
    "wait_seconds": [0, 1],
    "log_lines": [0, 20],
    "include": [["data"]],
    "model": ["base:nobody/nothing", "gguf:model.gguf", "v1", "ollama:qwen3"],
    "changes": [{"success_criteria.threshold": 0.8}, {"goal": "Sort"}, {"labels": ["refund", "delivery", "praise"]}],
    "settings": [
        {},
        {"epochs": 1},
        {"rules": [{"pattern": "refund", "label": "refund"}]},
        {"host": "127.0.0.1", "user": "me"},
    ],
    "answers": [{"goal": "Sort mail"}, {"labels": ["refund", "delivery"]}],
    "examples": [[{"text": "Where is my money?", "label": "refund"}, {"text": "It never came", "label": "delivery"}]],
    "message": ["I want to train a model", "我想訓練一個模型", "why is v2 worse?"],
    "text": ["Where is my parcel?", "我要退款"],
    "complaint": ["it mixes up refunds and deliveries"],
}


@dataclass
class Tally:
    """What came back."""

    calls: int = 0
    seconds: list[float] = field(default_factory=list)
    pings: list[float] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)


class Connection:
    """A server process, and the answers that came, by their id."""

    def __init__(self, folder: Path) -> None:
        environment = {
            **os.environ,
            "NLP_SKILLS_WORKSPACE": str(folder / "tasks"),
            "NLP_SKILLS_SECRETS_DIR": str(folder / "account"),
            "HOME": str(folder / "home"),
            "PIP_NO_INDEX": "1",
            "NLP_SKILLS_CACHE": str(folder / "cache"),
            "TMPDIR": str(folder),
        }
        self.log = folder / "server.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nlp_skills.server.cli"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("wb"),
        )
        self._answers: dict[Any, tuple[float, dict[str, Any]]] = {}
        self._came, self._writing = threading.Condition(), threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()
        for message in OPENING:
            self.send(message)

    def send(self, message: dict[str, Any]) -> float:
        assert self.process.stdin
        line = json.dumps(message).encode("utf-8") + b"\n"
        with self._writing:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        return time.monotonic()

    def answer(self, number: Any, seconds: float) -> tuple[float, dict[str, Any]] | None:
        """When an answer came and what it says; None where it did not come."""
        with self._came:
            self._came.wait_for(lambda: number in self._answers or self.process.poll() is not None, seconds)
            return self._answers.pop(number, None)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            if "method" not in message:
                with self._came:
                    self._answers[message.get("id")] = (time.monotonic(), message)
                    self._came.notify_all()
        with self._came:
            self._came.notify_all()


def fuzz(seed: int, calls: int, folder: Path) -> Tally:
    """Send that many calls to a new server."""
    draw, tally = random.Random(seed), Tally()
    furnish(folder)
    connection = Connection(folder)
    files = [str(folder / "tasks" / "inbox" / name) for name in ("mails.csv", "odd.csv")]
    known = {**KNOWN, "path": files, "sources": [[{"type": "file", "path": path}] for path in files]}
    try:
        listed = connection.answer("tools", 30)
        assert listed, connection.log.read_text(encoding="utf-8")
        tools = listed[1]["result"]["tools"]
        for number, (tool, arguments) in enumerate(opening_calls(folder)):
            connection.send(_call(f"first-{number}", tool, arguments))
            connection.answer(f"first-{number}", 60)
        ended = threading.Event()
        pinging = threading.Thread(target=_ping, args=(connection, tally, ended))
        pinging.start()
        for number in range(calls):
            tool = draw.choice(tools)
            arguments = arguments_for(tool, draw, known)
            name = tool["name"] if draw.random() > 0.02 else draw.choice(TEXTS)
            began = connection.send(_call(number, name, arguments))
            _judge(tally, seed, number, name, arguments, began, connection.answer(number, GIVEN_UP))
            if connection.process.poll() is not None:
                tally.faults.append(
                    {"seed": seed, "call": number, "fault": "the server ended", "tool": name, "arguments": arguments}
                )
                break
        ended.set()
        pinging.join()
    finally:
        connection.process.kill()
        connection.process.wait()
    if "Traceback (most" in connection.log.read_text(encoding="utf-8", errors="replace"):
        tally.faults.append(
            {
                "seed": seed,
                "fault": "a traceback in the server's log",
                "said": connection.log.read_text(encoding="utf-8", errors="replace")[-3000:],
            }
        )
    return tally


def furnish(folder: Path) -> None:
    """A workspace with files to read and nothing to train with."""
    for name in ("home", "account", "cache", "tasks/inbox"):
        (folder / name).mkdir(parents=True)
    draw = random.Random(0)
    words = ["".join(draw.choices("aeioubcdlmnprst", k=6)) for _ in range(400)]
    rows = [
        f"{('parcel', 'money')[row % 2]} {' '.join(draw.sample(words, 9))},{('delivery', 'refund')[row % 2]}"
        for row in range(200)
    ]
    (folder / "tasks" / "inbox" / "mails.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    (folder / "tasks" / "inbox" / "odd.csv").write_bytes(
        "文字,標籤\n我要退款,refund\n".encode("big5") + bytes(range(256))
    )


def opening_calls(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """What makes two tasks that can be spoken of."""
    common = {"labels": ["refund", "delivery"], "type": "classification", "language": "en", "goal": "Sort the mail"}
    return [("create_task", {"name": name, "title": name, **common}) for name in ("mails", "news")] + [
        (
            "set_data_source",
            {"task": "mails", "sources": [{"type": "file", "path": str(folder / "tasks/inbox/mails.csv")}]},
        ),
        ("prepare_data", {"task": "mails", "confirm": True}),
    ]


def _call(number: Any, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def _judge(
    tally: Tally,
    seed: int,
    number: int,
    tool: str,
    arguments: Any,
    began: float,
    came: tuple[float, dict[str, Any]] | None,
) -> None:
    tally.calls += 1
    seconds = (came[0] if came else time.monotonic()) - began
    tally.seconds.append(seconds)
    faults = []
    if came is None:
        faults.append("no answer")
    elif seconds > LONGEST_ANSWER:
        faults.append("slow")
    said = json.dumps(came[1], ensure_ascii=False) if came else ""
    error = (came[1].get("error") or {}) if came else {}
    if error.get("code") == -32603:
        faults.append("internal error")
    if found := INTERNAL.search(said):
        faults.append(f"internal words: {found[0]}")
    tally.told[
        "error of the protocol" if error else "error" if '"isError": true' in said else "answer" if came else "nothing"
    ] += 1
    tally.faults += [
        {
            "seed": seed,
            "call": number,
            "fault": fault,
            "tool": tool,
            "seconds": round(seconds, 2),
            "arguments": arguments,
            "said": said[:1500],
        }
        for fault in faults
    ]


def _ping(connection: Connection, tally: Tally, ended: threading.Event) -> None:
    number = 0
    while not ended.wait(PING_EVERY) and connection.process.poll() is None:
        number += 1
        began = connection.send({"jsonrpc": "2.0", "id": f"ping-{number}", "method": "ping"})
        came = connection.answer(f"ping-{number}", GIVEN_UP)
        tally.pings.append((came[0] if came else time.monotonic()) - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=5_000, help="of all seeds together")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--keep", type=Path, help="write every fault with its arguments there, as JSON lines")
    options = parser.parse_args()
    whole = Tally()
    for seed in options.seeds:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            tally = fuzz(seed, options.calls // len(options.seeds), Path(folder))
        whole = Tally(
            whole.calls + tally.calls,
            whole.seconds + tally.seconds,
            whole.pings + tally.pings,
            whole.told + tally.told,
            whole.faults + tally.faults,
        )
        print(
            f"seed {seed}: {tally.calls:,} calls, slowest {max(tally.seconds):.2f} s, {len(tally.pings):,} pings, slowest "
            f"{max(tally.pings):.2f} s, {len(tally.faults)} faults",
            flush=True,
        )
        if options.keep:
            options.keep.write_text("".join(json.dumps(fault) + "\n" for fault in whole.faults), encoding="utf-8")
    in_time = sum(ping <= LONGEST_PING for ping in whole.pings) / len(whole.pings)
    told = ", ".join(f"{count:,} {name}" for name, count in whole.told.most_common())
    print(
        f"{whole.calls:,} calls ({told}): median {statistics.median(whole.seconds) * 1000:.0f} ms, slowest {max(whole.seconds):.2f} s; "
        f"{in_time:.2%} of {len(whole.pings):,} pings within {LONGEST_PING:.0f} s, slowest {max(whole.pings):.2f} s; "
        f"{len(whole.faults)} faults"
    )
    for fault, count in Counter(f"{one['fault']} ({one.get('tool', '')[:40]!r})" for one in whole.faults).most_common(
        20
    ):
        print(f"  {count} × {fault}")
    return 1 if whole.faults or in_time < 0.999 else 0


if __name__ == "__main__":
    sys.exit(main())
