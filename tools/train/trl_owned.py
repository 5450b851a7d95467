"""Options of TRL, transformers and PEFT that are not to be set in a plan: which, why, and what to do instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.language import Text


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
        r"bf16.*|fp16.*|tf32|(torch_)?dtype|load_in_8bit",
        Text("the precision follows the device and the base model", "精度依裝置與基礎模型決定"),
        Text("Leave it out, or use load_in_4bit.", "請省略，或用 load_in_4bit。"),
    ),
    _owned_names(
        r"model_init_kwargs|quantization_config|model_revision|attn_implementation|device_map|use_kernels",
        Text(
            "the base model is loaded before TRL's trainer begins, from the folder whose files' hash the version records",
            "基礎模型在 TRL 的訓練器開始之前就已載入，來自版本記錄了檔案雜湊的那個資料夾",
        ),
        Text(
            "Choose the model with base_model; load_in_4bit loads it in 4 bits.",
            "請用 base_model 選擇模型；要以 4 位元載入請用 load_in_4bit。",
        ),
    ),
    _owned_names(
        r"do_(train|eval|predict)",
        Text("it only tells example scripts what to do, and no trainer reads it", "它只給範例腳本看，訓練器不會讀"),
        Text("Leave it out: train trains, evaluate measures.", "請省略：train 負責訓練，evaluate 負責評估。"),
    ),
    _owned_names(
        r"eval_.*|.*_eval|per_(device|gpu)_eval_batch_size|prediction_loss_only|label_names|"
        r"batch_eval_metrics|include_for_metrics|num_generations_eval",
        Text("the validation rows are asked after each epoch", "每輪結束都會用驗證資料評分"),
        Text(
            "Use keep_best and early_stopping; evaluate measures.", "請用 keep_best、early_stopping；評估用 evaluate。"
        ),
    ),
    _owned_names(
        r"chat_template.*|eos_token|pad_token",
        Text(
            "a version is trained, evaluated and served with the chat template and the special tokens of its base model",
            "版本的訓練、評估與部署都用基礎模型自己的對話模板與特殊 token",
        ),
        Text(
            "Choose a base model whose template suits, or put a chat_template.jinja into its folder.",
            "請選模板合適的基礎模型，或把 chat_template.jinja 放進它的資料夾。",
        ),
    ),
    _owned_names(
        r"(completion|assistant)_only_loss",
        Text(
            "exactly the answers are trained on, and the label audit checks that on every row",
            "訓練的正是答案的部分，標籤稽核會逐列檢查",
        ),
        Text("Leave it out.", "請省略。"),
    ),
    _owned_names(
        r"generation_batch_size|steps_per_generation",
        Text(
            "how many answers are written at a time follows from the questions of a step",
            "一次寫多少個回答，由每一步的題數決定",
        ),
        Text(
            "Use batch_size, gradient_accumulation and num_generations.",
            "請用 batch_size、gradient_accumulation、num_generations。",
        ),
    ),
    _owned_names(
        r"tools|max_tool_calling_iterations|environment_factory|rollout_func",
        Text("an answer is one turn here, in which no tool is called", "這裡的回答只有一輪，不會呼叫工具"),
        Text("Leave it out.", "請省略。"),
    ),
    _owned_names(
        r"packing.*|padding_free|dataset_.*|truncation_mode|remove_unused_columns|length_column_name|shuffle_dataset|"
        r"max_prompt_length|dataloader_drop_last",
        Text(
            "the rows come tokenised, audited and in an order of their own: none is cut, dropped or packed after that",
            "資料列事先已切好、稽核過、排好順序：之後不再截斷、丟棄或打包",
        ),
        Text(
            "Use max_length, long_rows and the settings of the method.", "請用 max_length、long_rows 與訓練方法的設定。"
        ),
    ),
    _owned_names(
        r"push_to_hub.*|hub_.*|log_completions_hub_repo",
        Text("a training uploads nothing", "訓練時不會上傳任何東西"),
        Text(
            "Upload a version that was evaluated with deploy(target='huggingface').",
            "評估過的版本請用 deploy(target='huggingface') 上傳。",
        ),
    ),
    _owned_names(
        r"report_to|log_.*|logging_.*|disable_tqdm|trackio_.*|wandb_.*|num_completions_to_print|"
        r"include_num_input_tokens_seen|skip_memory_metrics|debug",
        Text(
            "what a training reports is kept in its job, and nothing leaves the machine",
            "訓練的過程記錄在工作裡，不會外傳",
        ),
        Text("Look at job_status.", "過程請看 job_status。"),
    ),
    _owned_names(
        r"activation_offloading",
        Text(
            "the memory of a plan is estimated without moving activations off the GPU",
            "計畫估計記憶體時，不包含把中間值移出 GPU 的做法",
        ),
        Text("Use activation_checkpointing.", "請用 activation_checkpointing。"),
    ),
    _owned_names(
        r"average_tokens_across_devices",
        Text(
            "every step weighs its tokens alike, however many processes share it",
            "不論由幾個程序分攤，每一步都平等計算所有 token",
        ),
        Text("Leave it out.", "請省略。"),
    ),
    _owned_names(
        r"use_cpu|no_cuda|local_rank|ddp_.*|deepspeed|fsdp.*|accelerator_config|parallelism_config|ds3_.*|"
        r"dataloader_pin_memory",
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
        r"loss_weights",
        Text(
            "the method weighs its own loss 1, and sft's as you say", "訓練方法自己的損失權重固定是 1，sft 的由你指定"
        ),
        Text("Use sft_weight.", "請用 sft_weight。"),
    ),
    _owned_names(
        r"disable_dropout|lora_dropout",
        Text(
            "this method compares probabilities of answers, which dropout would blur: it is off",
            "這個方法要比較回答的機率，dropout 會讓機率失真，所以固定關閉",
        ),
        Text("Leave it out.", "請省略。"),
    ),
    _owned_names(
        r"precompute_ref_.*|sync_ref_model|ref_model_.*",
        Text("the method sets it, as it decides what the model is compared with", "模型和什麼比較由訓練方法決定"),
        Text("Use beta.", "請用 beta。"),
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
        r"use_vllm|vllm_.*|use_transformers_.*|transformers_.*",
        Text(
            "the answers are written by the very model that is trained, in the same process",
            "回答由正在訓練的模型在同一個程序裡產生",
        ),
        Text("Leave it out.", "請省略。"),
    ),
    _owned_names(
        r"use_liger_kernel|liger_kernel_config",
        Text(
            "the loss is computed here, or by TRL's own kernel on a GPU; Liger's is not installed and not tested",
            "損失由這裡計算，在 GPU 上用 TRL 自己的核心；Liger 的核心沒有安裝，也沒有測試過",
        ),
        Text("Leave it out.", "請省略。"),
    ),
    _owned_names(
        r"trust_remote_code",
        Text("it would run code that comes with the model", "它會執行模型附帶的程式"),
        Text("Choose a base model that transformers knows.", "請選 transformers 認得的基礎模型。"),
    ),
    _owned_names(
        r"(.*_)?(dir|path|paths|file|url|host|port|token|repo|server|endpoint)(_.*)?",
        Text("it could read files or reach another host", "它可能讀取檔案或連到別的主機"),
        Text("Leave it out.", "請省略。"),
    ),
)


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
                Text("trl.{option} cannot be set: {why}.", "不能設定 trl.{option}：{why}。").format(
                    option=shown, why=owned.why
                ),
                owned.instead,
                field=f"trl.{shown}",
            )
