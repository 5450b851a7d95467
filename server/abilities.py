"""What a machine can do, for `nlp-skills doctor`: train with which methods and how large a model, convert, serve; and the
command that brings each thing it cannot."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..resources.catalogue import base_models
from ..resources.foundation.language import CLAUSES, Text, several
from ..tools.compute.hardware import Machine
from ..tools.compute.machine import CheckResult
from ..tools.compute.own_servers import ollama_url
from ..tools.deploy.llama_cpp import CONVERTER, standing_converter
from ..tools.train.base_facts import Outline
from ..tools.train.estimate import Rows, memory_by_parts
from ..tools.train.method import methods

_NAME = "nlp-skills"
_ASK_SECONDS = 1.0
_ROWS = Rows(count=500, tokens=(0, 0), longest=512)  # what a size is judged by: short rows, one at a time
_NF4_BYTES = 0.55  # of a weight in four bits
_BITSANDBYTES, _LLAMA_CPP = "bitsandbytes", "xllamacpp"
_QUANTISED = re.compile(r"qlora|load_in_4bit|quantization", re.IGNORECASE)
_NOT_ROADS = ("test", "all", "train", "sources")  # extras that open no road of their own
_OLLAMA_PAGE = "https://ollama.com/download"


def training(name: str, machine: Machine, libraries: Mapping[str, Any]) -> Iterator[CheckResult]:
    """Which methods it can train with and on how large a base model.

    Arguments:
        name: of the machine in front of each line; empty for this one.
        libraries: of its worker environment, by name; empty where there is none.
    """
    on = Text(f"Machine {name}: " if name else "", f"機器 {name}：" if name else "")
    gpus = machine.gpus if machine.device == "cuda" else []
    if gpus:
        yield _gpus(on, machine)
    gpu, room = bool(gpus), max((gpu.memory for gpu in gpus), default=machine.memory)
    where = Text("on one GPU", "單張 GPU") if gpu else Text("on the processors", "處理器")
    sizes = [(Text("LoRA", "LoRA "), largest(room, gpu, 16)), (Text("every weight", "全參數"), largest(room, gpu, 0))]
    if gpu and libraries.get(_BITSANDBYTES) and _quantises():
        sizes.append((Text("QLoRA", "QLoRA "), largest(room, gpu, 16, four_bits=True)))
    fits = [
        Text("{how} up to {model}", "{how}最大到 {model}").format(how=how, model=model) for how, model in sizes if model
    ]
    kinds = ", ".join(methods())
    if not fits:
        yield CheckResult(
            "warning",
            Text(
                "{on}Too little memory to train any base model of the catalogue.",
                "{on}記憶體太少，目錄裡的基礎模型都無法訓練。",
            ).format(on=on),
            Text("Train on another machine: set_up(what='machine').", "請改用別台機器訓練：set_up(what='machine')。"),
        )
        return
    yield CheckResult(
        "ok",
        Text(
            "{on}Trains {kinds} {where}: {fits} (short rows, one at a time)",
            "{on}可訓練 {kinds}（{where}）：{fits}（短文字、一次一列）",
        ).format(on=on, kinds=kinds, where=where, fits=CLAUSES.join(fits)),
    )
    if gpu and _quantises() and not libraries.get(_BITSANDBYTES):
        python = machine.worker or "python"
        yield CheckResult(
            "warning",
            Text(
                "{on}No QLoRA: bitsandbytes is not in the worker environment.",
                "{on}不能用 QLoRA：工作環境沒有 bitsandbytes。",
            ).format(on=on),
            Text(
                f"Run there: {python} -m pip install bitsandbytes",
                f"請在該機器執行：{python} -m pip install bitsandbytes",
            ),
        )


def _gpus(on: Text, machine: Machine) -> CheckResult:
    names = ", ".join(f"{gpu.name} ({gpu.memory / 1e9:.0f} GB, {gpu.free / 1e9:.0f} GB free)" for gpu in machine.gpus)
    count = sum(gpu.name == machine.gpus[0].name for gpu in machine.gpus)
    more = (
        Text(f"; a training may use up to {count} (num_processes)", f"；一次訓練最多可用 {count} 張（num_processes）")
        if count > 1
        else Text("", "")
    )
    return CheckResult(
        "ok",
        Text("{on}{gpus} GPU: {names}{more}", "{on}{gpus} 張 GPU：{names}{more}").format(
            on=on, gpus=len(machine.gpus), names=names, more=more
        ),
    )


def _quantises() -> bool:
    """Whether a method here can hold the base model in four bits."""
    return any(_QUANTISED.search(field) for method in methods().values() for field in method.model_fields)


def largest(room: int, gpu: bool, rank: int, four_bits: bool = False) -> str | None:
    """The largest base model of the catalogue whose training fits into so many bytes, None where none does.

    Arguments:
        rank: of LoRA; 0 trains every weight.
    """
    settings = {"lora_r": rank, "batch_size": 1}
    fitting = []
    for model in base_models():
        if model.training == "refused":
            continue
        shape = Outline(round(model.parameters * 1e9), round((model.active_parameters or model.parameters) * 1e9))
        parts = memory_by_parts(settings, shape, _ROWS, gpu, recompute=gpu)
        if four_bits:
            parts["weights"] = round(shape.parameters * _NF4_BYTES)
        if sum(parts.values()) <= room:
            fitting.append((model.parameters, model.id))
    return max(fitting)[1] if fitting else None


def roads(python: str, libraries: Mapping[str, Any]) -> Iterator[CheckResult]:
    """The optional parts of the installation that reads data: which are there, and the command that brings the others.

    Arguments:
        python: its interpreter.
        libraries: what it holds of `optional_packages`.
    """
    lacking = sorted(extra for extra, needs in _extras().items() if not all(libraries.get(need) for need in needs))
    there = sorted(set(_extras()) - set(lacking))
    shown = ", ".join(["PostgreSQL", "SQLite", "CSV/JSONL", *there])
    yield CheckResult("ok", Text(f"Available here: {shown}", f"這裡可用：{shown}"))
    if lacking:
        names = ",".join(lacking)
        yield CheckResult(
            "ok",
            Text(
                f"Not installed, install when needed: {', '.join(lacking)} ({python} -m pip install "
                f"'nlp-skills[{names}]')",
                f"尚未安裝，需要時再裝：{'、'.join(lacking)}（{python} -m pip install 'nlp-skills[{names}]'）",
            ),
        )


def _extras() -> dict[str, list[str]]:
    """What each extra of this very installation asks for, by the names of the packages."""
    found: dict[str, list[str]] = {}
    try:
        needs = importlib.metadata.requires(_NAME) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    for need in needs:
        named = re.match(r"[A-Za-z0-9._-]+", need)
        extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", need)
        if named and extra and named[0] != _NAME and extra[1] not in _NOT_ROADS:
            found.setdefault(extra[1], []).append(named[0].lower().replace("_", "-"))
    return found


def optional_packages() -> list[str]:
    """The packages that open a road, whichever of them are installed."""
    return sorted({_BITSANDBYTES, _LLAMA_CPP, *(need for needs in _extras().values() for need in needs)})


def deployment(libraries: Mapping[str, Any]) -> Iterable[CheckResult]:
    """What this machine can do with a trained model: convert and test GGUF, run it in Ollama or vLLM."""
    converter = standing_converter()
    yield CheckResult(
        "ok",
        Text(f"GGUF: converter {converter}", f"GGUF：轉換程式 {converter}")
        if converter
        else Text(
            f"GGUF: {CONVERTER} is downloaded when first needed (77 MB)",
            f"GGUF：{CONVERTER} 會在第一次需要時取得（77 MB）",
        ),
    )
    if libraries and not libraries.get(_LLAMA_CPP):
        yield CheckResult(
            "warning",
            Text(
                "No xllamacpp in the worker environment: GGUF files cannot be tested or served.",
                "工作環境沒有 xllamacpp：無法測試或提供 GGUF 檔。",
            ),
            Text(
                "In the client, ask for set_up(what='environment'); or run: pip install 'nlp-skills[gguf]' there.",
                "請在用戶端要求執行 set_up(what='environment')；或在該環境執行 pip install 'nlp-skills[gguf]'。",
            ),
        )
    yield _ollama()
    vllm = shutil.which("vllm")
    yield CheckResult(
        "ok",
        Text(f"vLLM: {vllm}", f"vLLM：{vllm}")
        if vllm
        else Text(
            "vLLM: not here; deploy(target='vllm') writes the command and the compose file for a machine that has it",
            "vLLM：這裡沒有；deploy(target='vllm') 會產生指令與 compose 檔，給有安裝的機器使用",
        ),
    )


def _ollama() -> CheckResult:
    import httpx

    url = ollama_url()
    try:
        version = httpx.get(f"{url}/api/version", timeout=_ASK_SECONDS).raise_for_status().json()["version"]
        models = httpx.get(f"{url}/api/tags", timeout=_ASK_SECONDS).raise_for_status().json()["models"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        command = shutil.which("ollama")
        if command:
            return CheckResult(
                "warning",
                Text(
                    f"Ollama is installed ({command}) but does not answer at {url}.",
                    f"已安裝 Ollama（{command}），但 {url} 沒有回應。",
                ),
                Text("Run: ollama serve", "請執行：ollama serve"),
            )
        return CheckResult(
            "ok",
            Text(
                f"Ollama: not here ({_OLLAMA_PAGE}); set OLLAMA_HOST where it runs elsewhere",
                f"Ollama：這裡沒有（{_OLLAMA_PAGE}）；若在別台機器上執行，請設定 OLLAMA_HOST",
            ),
        )
    return CheckResult(
        "ok",
        Text(
            f"Ollama {version} answers at {url}, {several(len(models), 'model')}",
            f"Ollama {version}：{url}，{len(models)} 個模型",
        ),
    )
