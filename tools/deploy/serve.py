"""A managed, durable process that serves a model on the loopback, speaking the OpenAI protocol.

`python -m nlp_skills.tools.deploy.serve --model FOLDER --port N` (`--engine llama.cpp` for a GGUF file), run as a job
of kind `serve`: it lives until it is cancelled, and resuming it brings it back after a restart of the machine.
"""

from __future__ import annotations

import argparse
import os
import secrets as randomness
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from ...resources.foundation import secrets
from ...resources.foundation.errors import DeploymentError, MissingRequirement, PortTaken
from ...resources.foundation.language import Text
from ...resources.job import ACTIVE_STATES, JobFolder
from ...resources.task import TaskFolder
from ...resources.version import VersionFolder
from ...resources.workspace import Workspace
from ..compute.hardware import describe_machine
from ..compute.jobs import job_control
from ..compute.jobs.device_queue import jobs_with_devices
from ..compute.jobs.running import RunningJob, cancelled_error, run_job
from ..evaluate.merge import merged_as_built, merged_place
from .health import answers_at

if TYPE_CHECKING:
    from .target import Live

ENTRY = ["-m", "nlp_skills.tools.deploy.serve"]
HOST = "127.0.0.1"
KEY_NAME = "NLP_SKILLS_SERVING_KEY"
START_SECONDS = 180.0
_POLL_SECONDS = 0.2
_TRANSFORMERS, _LLAMA_CPP = "transformers", "llama.cpp"


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


def check_port(port: int) -> None:
    """Raise `DeploymentError` where another program listens on that port."""
    if not port_is_free(port):
        raise PortTaken(
            Text(f"Port {port} is taken by another program.", f"連接埠 {port} 已被其他程式占用。"),
            Text(
                "Deploy again (a free port is chosen), or stop the other program.",
                "請重新部署（會自動選可用的連接埠），或先停止那個程式。",
            ),
            field="port",
        )


def serve_merged(
    workspace: Workspace,
    version: VersionFolder,
    model: Path,
    job: RunningJob,
    *,
    port: int | None = None,
    device: str = "auto",
    seconds: float = START_SECONDS,
) -> Live:
    """Serve a merged model with `transformers serve` and wait until it answers."""
    arguments = ["--device", device]
    return _start(workspace, version, model, names_of(version)[0], arguments, job, port, seconds)


def names_of(version: VersionFolder) -> list[str]:
    """What clients call a served version: `v1`, and the task's name."""
    return list(dict.fromkeys([version.name, version.task.name]))


def still_serves(workspace: Workspace, live: Live) -> bool:
    """Whether an endpoint of an earlier deployment never stopped."""
    if live.job is None or not (workspace.jobs / live.job / "spec.json").is_file():
        return False
    return JobFolder(workspace.jobs / live.job).state() in ACTIVE_STATES and answers_at(live) is None


def serve_again(
    workspace: Workspace, earlier: Live, standing: Live | None, job: RunningJob, start: Callable[[int | None], Live]
) -> Live:
    """An earlier endpoint at the address that it had, so that its clients find it where they left it.

    Where what is live now has that very address, it is proven at another one first; should it then not come up at its
    own, what was live before is started again.

    Arguments:
        start: serves it at that port (None: a free one) and waits until it answers.
    """
    port = urlsplit(str(earlier.url)).port
    if port is None or port_is_free(port):
        return start(port)
    if standing is None or standing.job is None or standing.url != earlier.url:
        job.warn(
            Text(
                f"Port {port} has been taken by another program since; it comes back at another address.",
                f"連接埠 {port} 後來被其他程式占用，因此會改用別的位址。",
            )
        )
        return start(None)
    proven = start(None)
    holder = JobFolder(workspace.jobs / standing.job)
    job_control.cancel(JobFolder(workspace.jobs / str(proven.job)))
    job_control.cancel(holder)
    try:
        return start(port)
    except BaseException:
        job_control.resume(holder, workspace)
        raise


def serve_gguf(
    workspace: Workspace,
    version: VersionFolder,
    file: Path,
    job: RunningJob,
    *,
    port: int | None = None,
    seconds: float = START_SECONDS,
) -> Live:
    """Serve a GGUF file with llama.cpp and wait until it answers. Requests carry the serving key."""
    key = serving_key()
    arguments = ["--engine", _LLAMA_CPP, "--alias", file.stem]
    return _start(workspace, version, file, file.stem, arguments, job, port, seconds, key)


def serving_key() -> str:
    """A reference to the key llama.cpp's server asks for; made up and kept in the store of secrets on first need."""
    if secrets.lookup(KEY_NAME) is None:
        secrets.store(KEY_NAME, randomness.token_urlsafe(24))
    return f"${{{KEY_NAME}}}"


def _start(
    workspace: Workspace,
    version: VersionFolder,
    model: Path,
    name: str,
    options: list[str],
    job: RunningJob,
    port: int | None,
    seconds: float,
    key: str | None = None,
) -> Live:
    """Serve at that port, or at a free one; where somebody took that while the model was loaded, at another free one."""
    try:
        return _start_serving(workspace, version, model, name, options, job, port or free_port(), seconds, key)
    except PortTaken:
        if port is not None:
            raise
        return _start_serving(workspace, version, model, name, options, job, free_port(), seconds, key)


def _start_serving(
    workspace: Workspace,
    version: VersionFolder,
    model: Path,
    name: str,
    options: list[str],
    job: RunningJob,
    chosen: int,
    seconds: float,
    key: str | None,
) -> Live:
    from .target import Live

    arguments = [
        "--model",
        str(model),
        "--port",
        str(chosen),
        *options,
        "--task",
        str(version.task.root),
        "--version",
        version.name,
    ]
    serving = job_control.submit(workspace, "serve", ENTRY, arguments, python=sys.executable, resumable=True)
    live = Live(url=f"http://{HOST}:{chosen}", model=name, job=serving.id, api_key=key)
    try:
        job.progress(0, None, Text(f"Starting the endpoint {live.url}", f"啟動端點 {live.url}"))
        _wait_until_it_answers(serving, live, job, seconds)
    except BaseException:
        job_control.cancel(serving)
        raise
    return live


def _wait_until_it_answers(serving: JobFolder, live: Live, job: RunningJob, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job.check_cancelled()
        if serving.state() not in ACTIVE_STATES:
            raise job_control.failure(serving) or _did_not_start(serving)
        if answers_at(live) is None:
            return
        time.sleep(_POLL_SECONDS)
    raise _did_not_start(serving)


def _did_not_start(serving: JobFolder) -> DeploymentError:
    return DeploymentError(
        Text(
            f"The endpoint did not start; the end of its log is in {os.fspath(serving.output_file)}.",
            f"端點沒有成功啟動；紀錄結尾在 {os.fspath(serving.output_file)}。",
        ),
        Text(
            "Read that log, fix what it names, and deploy again; what was live before still answers.",
            "請查看紀錄並排除問題後重新部署；先前的部署仍在服務。",
        ),
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m nlp_skills.tools.deploy.serve", description=__doc__)
    parser.add_argument("--model", required=True, help="folder of the merged model, or a GGUF file")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine", choices=[_TRANSFORMERS, _LLAMA_CPP], default=_TRANSFORMERS)
    parser.add_argument("--alias", default="", help="the name llama.cpp lists the model by")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--task", default="", help="the task's folder, for those who list what is live")
    parser.add_argument("--version", default="")
    options = parser.parse_args(arguments)
    serve = _serve_gguf if options.engine == _LLAMA_CPP else _serve
    return run_job("serve", lambda job: serve(job, options), entry=ENTRY, arguments=arguments, resumable=True)


def _serve(job: RunningJob, options: argparse.Namespace) -> NoReturn:
    check_port(options.port)
    if options.device != "cpu" and (other := beside()):
        job.warn(other)
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything it serves is in the folder
    folder = _version_of(options)
    if folder is not None:
        _check_model(job, folder, Path(options.model))
    try:
        from transformers.cli.serve import Serve

        from .named_model import serve_under

        serve_under(options.model, names_of(folder) if folder else [])
        job.progress(0, 1, Text(f"loading {options.model}", f"載入 {options.model}"))
        try:
            Serve(force_model=options.model, host=HOST, port=options.port, device=options.device)
        except SystemExit:  # uvicorn's word for a port that was taken while the model was loaded
            check_port(options.port)
            raise
    except ImportError as error:
        raise MissingRequirement(
            Text(f"Serving needs a package that is missing: {error}", f"部署服務缺少套件：{error}"),
            Text("Run: pip install 'transformers[serving]'", "請執行：pip install 'transformers[serving]'"),
        ) from error
    # uvicorn ends on SIGTERM by itself and returns here.
    raise cancelled_error()


def _version_of(options: argparse.Namespace) -> VersionFolder | None:
    """The version that is served, where the job says so."""
    number = options.version.removeprefix("v")
    return VersionFolder(TaskFolder(Path(options.task)), int(number)) if options.task and number.isdigit() else None


def _check_model(job: RunningJob, version: VersionFolder, model: Path) -> None:
    """Refuse a merged model that is not as it was built; one built before that was recorded is told."""
    if model != merged_place(version):
        return
    job.progress(0, 1, Text("checking the model's files", "檢查模型檔案"))
    as_built = merged_as_built(version, "afresh")
    if as_built is None:
        job.warn(
            Text(
                "This merged model was built before its hashes were recorded, so whether it is still the same could not "
                "be verified; deploy again and it is rebuilt.",
                "這個合併模型建立時還沒有記錄雜湊值，無法驗證是否仍相同；重新部署就會重建。",
            )
        )
    elif not as_built:
        raise DeploymentError(
            Text(
                f"{model} is not the merged model that was deployed: a file of it was changed.",
                f"{model} 已經不是當初部署的合併模型，有檔案被改過。",
            ),
            Text(
                f"Deploy {version.name} again: it is rebuilt from its adapter and base.",
                f"請重新部署 {version.name}，會由轉接器與基礎模型重新建立。",
            ),
            field="version",
        )


def beside() -> Text | None:
    """What has the GPU that the model is loaded onto: an endpoint never ends, so it has no turn of its own, and one that
    is resumed comes without that of its deployment."""
    others = [one for one in jobs_with_devices() if one.spec().kind != "deploy"]
    if not others or describe_machine(Workspace()).device != "cuda":
        return None
    names = ", ".join(one.id for one in others)
    return Text(
        f"{names} is using the GPU just now; this endpoint is loaded alongside it. If memory runs out, resume it "
        "when that is done, or deploy with settings={'device': 'cpu'}.",
        f"{names} 正在使用 GPU，這個端點會和它同時載入。如果記憶體不夠，請等它完成後再接續，或以 "
        "settings={'device': 'cpu'} 部署。",
    )


def _serve_gguf(job: RunningJob, options: argparse.Namespace) -> NoReturn:
    from ..evaluate.llama_cpp import start_server

    check_port(options.port)
    job.progress(0, 1, Text(f"loading {options.model}", f"載入 {options.model}"))
    key = secrets.resolve(serving_key(), host=None)
    server, _url = start_server(Path(options.model), key=key, port=options.port, alias=options.alias)
    while server is not None:  # llama.cpp answers on threads of its own; SIGTERM ends this one
        time.sleep(1.0)
        job.check_cancelled()
    raise cancelled_error()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
