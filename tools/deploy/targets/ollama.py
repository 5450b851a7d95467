"""A model of the person's own Ollama."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ....resources.foundation.errors import DeploymentError, MissingRequirement
from ....resources.foundation.files import sha256_file, write_atomic
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.foundation.secrets import redact
from ....resources.foundation.wording import written_as
from ....resources.task import Task
from ....resources.version import VersionFolder
from ....resources.workspace import Workspace
from ...compute.addresses import check_host
from ...compute.jobs.running import RunningJob
from ...compute.own_servers import ollama_url
from ...data.reach import require_reach
from ...evaluate.endpoint import base_url, read_bounded, whole
from ...evaluate.merge import merged_model
from ..deployments import history
from ..gguf import gguf_file
from ..needs import need_merging
from ..ollama_model import ollama_model
from ..target import Live, Target

if TYPE_CHECKING:
    import httpx

_ASK_SECONDS, _CREATE_SECONDS = 5.0, 1800.0
_CANDIDATE = "-candidate"
_CHUNK = 1 << 20
_MOST_TOLD = 16 << 20  # of what it says while it builds


class Ollama(Target):
    """A model in Ollama: GGUF, chat template, system prompt and greedy parameters sent over its HTTP API.

    It is made beside what has that name, asked the benchmark, and only then takes the name. The same is written as a
    Modelfile in `models/vN/ollama`.
    """

    name: Annotated[
        str | None,
        written_as(
            r"[a-z0-9][\w.-]*(/[\w.-]+)?(:[\w.-]+)?",
            Text("model:tag, beginning with a small letter or a digit", "model:tag，以小寫字母或數字開頭"),
        ),
    ] = Field(None, description="the model's name; TASK:vN by default")
    url: str | None = Field(None, description="where Ollama listens; OLLAMA_HOST or this machine by default")
    quantization: Literal["f16", "q8_0", "q4_K_M", "q4_K_S"] = Field("f16", description="done by Ollama")
    replace: bool = Field(False, description="take the name of a model not deployed from here")
    pre_tokenizer: str | None = Field(None, description="for a tokenizer llama.cpp does not know: qwen2, gpt-2, …")

    def check(self, task: Task) -> None:
        require_reach(task, self._url(), None)
        need_merging()
        self._digests()

    def bring_up(self, workspace: Workspace, version: VersionFolder, job: RunningJob) -> Live:
        name = self._name(version)
        self._check_name(version, name)
        file = gguf_file(version, "f16", job, pre_tokenizer=self.pre_tokenizer)
        model = ollama_model(version, merged_model(version, "afresh"))
        place = version.models / "ollama" / "Modelfile"
        write_atomic(place, model.modelfile(f"../gguf/{file.name}"))
        digest = f"sha256:{sha256_file(file)}"
        candidate = name + _CANDIDATE
        with self._client(_CREATE_SECONDS) as client:
            self._send_blob(client, file, digest, job)
            job.progress(0, None, Text(f"Ollama builds {candidate}", f"Ollama 正在建立 {candidate}"))
            request = {
                "model": candidate,
                "files": {file.name: digest},
                "template": model.template,
                "parameters": model.parameters,
                "stream": True,
            }
            if model.system is not None:
                request["system"] = model.system
            if self.quantization != "f16":
                request["quantize"] = self.quantization
            live = Live(url=self._url(), model=candidate, files=[str(place)], system_is_baked=model.system is not None)
            try:
                self._create(client, request, job)
                self._check_content(client, candidate, digest)
                live = live.model_copy(update={"digest": self._digests().get(candidate)})
                if live.digest is None:
                    raise self._stale(candidate)
            except BaseException:
                self._delete(client, candidate)
                raise
        return live

    def switch_over(self, workspace: Workspace, live: Live) -> Live:
        name = live.model.removesuffix(_CANDIDATE)
        with self._client() as client:
            self._post(client, "/api/copy", {"source": live.model, "destination": name})
            if self._digests().get(name) != live.digest:
                raise self._stale(name)
            self._delete(client, live.model)
        return live.model_copy(update={"model": name})

    def take_down(self, workspace: Workspace, live: Live) -> None:
        known = self._digests()
        if known.get(live.model) is not None and live.digest in (None, known[live.model]):
            with self._client() as client:
                self._delete(client, live.model)

    def healthy(self, live: Live) -> Text | None:
        try:
            found = self._digests().get(live.model)
        except MissingRequirement as error:
            return error.problem
        if found is None:
            return Text(f"Ollama no longer has {live.model}.", f"Ollama 已經沒有 {live.model}。")
        if found != live.digest:
            return Text(
                f"{live.model} in Ollama is no longer the model that was deployed.",
                f"Ollama 裡的 {live.model} 已經不是當初部署的那一個。",
            )
        return None

    def _name(self, version: VersionFolder) -> str:
        name = self.name or f"{version.task.name}:{version.name}"
        return name if ":" in name else f"{name}:latest"

    def _url(self) -> str:
        return base_url(self.url or ollama_url())

    def _client(self, seconds: float = _ASK_SECONDS) -> httpx.Client:
        import httpx

        from ...data.web.guarded import GuardedTransport

        check_host(self._url(), "url")
        return httpx.Client(
            base_url=self._url(),
            timeout=httpx.Timeout(seconds, connect=_ASK_SECONDS),
            transport=GuardedTransport(),
            trust_env=False,
        )

    def _digests(self) -> dict[str, str]:
        """The digest of every model it has, by name.

        Raises:
            MissingRequirement: nothing, or something else, answers there.
        """
        import httpx

        try:
            with self._client() as client:
                listed = whole(client, "GET", "/api/tags")
                listed.raise_for_status()
                return {str(entry["name"]): str(entry["digest"]) for entry in listed.json()["models"]}
        except (httpx.HTTPError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise MissingRequirement(
                Text(f"Ollama does not answer at {self._url()}.", f"Ollama 沒有在 {self._url()} 回應。"),
                Text(
                    "Start it (ollama serve, or its app: https://ollama.com/download), or name another address in "
                    "settings.url.",
                    "請啟動它（ollama serve 或應用程式，可從 https://ollama.com/download 取得），"
                    "或在 settings.url 指定別的位址。",
                ),
                field="settings.url",
            ) from error

    def _check_name(self, version: VersionFolder, name: str) -> None:
        standing = self._digests().get(name)
        ours = {deployment.digest for deployment in history(version.task) if deployment.model == name}
        if standing is not None and standing not in ours and not self.replace:
            raise DeploymentError(
                Text(
                    f"Ollama has a model {name} that was not deployed from here.",
                    f"Ollama 已經有一個名為 {name} 的模型，不是從這裡部署的。",
                ),
                Text(
                    "Choose another settings.name, or set settings.replace to true to put this one in its place.",
                    "請換一個 settings.name；確定要取代它，就把 settings.replace 設為 true。",
                ),
                field="settings.name",
            )

    def _send_blob(self, client: httpx.Client, file: Path, digest: str, job: RunningJob) -> None:
        import httpx

        try:
            if client.head(f"/api/blobs/{digest}").status_code == 200:
                return
            sent = client.post(f"/api/blobs/{digest}", content=_chunks(file, job))
        except httpx.HTTPError as error:
            raise self._failure(str(error)) from error
        if sent.status_code not in (200, 201):
            raise self._failure(sent.text)

    def _create(self, client: httpx.Client, request: JsonObject, job: RunningJob) -> None:
        """Ask for the model and follow what it says to the end."""
        import httpx

        last = ""
        try:
            with client.stream("POST", "/api/create", json=request) as answer:
                for line in _lines(read_bounded(answer, _CREATE_SECONDS, _MOST_TOLD)):
                    said = json.loads(line)
                    if said.get("error"):
                        raise self._failure(str(said["error"]))
                    last = str(said.get("status", ""))
                    job.progress(0, None, Text(f"Ollama: {last}", f"Ollama：{last}"))
        except (httpx.HTTPError, ValueError, AttributeError, RecursionError) as error:
            raise self._failure(str(error)) from error
        if last != "success":
            raise self._failure(last or "no answer")

    def _check_content(self, client: httpx.Client, name: str, digest: str) -> None:
        """The model under that name must be built from the blob just sent; a quantised one is rebuilt by Ollama."""
        shown = str(self._post(client, "/api/show", {"model": name}).get("modelfile") or "")
        blobs = set(re.findall(r"sha256[-:]([0-9a-f]{64})", shown))
        if self.quantization == "f16" and blobs and digest.removeprefix("sha256:") not in blobs:
            raise self._stale(name)

    def _post(self, client: httpx.Client, path: str, content: JsonObject) -> JsonObject:
        import httpx

        try:
            answer = whole(client, "POST", path, content)
            answer.raise_for_status()
            return dict(answer.json()) if answer.content.strip() else {}
        except (httpx.HTTPError, ValueError, TypeError, RecursionError) as error:
            raise self._failure(str(error)) from error

    def _delete(self, client: httpx.Client, name: str) -> None:
        import httpx

        with contextlib.suppress(httpx.HTTPError):
            client.request("DELETE", "/api/delete", json={"model": name})

    def _stale(self, name: str) -> DeploymentError:
        return DeploymentError(
            Text(
                f"Ollama has an older model under the name {name}, not the one just sent.",
                f"Ollama 裡名為 {name} 的仍是舊模型，不是剛送去的這一個。",
            ),
            Text(
                f"Remove it (ollama rm {name}) and deploy again, or choose another settings.name.",
                f"請移除它（ollama rm {name}）後再部署，或換一個 settings.name。",
            ),
            field="settings.name",
        )

    def _failure(self, why: str) -> DeploymentError:
        said = redact(why)[:300]
        return DeploymentError(
            Text(f"Ollama could not make the model: {said}", f"Ollama 無法建立模型：{said}"),
            Text(
                "What was live before still answers. Its own log says more; an architecture it does not know needs a "
                "newer Ollama, a full disk needs room.",
                "先前的部署仍在服務。Ollama 自己的紀錄有更多說明；不認得的架構要更新 Ollama，磁碟滿了要清出空間。",
            ),
            field="target",
        )


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a body that comes in pieces, without the empty ones."""
    rest = b""
    for piece in pieces:
        *whole_lines, rest = (rest + piece).split(b"\n")
        yield from (line for line in whole_lines if line.strip())
    if rest.strip():
        yield rest


def _chunks(file: Path, job: RunningJob) -> Iterator[bytes]:
    total, done = file.stat().st_size, 0
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk
            done += len(chunk)
            job.progress(done, total, Text("Sending the model to Ollama", "將模型送往 Ollama"))
