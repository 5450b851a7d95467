"""Settings where nobody says: a method's own defaults for the data, the base model and the machine, each with its reason."""

from __future__ import annotations

from typing import Any, TypeVar

from ...resources.foundation.errors import TrainingError
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text, several
from .method import Method
from .training_context import LARGE, LONGEST, TrainingContext

_Settings = TypeVar("_Settings", bound=Method)


class _Choice:
    """The values chosen for the settings of a method, and why each is what it is."""

    def __init__(self, settings: Method) -> None:
        self._settings = settings
        self.values: JsonObject = {}
        self.reasons: dict[str, Text] = {}

    def __call__(self, name: str, value: Any, why: Text) -> Any:
        own = getattr(self._settings, name)
        self.values[name] = value if own is None else own
        self.reasons[name] = why if own is None else Text("As given.", "依你的指定。")
        return self.values[name]


def resolve_settings(method: _Settings, context: TrainingContext) -> tuple[_Settings, dict[str, Text]]:
    """The settings with every None filled in, and why each main one is what it is.

    Raises:
        TrainingError: the method does not train on such rows, or two settings exclude each other.
    """
    method.check_task(context.type, list(context.label_counts))
    choice = _Choice(method)
    rows, tiny = context.train_rows, context.tiny
    lora_r = choice("lora_r", *method.default_rank(rows))
    if method.load_in_4bit and not lora_r:
        raise TrainingError(
            Text(
                "Weights in 4 bits cannot be trained themselves: load_in_4bit needs LoRA.",
                "4 位元的權重本身不能訓練：load_in_4bit 必須搭配 LoRA。",
            ),
            Text(
                "Leave lora_r out (or set it above 0), or leave out load_in_4bit.",
                "請省略 lora_r（或設為大於 0），或是拿掉 load_in_4bit。",
            ),
            field="load_in_4bit",
        )
    if lora_r:
        choice(
            "lora_alpha",
            2 * lora_r,
            Text(
                "Twice the rank keeps the update's scale when the rank changes.",
                "取 rank 的兩倍，換 rank 時更新幅度不變。",
            ),
        )
    choice("learning_rate", *method.default_learning_rate(bool(lora_r), tiny))
    choice("epochs", *method.default_epochs(rows, tiny))
    at_once, a_step, why = method.default_batch(context, tiny)
    batch = choice("batch_size", at_once, why)
    together = max(1, a_step // batch) * batch
    choice(
        "gradient_accumulation",
        max(1, a_step // batch),
        Text(
            f"Together {several(together, 'row')} a step; LoRA learns best below 32.",
            f"每步合計 {together} 列；LoRA 在 32 以下學得最好。",
        ),
    )
    context_tokens = context.context_tokens or LONGEST
    choice(
        "max_length",
        min(LONGEST, context_tokens),
        Text(
            f"Rows may have {min(LONGEST, context_tokens)} tokens; a longer one is never cut silently: long_rows says "
            f"what happens to it.",
            f"每列最多 {min(LONGEST, context_tokens)} 個 token；超過的不會偷偷截斷，要怎麼處理由 long_rows 決定。",
        ),
    )
    for name, (value, reason) in method.own_defaults(context).items():
        choice(name, value, reason)
    own = method.model_copy(update=choice.values)
    own.check_settings(context)
    choice.reasons |= own.own_reasons(context)
    choice("activation_checkpointing", *_recompute(context))
    settled = method.model_copy(update=choice.values)
    steps = settled.steps_per_epoch(method.rows_per_epoch(context)) * choice.values["epochs"]
    every = max(1, round(steps / 10))
    choice(
        "save_every",
        every,
        Text(
            f"A checkpoint every {several(every, 'step')}: at most a tenth of the run is "
            "repeated after an interruption.",
            f"每 {every} 步存一次檢查點：中斷後最多重做十分之一。",
        ),
    )
    return method.model_copy(update=choice.values), choice.reasons


def warn_of_settings(method: Method, context: TrainingContext) -> list[Text]:
    """What a person should know about resolved settings before spending time on them."""
    found = []
    usual = method.default_learning_rate(bool(method.lora_r), context.tiny)[0]
    if method.learning_rate and not usual / 8 <= method.learning_rate <= usual * 8:
        low = method.learning_rate < usual
        found.append(
            Text(
                f"The learning rate {method.learning_rate:g} is far {'below' if low else 'above'} what works here "
                f"(about {usual:g}).",
                f"學習率 {method.learning_rate:g} 遠{'低' if low else '高'}於這裡適用的值（約 {usual:g}）。",
            )
        )
    if (method.batch_size or 1) * (method.gradient_accumulation or 1) > max(context.train_rows // 2, 1):
        found.append(
            Text(
                "A step takes more than half of the training rows: there will be very few steps.",
                "每一步就用掉一半以上的訓練資料：總步數會太少。",
            )
        )
    if getattr(method, "keep_best", "last") != "last" and not context.valid_rows:
        found.append(
            Text(
                "There are no validation rows, so the last epoch's model is kept.",
                "沒有驗證資料，因此會保留最後一輪的模型。",
            )
        )
    return [*found, *method.warnings(context)]


def inherit_settings(method: type[Method], inherited: JsonObject, changed: JsonObject) -> JsonObject:
    """A parent's settings with `changed` laid over; what depends on a changed one is left out, to be chosen again."""
    kept = {name: value for name, value in inherited.items() if name in method.model_fields}
    again: set[str] = set()
    if changed.get("base_model", kept.get("base_model")) != kept.get("base_model"):
        again |= {
            "learning_rate",
            "epochs",
            "batch_size",
            "gradient_accumulation",
            "max_length",
            "activation_checkpointing",
            "save_every",
        }
    if "lora_r" in changed and changed["lora_r"] != kept.get("lora_r"):
        again.add("lora_alpha")
        if not changed["lora_r"] or not kept.get("lora_r"):
            again |= {"learning_rate", "batch_size", "gradient_accumulation"}
    if "batch_size" in changed:
        again |= {"gradient_accumulation", "save_every"}
    if "epochs" in changed:
        again.add("save_every")
    return {**{name: value for name, value in kept.items() if name not in again}, **changed}


def _recompute(context: TrainingContext) -> tuple[bool, Text]:
    large = bool(context.gpu_bytes) and (context.parameters or LARGE) >= LARGE
    if large:
        return True, Text(
            "Saves most of the activation memory on the GPU.", "可省下 GPU 上大部分的 activation 記憶體。"
        )
    return False, Text(
        "Recomputing saves memory and costs time: it is for a large model on a GPU.",
        "重算是用時間換記憶體，大模型在 GPU 上訓練才需要。",
    )
