"""What differs between two versions: settings, prompt and rows, as structure and as sentences in both languages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .foundation.json_object import JsonObject
from .foundation.language import Text, several
from .snapshot import DataSnapshot
from .version import VersionFolder

# Settings that shape how a run is done and not what comes of it; they follow from the data and the machine.
_OPERATIONAL = {"save_every", "threads", "num_processes", "activation_checkpointing"}
_BASE_FILE = "base_model_sha256"

# The settings people talk about, in their words; any other setting goes by its own name.
_WORDS = {
    "base_model": Text("base model", "基礎模型"),
    _BASE_FILE: Text("base model's file (SHA-256)", "基礎模型檔案（SHA-256）"),
    "method": Text("method", "訓練方法"),
    "lora_r": Text("LoRA rank", "LoRA rank"),
    "lora_alpha": Text("LoRA alpha", "LoRA alpha"),
    "lora_dropout": Text("LoRA dropout", "LoRA dropout"),
    "epochs": Text("epochs", "訓練輪數"),
    "learning_rate": Text("learning rate", "學習率"),
    "batch_size": Text("batch size", "批次大小"),
    "seed": Text("seed", "隨機種子"),
    "gradient_accumulation": Text("gradient accumulation", "梯度累積步數"),
    "warmup": Text("warm-up", "暖身比例"),
    "balance": Text("class balancing", "類別平衡"),
    "keep_best": Text("model kept", "保留的模型"),
    "early_stopping": Text("early stopping (epochs)", "提前停止（輪）"),
    "scheduler": Text("learning-rate schedule", "學習率排程"),
    "weight_decay": Text("weight decay", "權重衰減"),
    "max_length": Text("longest input (tokens)", "最大長度（token）"),
    "long_rows": Text("rows too long", "過長的列"),
    "load_in_4bit": Text("4-bit base weights", "4 位元基礎權重"),
    "loss_type": Text("loss", "損失函數"),
    "rewards": Text("rewards", "獎勵"),
    "num_generations": Text("answers to a question", "每題回答數"),
    "max_completion_length": Text("longest answer (tokens)", "最長回答（token）"),
    "temperature": Text("temperature", "取樣溫度"),
    "prompt.system": Text("system prompt", "系統提示詞"),
    "prompt.user": Text("user prompt", "使用者提示詞"),
    "labels": Text("labels", "標籤"),
}
_SPLITS = {"train": Text("training", "訓練"), "valid": Text("validation", "驗證"), "test": Text("test", "測試")}
_LONGEST_SHOWN = 60
_NARROW_EDGE = re.compile(r"[\u0021-\u007e]")


@dataclass(frozen=True)
class Change:
    """One difference. A setting has a `path` (`lora_r`, `prompt.user`); rows have a `split`, and a `label` where the
    difference is that label's."""

    before: Any
    after: Any
    text: Text
    path: str | None = None
    label: str | None = None
    split: str | None = None

    def to_dict(self) -> dict[str, Any]:
        where = {"path": self.path, "label": self.label, "split": self.split}
        return {
            **{key: value for key, value in where.items() if value is not None},
            "from": self.before,
            "to": self.after,
            "text": self.text._asdict(),
        }


def changes_between(parent: VersionFolder, child: VersionFolder) -> list[Change]:
    """Settings first, then data; empty when the two were made alike."""
    return [
        *setting_changes(_settings(parent), _settings(child)),
        *data_changes(parent.data_snapshot(), child.data_snapshot()),
    ]


def setting_changes(before: JsonObject, after: JsonObject) -> list[Change]:
    """One change for each setting that differs; nested settings go by dotted paths."""
    old, new = _flat(before), _flat(after)
    another = bool(old.get("method") and new.get("method")) and old["method"] != new["method"]
    found = []
    for path in dict.fromkeys([*old, *new]):
        if another and (path not in old or path not in new):  # settings that only one of the methods has
            continue
        if path == _BASE_FILE and old.get("base_model") != new.get("base_model"):  # another name says it already
            continue
        if old.get(path) != new.get(path) and path not in _OPERATIONAL:
            found.append(Change(old.get(path), new.get(path), _setting_text(path, old.get(path), new.get(path)), path))
    return found


def data_changes(before: DataSnapshot, after: DataSnapshot) -> list[Change]:
    """What changed in the rows, from what two versions record of their data: per label in training, else per split."""
    found: list[Change] = []
    for split in _SPLITS:
        old, new = (content.label_counts.get(split, {}) for content in (before, after))
        if split == "train" and old and new:
            for label in dict.fromkeys([*old, *new]):
                before_rows, after_rows = old.get(label, 0), new.get(label, 0)
                if before_rows != after_rows:
                    text = _rows_text(label, before_rows, after_rows)
                    found.append(Change(before_rows, after_rows, text, label=label, split=split))
            continue
        old_count, new_count = (content.counts.get(split) for content in (before, after))
        if old_count is not None and new_count is not None and old_count != new_count:
            found.append(Change(old_count, new_count, _split_text(split, old_count, new_count), split=split))
    if found:
        return found
    for split, words in _SPLITS.items():
        hashes = [content.file_hashes for content in (before, after)]
        old_hash, new_hash = (h.get(split) or h.get(f"{split}.jsonl") for h in hashes)
        if old_hash and new_hash and old_hash != new_hash:
            text = Text("Other rows in the {words} split, as many as before", "{words}集換過內容，筆數不變").format(
                words=words
            )
            found.append(Change(old_hash[:12], new_hash[:12], text, split=split))
    return found


def _settings(folder: VersionFolder) -> JsonObject:
    model = folder.model_info().to_dict()
    return {**{key: model[key] for key in ("prompt", "labels") if key in model}, **folder.config().settings()}


def _flat(value: JsonObject, prefix: str = "") -> JsonObject:
    flat: JsonObject = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            flat |= _flat(inner, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = inner
    return flat


def _setting_text(path: str, old: Any, new: Any) -> Text:
    name = _WORDS.get(path, Text(path, path))
    subject = name.en if path not in _WORDS else name.en[:1].upper() + name.en[1:]

    def subject_after(verb: str) -> Text:
        return Text(subject, _join_chinese(verb, name.zh))

    if old is None:
        return subject_after("設定") + Text(f" set to {_format_value(new)}", f"：{_format_value(new)}")
    if new is None:
        return subject_after("不再設定") + Text(
            f" no longer set (was {_format_value(old)})", f"（原為 {_format_value(old)}）"
        )
    if path.startswith("prompt"):
        return subject_after("改寫") + Text(" rewritten", "")
    step = f"{_format_value(old)} → {_format_value(new)}"
    if _number(old) and _number(new) and path != "seed":
        return subject_after("增加" if new > old else "降低") + f" {step}"
    return Text(subject, name.zh) + Text(f" {step}", f"：{step}")


def _rows_text(label: str, old: int, new: int) -> Text:
    if new > old:
        return Text(
            f"+{several(new - old, f'{label} row')}",
            _join_chinese(_join_chinese("新增", label), "樣本") + f" {new - old} 筆",
        )
    return Text(
        f"−{several(old - new, f'{label} row')}",
        _join_chinese(_join_chinese("移除", label), "樣本") + f" {old - new} 筆",
    )


def _split_text(split: str, old: int, new: int) -> Text:
    words = _SPLITS[split]
    change = Text("+", "新增") if new > old else Text("−", "移除")
    count = abs(new - old)
    rows = "row" if count == 1 else "rows"
    return change + Text("{count} {split} {rows}", "{split}樣本 {count} 筆").format(count=count, split=words, rows=rows)


def _join_chinese(left: str, right: str) -> str:
    """Join two pieces of Chinese text, with a space where Han meets Latin, as written in Taiwan."""
    if left and right and (bool(_NARROW_EDGE.match(left[-1])) != bool(_NARROW_EDGE.match(right[0]))):
        return f"{left} {right}"
    return left + right


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _format_value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
