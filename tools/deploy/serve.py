"""A managed, durable process that serves a merged model on the loopback, speaking the OpenAI protocol.

`python -m nlp_skills.tools.deploy.serve --model FOLDER --port N`, run as a job of kind `serve`: it lives until it is
cancelled, and `resume_job` brings it back after a restart of the machine.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from typing import Any

from ...resources.errors import DeploymentError, MissingRequirement
from ...resources.language import Text
from ..compute.running import RunningJob, cancelled, run_job

ENTRY = ["-m", "nlp_skills.tools.deploy.serve"]
HOST = "127.0.0.1"


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.deploy.serve", description=__doc__)
    parser.add_argument("--model", required=True, help="folder of the merged model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--task", default="", help="the task's folder, for those who list what is live")
    parser.add_argument("--version", default="")
    options = parser.parse_args(arguments)
    return run_job("serve", lambda job: _serve(job, options), entry=ENTRY, arguments=arguments, resumable=True)


def _serve(job: RunningJob, options: argparse.Namespace) -> dict[str, Any]:
    if not port_is_free(options.port):
        raise DeploymentError(
            Text(f"Port {options.port} is taken by another program.", f"連接埠 {options.port} 已被其他程式占用。"),
            Text("Deploy again (a free port is chosen), or stop the other program.",
                 "請重新部署（會自動選可用的連接埠），或先停止那個程式。"),
            field="port",
        )
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything it serves is in the folder
    try:
        from transformers.cli.serve import Serve

        job.progress(0, 1, Text(f"loading {options.model}", f"載入 {options.model}"))
        Serve(force_model=options.model, host=HOST, port=options.port, device=options.device)
    except ImportError as error:
        raise MissingRequirement(
            Text(f"Serving needs a package that is missing: {error}", f"部署服務缺少套件：{error}"),
            Text("Run: pip install 'transformers[serving]'", "請執行：pip install 'transformers[serving]'"),
        ) from error
    # uvicorn ends on SIGTERM by itself and returns here.
    raise cancelled()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
