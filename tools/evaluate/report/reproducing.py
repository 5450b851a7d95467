"""How this version can be made again: commands, settings, seeds, hashes, package versions, the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....resources.environment import Environment, Hardware
from ....resources.foundation.language import Text, several, speaking
from ....resources.lineage_record import VersionCost
from ....resources.model_info import ModelInfo
from ....resources.pages.markup import Content, Html, both, definitions, html, table, tag
from ....resources.spending import amount
from ....resources.task import Prompt
from ....resources.version_config import VersionConfig
from ...compute.jobs.words import duration
from .material import Material

_GIB = 2**30


def reproducing(material: Material) -> Html:
    folder, record = material.folder, material.record
    task = folder.task.name
    environment, model = folder.environment(), folder.model_info()
    return html(
        tag(
            "p",
            both(
                f"Say to your assistant: “Reproduce {folder.name} of {task}.” Or by hand:",
                f"對助理說：「重現 {task} 的 {folder.name}」，或自己執行：",
            ),
        ),
        tag(
            "pre",
            f"python -m nlp_skills.tools.train.reproduce {folder.task.root} {folder.name}\n"
            f"python scripts/05_evaluate.py --version {folder.name}",
        ),
        _training(model, material.lineage.cost),
        definitions(_facts(material, environment)),
        _fold_section(Text("Settings", "設定"), _settings(folder.config())),
        _fold_section(Text("Prompt", "提示詞"), _prompt(model.prompt)),
        _fold_section(
            Text("Hashes", "雜湊"),
            _pairs(
                {
                    **material.lineage.hashes,
                    "snapshot": material.lineage.data.snapshot,
                    "benchmark": record.benchmark.hash,
                    "predictions": record.predictions_hash,
                }
            ),
        ),
        _fold_section(
            Text("Packages", "套件版本"),
            _pairs({"nlp-skills": environment.nlp_skills, "python": environment.python, **environment.packages}),
        ),
    )


def _training(model: ModelInfo, cost: VersionCost | None) -> Html | None:
    training, parameters = model.training, model.parameters
    if not training.model_fields_set:
        return None
    seconds = training.seconds
    facts: dict[Text, Content] = {
        Text("Steps", "訓練步數"): f"{training.steps:,}" if training.steps is not None else None,
        Text("Time", "訓練時間"): both(*_times(seconds)) if seconds else None,
        Text("Cost", "費用"): _cost(cost) if cost else None,
        Text("Tokens", "token 數"): f"{training.tokens:,}" if training.tokens is not None else None,
        Text("Trained parameters", "訓練的參數"): f"{parameters.trainable:,} / {parameters.total:,}"
        if parameters.trainable is not None
        else None,
    }
    return definitions(facts)


def _cost(cost: VersionCost) -> Text:
    """What its machine has cost, beside what was expected when it was agreed to."""
    spent, low, high = (amount(value) for value in (cost.spent, *cost.estimate))
    return Text(f"{spent} {cost.currency} (estimated {low}–{high})", f"{spent} {cost.currency}（預估 {low}–{high}）")


def _times(seconds: float) -> tuple[str, str]:
    with speaking("en"):
        english = duration(seconds)
    with speaking("zh-TW"):
        return english, duration(seconds)


def _facts(material: Material, environment: Environment) -> dict[Text, Content]:
    hardware = environment.hardware or Hardware()
    memory = hardware.memory_bytes
    gpus = ", ".join(str(gpu.get("name", gpu)) if isinstance(gpu, dict) else str(gpu) for gpu in hardware.gpus)
    machine = " · ".join(
        str(one)
        for one in (
            hardware.system,
            several(hardware.cores, "core") if hardware.cores else None,
            f"{memory / _GIB:.0f} GiB" if memory else None,
            gpus or hardware.device,
        )
        if one
    )
    seed = material.lineage.seed
    return {
        Text("Base model", "基礎模型"): str(material.lineage.config.get("base_model") or ""),
        Text("Seed", "隨機種子"): None if seed is None else str(seed),
        Text("Machine", "機器"): machine,
        Text("Evaluation", "評估"): str(material.record.id),
    }


def _settings(config: VersionConfig) -> Html | None:
    shown = {name: value for name, value in config.settings().items() if name not in ("prompt", "expects")}
    return _pairs(
        {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in shown.items()}
    )


def _prompt(prompt: Prompt | None) -> Html | None:
    parts = prompt.model_dump() if prompt else {}
    return html([html(tag("p", tag("code", name)), tag("pre", str(said))) for name, said in parts.items()]) or None


def _pairs(values: Mapping[str, Any]) -> Html | None:
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", tag("code", str(value))))
        for name, value in values.items()
        if value is not None
    ]
    if not rows:
        return None
    head = [tag("th", Text("name", "名稱"), scope="col"), tag("th", Text("value", "內容"), scope="col")]
    return table(head, rows, Text("Values", "內容"), "pairs")


def _fold_section(title: Text, content: Html | None) -> Html | None:
    return tag("details", tag("summary", title), content) if content else None
