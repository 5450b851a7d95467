"""Regenerate a task's data, and stop for ever at a named point, where the test kills this process.

python stopping.py MODULE FUNCTION NTH_CALL TASK
"""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from typing import Any

from nlp_skills.tools.data.regenerate import main

if __name__ == "__main__":
    module, name, nth, task = sys.argv[1:]
    target, calls = importlib.import_module(module), 0
    original = getattr(target, name)

    def stopping(*arguments: Any, **options: Any) -> Any:
        global calls
        calls += 1
        if calls == int(nth):
            print("reached", flush=True)
            threading.Event().wait()
        return original(*arguments, **options)

    setattr(target, name, stopping)
    sys.exit(main(Path(task), []))
