"""Seconds and peak memory of the whole demonstration, its base model built afresh.

Resident memory is summed over every process of the run, detached jobs included, twice a second (shared pages are
counted once for each process, so the true peak is a little lower).

    python benchmarks/demo.py [--language en|zh-TW]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil

_MARK = "NLP_SKILLS_BENCHMARK"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", choices=["en", "zh-TW"], default="en")
    language = parser.parse_args().language
    run = uuid.uuid4().hex
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, _MARK: run, "NLP_SKILLS_CACHE": str(Path(place) / "cache")}
        command = [
            sys.executable,
            "-m",
            "nlp_skills.server.cli",
            "demo",
            "--language",
            language,
            "--workspace",
            str(Path(place) / "demo"),
        ]
        started, peak = time.monotonic(), 0
        process = subprocess.Popen(command, env=environment)
        while process.poll() is None:
            peak = max(peak, _resident(run))
            time.sleep(0.5)
        seconds = time.monotonic() - started
    print(
        f"Demonstration ({language}): {seconds:.0f} s, at most {peak / 2**20:.0f} MiB, exit status {process.returncode}"
    )
    return process.returncode


def _resident(run: str) -> int:
    """Bytes resident in all processes of the run."""
    total = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # ended between the two looks, or not ours to read
            if process.environ().get(_MARK) == run:
                total += process.memory_info().rss
    return total


if __name__ == "__main__":
    sys.exit(main())
