"""Run by an interpreter of the tests: reads the libraries once, then forks a process for each job it is asked for.

A connection asks with one JSON line, hears the pid, and is closed when that process has ended. It ends when its own
standard input does, so with the tests.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import warnings
from pathlib import Path
from typing import Any


def main(address: str, modules: list[str]) -> None:
    if "transformers" in modules:
        from nlp_skills.tools.compute.environments.libraries import settle_libraries

        settle_libraries()
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    print("ready", flush=True)
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        for source in (listener, woken, sys.stdin):
            selector.register(source, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select()]
            if sys.stdin in ready:
                return
            if woken in ready:
                woken.recv(4096)
                with contextlib.suppress(ChildProcessError):
                    while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                        waiting.pop(ended).close()
            if listener in ready:
                connection = listener.accept()[0]
                asked = json.loads(connection.makefile().readline())
                if (pid := os.fork()) == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for held in (listener, woken, wake, connection, *waiting.values()):
                        held.close()
                    os._exit(run(asked))
                waiting[pid] = connection
                connection.sendall(f"{pid}\n".encode())


def run(asked: dict[str, Any]) -> int:
    """`python COMMAND` in this process, which has read the libraries already: its exit status."""
    os.setsid()
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    output = os.open(asked["output"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    sys.stdin = os.fdopen(0)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, encoding="utf-8") for number in (1, 2))
    sys.path[:0] = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one and one not in sys.path]
    if own := next((path for path in sys.path if (Path(path) / "sitecustomize.py").is_file()), None):
        runpy.run_path(str(Path(own) / "sitecustomize.py"))  # as an interpreter that starts would
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
    command = asked["command"]
    try:
        if command[0] == "-m":
            sys.argv = [command[1], *command[2:]]
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = command
            sys.path.insert(0, str(Path(command[0]).resolve().parent))
            runpy.run_path(command[0], run_name="__main__")
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return status


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
