"""Settings as people have them: which of ours a name of TRL's or PEFT's means, and what is not to be set at all."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from ...resources.foundation.errors import TrainingError
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


class Owned(NamedTuple):
    """Options that are not to be set: those of these names, why, and what to do instead."""

    names: re.Pattern[str]
    why: Text
    instead: Text


def _owned_names(names: str, why: Text, instead: Text) -> Owned:
    return Owned(re.compile(names), why, instead)


OWNED = (
    _owned_names(
        r"(overwrite_)?output_dir|logging_dir|run_name|project",
        Text("a version has its own folder and its own name", "版本有自己的資料夾與名稱"),
        Text("Leave it out; the answer of the training names the folder.", "請省略；訓練的回答會說資料夾在哪裡。"),
    ),
    _owned_names(
        r"seed|data_seed|full_determinism",
        Text("one seed makes the whole version reproducible", "整個版本靠同一個種子才能重現"),
        Text("Give seed beside trl, not in it.", "請把 seed 寫在 trl 旁邊，不要寫在裡面。"),
    ),
    _owned_names(
        r"save_.*|load_best_model_at_end|metric_for_best_model|greater_is_better|resume_from_checkpoint|"
        r"restore_callback_.*|ignore_data_skip|enable_jit_checkpoint",
        Text(
            "checkpoints are written so that a training killed at any point goes on",
            "檢查點的寫法要讓訓練隨時中斷都能接續",
        ),
        Text(
            "Use save_every and keep_best; manage_job(action='resume') carries on.",
            "請用 save_every 與 keep_best；接續用 manage_job(action='resume')。",
        ),
    ),
    _owned_names(
        r"eval_.*|.*_eval|do_(train|eval|predict)|per_(device|gpu)_eval_batch_size|prediction_loss_only|label_names|"
        r"batch_eval_metrics|include_for_metrics|num_generations_eval",
        Text("the validation rows are asked after each epoch", "每輪結束都會用驗證資料評分"),
        Text(
            "Use keep_best and early_stopping; evaluate measures.", "請用 keep_best、early_stopping；評估用 evaluate。"
        ),
    ),
    _owned_names(
        r"bf16.*|fp16.*|tf32|(torch_)?dtype|load_in_8bit|model_init_kwargs|quantization_config",
        Text("the precision follows the device and the base model", "精度依裝置與基礎模型決定"),
        Text("Leave it out, or use load_in_4bit.", "請省略，或用 load_in_4bit。"),
    ),
    _owned_names(
        r"packing.*|padding_free|dataset_.*|(completion|assistant)_only_loss|chat_template.*|eos_token|pad_token|"
        r"truncation_mode|remove_unused_columns|length_column_name|shuffle_dataset|max_prompt_length|"
        r"dataloader_drop_last|generation_batch_size|steps_per_generation|tools|max_tool_calling_iterations",
        Text(
            "the rows come tokenised, audited and in an order of their own: none is cut, dropped or packed after that",
            "資料列事先已切好、稽核過、排好順序：之後不再截斷、丟棄或打包",
        ),
        Text(
            "Use max_length, long_rows and the settings of the method.", "請用 max_length、long_rows 與訓練方法的設定。"
        ),
    ),
    _owned_names(
        r"report_to|log_.*|logging_.*|disable_tqdm|push_to_hub.*|hub_.*|trackio_.*|wandb_.*|num_completions_to_print|"
        r"include_num_input_tokens_seen|skip_memory_metrics|debug",
        Text(
            "what a training reports stands in its job, and nothing leaves the machine",
            "訓練的過程記錄在工作裡，不會外傳",
        ),
        Text(
            "Look at job_status; deploy(target='huggingface') uploads.",
            "過程請看 job_status；上傳用 deploy(target='huggingface')。",
        ),
    ),
    _owned_names(
        r"use_cpu|no_cuda|local_rank|ddp_.*|deepspeed|fsdp.*|accelerator_config|parallelism_config|ds3_.*|"
        r"dataloader_pin_memory|average_tokens_across_devices|activation_offloading",
        Text("processes and devices are shared out when the training's turn comes", "程序與裝置在輪到時才分配"),
        Text("Use num_processes, threads and train(machine=…).", "請用 num_processes、threads 與 train(machine=…)。"),
    ),
    _owned_names(
        r"max_steps|auto_find_batch_size",
        Text(
            "a training is as long and its steps as large as planned, so that it can go on",
            "訓練的長度與每步的大小要依計畫，才能接續",
        ),
        Text("Use epochs and batch_size.", "請用 epochs 與 batch_size。"),
    ),
    _owned_names(
        r"loss_weights|precompute_ref_.*|disable_dropout|lora_dropout|sync_ref_model|ref_model_.*",
        Text("the method sets it, as it decides what the model is compared with", "模型和什麼比較由訓練方法決定"),
        Text(
            "Use the settings of the method, such as beta and sft_weight.",
            "請用訓練方法的設定，例如 beta、sft_weight。",
        ),
    ),
    _owned_names(
        r"use_peft|peft_config|use_dora|use_rslora|init_lora_weights|modules_to_save|lora_modules_to_save|bias|lora_bias|"
        r"task_type|rank_pattern|alpha_pattern|exclude_modules|layers_.*|target_parameters|inference_mode",
        Text(
            "of PEFT's LoRA the rank, the scale, the dropout and the layers are settings here; adapters of another form are "
            "not merged and served everywhere",
            "PEFT 的 LoRA 在這裡可以設定 rank、縮放、dropout 與套用的層；其他形式的 adapter 不是到處都能合併與服務",
        ),
        Text(
            "Use lora_r (0 trains every weight), lora_alpha, lora_dropout and target_modules.",
            "請用 lora_r（0 表示訓練全部權重）、lora_alpha、lora_dropout、target_modules。",
        ),
    ),
    _owned_names(
        r"trust_remote_code|use_vllm|vllm_.*|use_transformers_.*|transformers_.*|use_liger_kernel|liger_kernel_config|"
        r"(.*_)?(dir|path|paths|file|url|host|port|token|repo|server|endpoint)(_.*)?",
        Text(
            "it could run foreign code, read files or reach another host", "它可能執行外來程式、讀取檔案或連到別的主機"
        ),
        Text("Leave it out.", "請省略。"),
    ),
)


def written_as_ours(
    settings: Mapping[str, Any],
    method: str,
    fields: Collection[str],
    inherited: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[dict[str, Any], list[Text]]:
    """Settings under our names, and a word on each that had another; what stands in `trl` under a name of ours too.

    Arguments:
        method, fields: the method, and the settings it has.
        inherited: those that hold where nothing is given.

    Raises:
        TrainingError: the same setting is given twice and differently, or cannot be ours as it is.
    """
    options = settings.get("trl")
    inside = dict(options) if isinstance(options, Mapping) else {}
    ours: dict[str, Any] = {}
    given_as: dict[str, str] = {}
    words: list[Text] = []
    rest: dict[str, Any] = {}
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


def owner_of(name: str) -> Owned | None:
    """Why an option of TRL's is not to be set; None where it may be."""
    return next((one for one in OWNED if one.names.fullmatch(name)), None)


def refuse_owned(options: Any) -> None:
    """Refuse options of `trl` that are not to be set.

    Raises:
        TrainingError: names the option, why, and what to do instead.
    """
    for name in options if isinstance(options, Mapping) else ():
        if owned := owner_of(str(name)):
            shown = str(name)[:40]
            raise TrainingError(
                Text(f"trl.{shown} is not to be set: {owned.why.en}.", f"不能設定 trl.{shown}：{owned.why.zh}。"),
                owned.instead,
                field=f"trl.{shown}",
            )


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
            Text(f"TRL does not take {named} here: {said}", f"TRL 不接受 {named}：{said}"),
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
