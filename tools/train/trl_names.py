"""Settings as people have them: which of ours a name of TRL's or PEFT's means."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text

# TRL's, transformers' and PEFT's names, of today and of earlier releases, each with ours.
OURS = {
    "model_name_or_path": "base_model",
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "per_gpu_train_batch_size": "batch_size",
    "train_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation",
    "lr": "learning_rate",
    "lr_scheduler_type": "scheduler",
    "warmup_ratio": "warmup",
    "warmup_steps": "warmup",
    "max_seq_length": "max_length",
    "gradient_checkpointing": "activation_checkpointing",
    "save_steps": "save_every",
    "early_stopping_patience": "early_stopping",
    "train_sampling_strategy": "group_by_length",
    "r": "lora_r",
    "lora_rank": "lora_r",
    "lora_target_modules": "target_modules",
    "rpo_alpha": "sft_weight",
    "reward_funcs": "rewards",
    "max_new_tokens": "max_completion_length",
}
_SAMPLING = {"group_by_length": True, "random": False}
_USUAL_GENERATIONS = 8


def written_as_ours(
    settings: Mapping[str, Any],
    method: str,
    fields: Collection[str],
    inherited: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[JsonObject, list[Text]]:
    """Settings under our names, and a word on each that had another; what stands in `trl` under a name of ours too.

    Arguments:
        method, fields: the method, and the settings it has.
        inherited: those that hold where nothing is given.

    Raises:
        TrainingError: the same setting is given twice and differently, or cannot be ours as it is.
    """
    options = settings.get("trl")
    inside = dict(options) if isinstance(options, Mapping) else {}
    ours: JsonObject = {}
    given_as: dict[str, str] = {}
    words: list[Text] = []
    rest: JsonObject = {}
    everything = [(str(name), str(name), value) for name, value in settings.items() if name != "trl"]
    everything += [(f"trl.{name}", str(name), value) for name, value in inside.items()]
    for shown, name, value in everything:
        target = _ours(name, fields)
        if target is None or shown == "trl.seed":
            (rest if shown.startswith("trl.") else ours)[name] = value
            continue
        meant = (
            _convert_value(shown, name, value, _answers_of(settings, inherited, method)) if target != name else value
        )
        if target in given_as and ours[target] != meant:
            raise _contradiction(target, given_as[target], ours[target], shown, meant)
        ours[target] = meant
        given_as.setdefault(target, shown)
        if target != shown:
            words.append(Text(f"{shown} is written as {target}", f"{shown} 寫成 {target}"))
    if "trl" in settings and (rest or not inside):
        ours["trl"] = rest if inside else (options or None)
    return ours, words


@contextmanager
def explaining_options(options: Mapping[str, Any] | None) -> Iterator[None]:
    """Say of what TRL refuses within this block that the options of `trl` are the cause, where there are any.

    Raises:
        TrainingError: with TRL's own words.
    """
    try:
        yield
    except (ValueError, TypeError, NotImplementedError, ImportError) as error:
        if not options or isinstance(error, TrainingError):
            raise
        named = ", ".join(f"trl.{name}" for name in options)
        said = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
        raise TrainingError(
            Text(f"TRL does not accept {named} here: {said}", f"TRL 不接受 {named}：{said}"),
            Text("Plan again without it, or with another value.", "請拿掉它或換一個值，重新規劃。"),
            field="trl",
        ) from error


def _ours(name: str, fields: Collection[str]) -> str | None:
    """The setting of ours that a name means, where the method has it."""
    target = name if name in fields else OURS.get(name)
    return target if target in fields else None


def _convert_value(shown: str, name: str, value: Any, answers: int) -> Any:
    """The value as ours has it, where it is meant in another way.

    Arguments:
        answers: how many answers of a question TRL counts in a batch.
    """
    if name == "warmup_ratio" and isinstance(value, int | float) and value >= 1:
        raise TrainingError(
            Text(f"{shown} = {value} is not a fraction of the steps.", f"{shown} = {value} 不是步數的比例。"),
            Text("Give a share below 1, or a number of steps as warmup.", "請給小於 1 的比例，或用 warmup 給步數。"),
            field=shown,
        )
    if name == "train_sampling_strategy":
        return _SAMPLING.get(str(value), value)
    if not name.endswith("train_batch_size") or answers == 1 or not isinstance(value, int):
        return value
    if value % answers:
        raise TrainingError(
            Text(
                f"{shown} = {value} answers cannot be shared by questions with {answers} answers each.",
                f"{shown} = {value} 個回答，無法由每題 {answers} 個回答平分。",
            ),
            Text(
                f"Give a multiple of num_generations ({answers}), or the questions at once as batch_size.",
                f"請給 num_generations（{answers}）的倍數，或用 batch_size 給一次幾題。",
            ),
            field=shown,
        )
    return value // answers


def _answers_of(settings: Mapping[str, Any], inherited: Mapping[str, Any], method: str) -> int:
    """GRPO's batches are counted in answers by TRL, in questions by us."""
    if method != "grpo":
        return 1
    inside = settings.get("trl")
    given = {**inherited, **(inside if isinstance(inside, Mapping) else {}), **settings}
    answers = given.get("num_generations")
    return answers if isinstance(answers, int) and answers > 0 else _USUAL_GENERATIONS


def _contradiction(target: str, first: str, value: Any, second: str, other: Any) -> TrainingError:
    return TrainingError(
        Text(
            f"{first} and {second} are the same setting ({target}) with two values: {str(value)[:40]} and {str(other)[:40]}.",
            f"{first} 與 {second} 是同一個設定（{target}），卻有兩個值：{str(value)[:40]}、{str(other)[:40]}。",
        ),
        Text(f"Give one of them; it is written as {target}.", f"請只給一個；會寫成 {target}。"),
        field=target,
    )
