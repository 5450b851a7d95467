"""Decisions before a training: how to begin, what the test can tell apart, and whether to start."""

from __future__ import annotations

from ...resources.figures import figure
from ...resources.files import read_yaml
from ...resources.language import Text
from ..compute.words import duration
from .answer import DecisionDue
from .choosing import decision
from .closing import precision_of
from .intents import heard
from .questions import SUCCESS, Topic
from .situation import Situation
from .wording import quote

_USUAL_THRESHOLD = 0.8


def first_plan_decision(situation: Situation) -> DecisionDue:
    """How to begin, from their rows and their machine."""
    rows, train = situation.counts.get("train", 0), situation.train_labels
    reasons = [Text(
        f"{rows} training rows: a small model with LoRA learns from that; full fine-tuning wants thousands to be worth "
        "its memory (llm-knowledge/choosing-a-method).",
        f"{rows} 筆訓練資料：小模型加 LoRA 就學得起來；全參數微調要上千筆才值得那麼多記憶體"
        "（llm-knowledge/choosing-a-method）。")
        if rows < figure("rows_typical") * 10 else Text(
        f"{rows} training rows: enough for full fine-tuning too, but LoRA costs a fraction of the memory and is seldom "
        "worse (llm-knowledge/lora).",
        f"{rows} 筆訓練資料：也夠做全參數微調，但 LoRA 只要一小部分記憶體，通常不會比較差（llm-knowledge/lora）。")]
    if hardware := situation.task.constraints.hardware:
        small = heard("no_gpu", hardware)
        reasons.append(Text(
            f"Your machine, {quote(hardware, 50)}: " + ("begin with a base model of 0.6B or less" if small else
                                                         "plan_training checks what fits, part by part") +
            " (llm-knowledge/memory-time-cost).",
            f"你的機器是{quote(hardware, 50)}：" + ("先用 0.6B 以下的基礎模型" if small else
                                                  "plan_training 會逐項檢查放不放得下") +
            "（llm-knowledge/memory-time-cost）。"))
    reasons.append(Text(
        "TF-IDF with logistic regression is measured beside it in any case, so nothing is lost by starting with the "
        "model.", "TF-IDF＋邏輯迴歸無論如何都會一起量，所以先做模型也不會漏掉更簡單的答案。"))
    if train and min(train.values()) and max(train.values()) / min(train.values()) > \
            situation.sources.quality.max_imbalance:
        ratio = max(train.values()) / min(train.values())
        reasons.append(Text(
            f"The labels are uneven ({ratio:.1f} to 1); start without balancing, so that v1 shows whether it hurts "
            "(llm-knowledge/imbalance).",
            f"標籤不平均（{ratio:.1f} 比 1）；先不做平衡，讓 v1 告訴我們影響有多大（llm-knowledge/imbalance）。"))
    lora = Text("A small model with LoRA (SFT)", "小模型加 LoRA（SFT）")
    return decision(
        Text("How to begin", "怎麼開始"),
        [lora, Text("Full fine-tuning", "全參數微調"), Text("Only prompting, or TF-IDF", "只用提示詞，或只用 TF-IDF")],
        lora, reasons,
        Text("If TF-IDF turns out as good on the benchmark, take TF-IDF.", "如果評估顯示 TF-IDF 一樣好，就用 TF-IDF。"))


def fits_the_test(situation: Situation, topic: Topic) -> Text | None:
    """How finely their test can tell scores apart, where a threshold is asked for."""
    test = situation.counts.get("test", 0)
    if topic is not SUCCESS or not test:
        return None
    half = precision_of(test, _USUAL_THRESHOLD)
    return Text(
        f"With {test} test rows a score of {_USUAL_THRESHOLD} is known to about ±{half:.2f}: a threshold finer than that "
        "cannot be told apart (llm-knowledge/statistics).",
        f"測試集有 {test} 筆，{_USUAL_THRESHOLD} 分的誤差大約是 ±{half:.2f}：門檻訂得比這更細也分不出來"
        "（llm-knowledge/statistics）。")


def start_decision(situation: Situation) -> DecisionDue:
    """Whether to start what the plan says, with what an earlier version took where there is one."""
    settings = read_yaml(situation.folder.configs / f"{situation.plan}.yaml")
    shown = ", ".join(f"{name} {settings[name]}" for name in ("method", "base_model", "lora_r", "learning_rate", "epochs")
                      if settings.get(name) is not None)
    reasons = [Text(f"The plan: {shown}.", f"計畫內容：{shown}。")]
    if situation.trained:
        before = situation.trained[-1]
        seconds = (before.model_info().get("training") or {}).get("seconds")
        if seconds:
            reasons.append(Text(f"{before.name} took {duration(seconds)} on this machine.",
                                f"{before.name} 在這台機器上花了 {duration(seconds)}。"))
    else:
        reasons.append(Text("A first version is there to be measured, not to be perfect: it shows where the data is weak "
                            "(llm-knowledge/hyperparameters).",
                            "第一版是拿來量的，不必完美：它會告訴我們資料哪裡弱（llm-knowledge/hyperparameters）。"))
    start = Text("Start the training", "開始訓練")
    return decision(
        Text("Start now, or change the plan", "現在開始，還是先改計畫"),
        [start, Text("Change a setting first", "先改設定"), Text("Not now", "先不要")], start, reasons,
        Text("If time or memory in the plan is more than you can give, take a smaller base model.",
             "如果計畫裡的時間或記憶體超過你能給的，就換小一點的基礎模型。"))
