"""Processor and wall time from starting the process to the answer of `tools/list`, beside a bare MCPServer, and the memory.

Pairs are interleaved (bare, ours, bare, ours, …) so that a busy moment of the machine touches both; bytecode is
compiled before. Run: `python benchmarks/startup.py [--pairs 15] [--json]`.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mcp
import psutil

import nlp_skills

BARE = "from mcp.server import MCPServer\nMCPServer('bare').run('stdio')\n"
OURS = "import sys\nfrom nlp_skills.server.cli import main\nsys.exit(main(['serve']))\n"
_OPENING = (
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "benchmark", "version": "1"},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
)


def measure(pairs: int) -> dict[str, Any]:
    """Medians of processor seconds, wall seconds and memory (MB) at `tools/list`, and the ratio of processor seconds."""
    for package in (nlp_skills, mcp):
        root = Path(package.__path__[0])
        for folder in (root, *(entry.resolve() for entry in root.iterdir() if entry.is_symlink() and entry.is_dir())):
            compileall.compile_dir(folder, quiet=2)  # it does not follow a checkout's links by itself
    taken: dict[str, list[tuple[float, float, float, int]]] = {"bare": [], "ours": []}
    with tempfile.TemporaryDirectory() as workspace:
        for code in (BARE, OURS):
            _once(code, workspace)  # fills the disk cache
        for _ in range(pairs):
            taken["bare"].append(_once(BARE, workspace))
            taken["ours"].append(_once(OURS, workspace))
    spent, seconds, memory = (
        {name: statistics.median(run[place] for run in runs) for name, runs in taken.items()} for place in range(3)
    )
    ratios = [ours[0] / bare[0] for bare, ours in zip(taken["bare"], taken["ours"], strict=True)]
    return {
        "pairs": pairs,
        "bare_processor": round(spent["bare"], 3),
        "ours_processor": round(spent["ours"], 3),
        "bare_seconds": round(seconds["bare"], 3),
        "ours_seconds": round(seconds["ours"], 3),
        "ratio": round(statistics.median(ratios), 3),
        "bare_mb": round(memory["bare"], 1),
        "ours_mb": round(memory["ours"], 1),
        "tools": taken["ours"][-1][3],
    }


def _once(code: str, workspace: str) -> tuple[float, float, float, int]:
    environment = {**os.environ, "NLP_SKILLS_WORKSPACE": workspace}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin and process.stdout
    with process:
        for message in _OPENING:
            process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            answer = json.loads(line)
            if answer.get("id") == 2:
                break
        else:
            raise RuntimeError(f"the server ended early with status {process.wait()}")
        seconds = time.perf_counter() - started
        seen = psutil.Process(process.pid)
        memory, times = seen.memory_info().rss / 1e6, seen.cpu_times()
        process.stdin.close()
    return times.user + times.system, seconds, memory, len(answer["result"]["tools"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.pairs)
    if options.json:
        print(json.dumps(result))
    else:
        print(
            "Start to tools/list, median of {pairs} pairs: bare {bare_processor} s of processor time ({bare_seconds} s), nlp-skills "
            "{ours_processor} s ({ours_seconds} s, {tools} tools), ratio {ratio}; memory {bare_mb} MB and {ours_mb} MB".format(
                **result
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
