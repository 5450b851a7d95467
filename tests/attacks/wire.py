"""The server as a process on standard input and output, spoken to byte by byte."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OPENING: list[dict[str, Any]] = [
    {
        "jsonrpc": "2.0",
        "id": "opening",
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "attacker", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
]


class Wire:
    """Lines to the server, and the messages that come back, kept by their id."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process, self._log = process, log
        self._arrived: queue.Queue[dict[str, Any]] = queue.Queue()
        self.messages: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._numbers = iter(range(1000, 10**6))

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._arrived.put(json.loads(line))

    def send(self, message: bytes | str | dict[str, Any] | list[Any]) -> None:
        """One line: raw bytes, text, or a message."""
        raw = (
            message
            if isinstance(message, bytes)
            else (message if isinstance(message, str) else json.dumps(message)).encode("utf-8", "surrogatepass")
        )
        assert self._process.stdin
        self._process.stdin.write(raw + b"\n")
        self._process.stdin.flush()

    def answer(self, number: Any, seconds: float = 20) -> dict[str, Any] | None:
        """The message with that id, or None where it does not come in time."""
        return self._until(
            lambda message: "id" in message and message["id"] == number and "method" not in message, seconds
        )

    def error(self, seconds: float = 20, after: int = 0) -> dict[str, Any] | None:
        """The first error after so many messages."""
        return self._until(lambda message: "error" in message, seconds, after)

    def _until(self, wanted: Any, seconds: float, after: int = 0) -> dict[str, Any] | None:
        deadline = time.monotonic() + seconds
        seen = after
        while True:
            for message in self.messages[seen:]:
                if wanted(message):
                    return message
            seen = len(self.messages)
            try:
                self.messages.append(self._arrived.get(timeout=max(deadline - time.monotonic(), 0.001)))
            except queue.Empty:
                return None

    def call(self, tool: str, seconds: float = 20, **arguments: Any) -> str:
        """What a tool answers, as text; empty where nothing comes."""
        number = self.begin(tool, **arguments)
        return json.dumps(self.answer(number, seconds) or "", ensure_ascii=False)

    def begin(self, tool: str, **arguments: Any) -> int:
        """Call a tool without waiting; the id of its answer."""
        number = next(self._numbers)
        self.send(
            {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        )
        return number

    def ping(self, seconds: float = 20) -> float | None:
        """Seconds until a ping came back; None where it did not."""
        number, began = next(self._numbers), time.monotonic()
        self.send({"jsonrpc": "2.0", "id": number, "method": "ping"})
        return time.monotonic() - began if self.answer(number, seconds) else None

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def start_wire(folder: Path, **options: Any) -> Iterator[Wire]:
    """A server started in the environment as it is now, greeted."""
    log = folder / f"server-{time.monotonic_ns()}.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "nlp_skills.server.cli"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            **options,
        ) as process,
    ):
        try:
            wire = Wire(process, log)
            for message in OPENING:
                wire.send(message)
            assert wire.answer("opening"), log.read_text(encoding="utf-8")
            yield wire
        finally:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()
