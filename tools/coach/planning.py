"""Decisions before a training: how to begin, what the test can tell apart, and whether to start."""

from __future__ import annotations

from ...resources.figures import figure
from ...resources.foundation.external import quote
from ...resources.foundation.files import read_yaml
from ...resources.foundation.language import Text, several
from ..compute.jobs.words import duration
from ..data.task_kind import task_kind
from ..evaluate.metric import METRICS
from .answer import DecisionDue
from .choosing import decision
from .closing import precision_of
from .intent import mentions
from .questions import SUCCESS, Topic
from .situation import Situation

_USUAL_THRESHOLD = 0.8


def first_plan_decision(situation: Situation) -> DecisionDue:
    """How to begin, from their kind of answers, their rows and their machine."""
    answers = task_kind(situation.task.type).answers
    if answers == "pair":
        return _from_preferences(situation)
    rows, train, labels = situation.counts.get("train", 0), situation.train_labels, answers == "label"
    reasons = [
        Text(
            f"{several(rows, 'training row')}: a small model with LoRA learns from that; full fine-tuning wants thousands to be "
            "worth its memory (llm-knowledge/choosing-a-method).",
            f"{rows} 筆訓練資料：小模型加 LoRA 就學得起來；全參數微調要上千筆才值得那麼多記憶體"
            "（llm-knowledge/choosing-a-method）。",
        )
        if rows < figure("rows_typical") * 10
        else Text(
            f"{rows} training rows: enough for full fine-tuning too, but LoRA costs a fraction of the memory and is seldom "
            "worse (llm-knowledge/lora).",
            f"{rows} 筆訓練資料：也夠做全參數微調，但 LoRA 只要一小部分記憶體，通常不會比較差（llm-knowledge/lora）。",
        )
    ]
    reasons += _their_machine(situation)
    reasons.append(
        Text(
            "TF-IDF with logistic regression is measured beside it in any case, so nothing is lost by starting with the "
            "model.",
            "TF-IDF＋邏輯迴歸無論如何都會一起量，所以先做模型也不會漏掉更簡單的答案。",
        )
        if labels
        else Text(
            "A simple method and the untuned model are measured beside it in any case, so nothing is lost by starting with the "
            "model.",
            "最簡單的方法和未微調的模型無論如何都會一起量，所以先做模型也不會漏掉更簡單的答案。",
        )
    )
    metric = METRICS.classes().get(situation.task.metric.partition(".")[0])
    if not labels and metric and metric.verifiable:
        reasons.append(
            Text(
                "Rewards (grpo) are not where to begin: they sharpen what sft has taught. Where its answers then are right in "
                "some rows only, I propose them (llm-knowledge/reward-methods).",
                "不要從獎勵訓練（grpo）開始：它是把 sft 教過的變得更穩。之後如果只有部分答對，我會再建議"
                "（llm-knowledge/reward-methods）。",
            )
        )
    if (
        train
        and min(train.values())
        and max(train.values()) / min(train.values()) > situation.sources.quality.max_imbalance
    ):
        ratio = max(train.values()) / min(train.values())
        reasons.append(
            Text(
                f"The labels are uneven ({ratio:.1f} to 1); start without balancing, so that v1 shows whether it hurts "
                "(llm-knowledge/imbalance).",
                f"標籤不平均（{ratio:.1f} 比 1）；先不做平衡，讓 v1 告訴我們影響有多大（llm-knowledge/imbalance）。",
            )
        )
    lora = Text("A small model with LoRA (SFT)", "小模型加 LoRA（SFT）")
    return decision(
        Text("How to begin", "怎麼開始"),
        [
            lora,
            Text("Full fine-tuning", "全參數微調"),
            Text("Only prompting, or TF-IDF", "只用提示詞，或只用 TF-IDF")
            if labels
            else Text("Only prompting", "只用提示詞"),
        ],
        lora,
        reasons,
        Text("If TF-IDF turns out as good on the benchmark, take TF-IDF.", "如果評估顯示 TF-IDF 一樣好，就用 TF-IDF。")
        if labels
        else Text(
            "If the simple method turns out as good on the benchmark, take that.",
            "如果評估顯示簡單的方法一樣好，就用簡單的方法。",
        ),
    )


def _their_machine(situation: Situation) -> list[Text]:
    hardware = situation.task.constraints.hardware
    if not hardware:
        return []
    small = mentions("no_gpu", hardware)
    return [
        Text(
            f"Your machine, {quote(hardware, 50)}: "
            + ("begin with a base model of 0.6B or less" if small else "plan_training checks what fits, part by part")
            + " (llm-knowledge/memory-time-cost).",
            f"你的機器是{quote(hardware, 50)}："
            + ("先用 0.6B 以下的基礎模型" if small else "plan_training 會逐項檢查放不放得下")
            + "（llm-knowledge/memory-time-cost）。",
        )
    ]


def _from_preferences(situation: Situation) -> DecisionDue:
    """Pairs of a better and a worse answer are what dpo learns from."""
    rows = situation.counts.get("train", 0)
    dpo = Text("Preferences with LoRA (DPO)", "偏好訓練加 LoRA（DPO）")
    reasons = [
        Text(
            f"{several(rows, 'training pair')}: dpo learns which of two answers people prefer; 1,000 to 5,000 pairs are "
            "usual (llm-knowledge/preference-methods).",
            f"{rows} 組訓練配對：dpo 從中學會人們偏好哪一個回答，通常需要 1,000 到 5,000 組（llm-knowledge/preference-methods）。",
        ),
        Text(
            "It only re-weighs what the model can say already. Where a version was taught to answer such texts (sft), begin "
            "from it: settings={'base_model': 'its-task/v1'}.",
            "它只調整模型本來就說得出的內容。如果有用 sft 教過同類文字的版本，就從那裡開始："
            "settings={'base_model': '那個任務/v1'}。",
        ),
        Text(
            "It costs two to three times what sft on as many rows does: each pair is two answers, asked of the model and of "
            "the one it began as.",
            "成本大約是同樣筆數 sft 的兩到三倍：每組有兩個回答，訓練中的模型和原本的模型都要算。",
        ),
        *_their_machine(situation),
    ]
    return decision(
        Text("How to begin", "怎麼開始"),
        [
            dpo,
            Text(
                "SFT on good answers first, in a task of type generation or chat",
                "先用好的回答做 SFT（generation 或 chat 類型的任務）",
            ),
            Text("Only prompting", "只用提示詞"),
        ],
        dpo,
        reasons,
        Text(
            "If each text has one right answer, write that down: then sft is the better way.",
            "如果每則文字都有一個正確答案，就把它寫下來：那樣用 sft 比較好。",
        ),
    )


def fits_the_test(situation: Situation, topic: Topic) -> Text | None:
    """How finely their test can tell scores apart, where a threshold is asked for."""
    test = situation.counts.get("test", 0)
    if topic is not SUCCESS or not test:
        return None
    half = precision_of(test, _USUAL_THRESHOLD)
    return Text(
        f"With {several(test, 'test row')} a score of {_USUAL_THRESHOLD} is known to about ±{half:.2f}: a threshold finer "
        "than that cannot be told apart (llm-knowledge/statistics).",
        f"測試集有 {test} 筆，{_USUAL_THRESHOLD} 分的誤差大約是 ±{half:.2f}：門檻訂得比這更細也分不出來"
        "（llm-knowledge/statistics）。",
    )


def start_decision(situation: Situation) -> DecisionDue:
    """Whether to start what the plan says, with what an earlier version took where there is one."""
    settings = read_yaml(situation.folder.configs / f"{situation.plan}.yaml")
    shown = ", ".join(
        f"{name} {settings[name]}"
        for name in ("method", "base_model", "lora_r", "learning_rate", "epochs")
        if settings.get(name) is not None
    )
    reasons = [Text(f"The plan: {shown}.", f"計畫內容：{shown}。")]
    if situation.trained:
        before = situation.trained[-1]
        seconds = before.model_info().training.seconds
        if seconds:
            reasons.append(
                Text(
                    f"{before.name} took {duration(seconds)} on this machine.",
                    f"{before.name} 在這台機器上花了 {duration(seconds)}。",
                )
            )
    else:
        reasons.append(
            Text(
                "A first version is there to be measured, not to be perfect: it shows where the data is weak "
                "(llm-knowledge/hyperparameters).",
                "第一版是拿來量的，不必完美：它會告訴我們資料哪裡弱（llm-knowledge/hyperparameters）。",
            )
        )
    start = Text("Start the training", "開始訓練")
    return decision(
        Text("Start now, or change the plan", "現在開始，還是先改計畫"),
        [start, Text("Change a setting first", "先改設定"), Text("Not now", "先不要")],
        start,
        reasons,
        Text(
            "If time or memory in the plan is more than you can give, take a smaller base model.",
            "如果計畫裡的時間或記憶體超過你能給的，就換小一點的基礎模型。",
        ),
    )
