"""Decisions before a training: how to begin, what the test can tell apart, and whether to start."""

from __future__ import annotations

from ...resources.figures import figure
from ...resources.foundation.external import quote
from ...resources.foundation.files import read_yaml
from ...resources.foundation.language import Text, number_of
from ..compute.jobs.words import duration
from ..data.task_kind import task_kind
from ..evaluate.metric import METRICS
from .answer import DecisionDue
from .choosing import decision
from .closing import precision_of
from .intent import mentions
from .questions import SUCCESS, Topic
from .situation import Situation
from .texts.reading import Texts

_text = Texts("planning")

_USUAL_THRESHOLD = 0.8


def first_plan_decision(situation: Situation) -> DecisionDue:
    """How to begin, from their kind of answers, their rows and their machine."""
    answers = task_kind(situation.task.type).answers
    if answers == "pair":
        return _from_preferences(situation)
    rows, train, labels = situation.counts.get("train", 0), situation.train_labels, answers == "label"
    reasons = [
        _text("first_plan_decision.small_model_lora", trainings=number_of(rows, "training row"))
        if rows < figure("rows_typical") * 10
        else _text("first_plan_decision.training_rows_enough", rows=rows)
    ]
    reasons += _their_machine(situation)
    reasons.append(
        _text("first_plan_decision.tf_idf_logistic") if labels else _text("first_plan_decision.simple_method_untuned")
    )
    metric = METRICS.classes().get(situation.task.metric.partition(".")[0])
    if not labels and metric and metric.verifiable:
        reasons.append(_text("first_plan_decision.rewards_grpo_not"))
    if (
        train
        and min(train.values())
        and max(train.values()) / min(train.values()) > situation.sources.quality.max_imbalance
    ):
        ratio = max(train.values()) / min(train.values())
        reasons.append(_text("first_plan_decision.labels_uneven", ratio=ratio))
    lora = _text("first_plan_decision.small_model_lora_sft")
    return decision(
        _text("first_plan_decision.how_begin"),
        [
            lora,
            _text("first_plan_decision.full_fine_tuning"),
            _text("first_plan_decision.only_prompting_tf") if labels else _text("first_plan_decision.only_prompting"),
        ],
        lora,
        reasons,
        _text("first_plan_decision.if_tf_idf") if labels else _text("first_plan_decision.if_simple_method"),
    )


def _their_machine(situation: Situation) -> list[Text]:
    hardware = situation.task.constraints.hardware
    if not hardware:
        return []
    return [
        _text("their_machine.machine_begin_base", hardware=quote(hardware, 50))
        if mentions("no_gpu", hardware)
        else _text("their_machine.machine_plan_training", hardware=quote(hardware, 50))
    ]


def _from_preferences(situation: Situation) -> DecisionDue:
    """Pairs of a better and a worse answer are what dpo learns from."""
    rows = situation.counts.get("train", 0)
    dpo = _text("from_preferences.preferences_lora_dpo")
    reasons = [
        _text("from_preferences.dpo_learns_which", trainings=number_of(rows, "training pair")),
        _text("from_preferences.only_re_weighs"),
        _text("from_preferences.costs_two_three"),
        *_their_machine(situation),
    ]
    return decision(
        _text("from_preferences.how_begin"),
        [dpo, _text("from_preferences.sft_good_answers"), _text("from_preferences.only_prompting")],
        dpo,
        reasons,
        _text("from_preferences.if_each_text"),
    )


def fits_the_test(situation: Situation, topic: Topic) -> Text | None:
    """How finely their test can tell scores apart, where a threshold is asked for."""
    test = situation.counts.get("test", 0)
    if topic is not SUCCESS or not test:
        return None
    half = precision_of(test, _USUAL_THRESHOLD)
    return _text(
        "fits_the_test.score_known_about",
        tests=number_of(test, "test row"),
        usual_threshold=_USUAL_THRESHOLD,
        half=half,
    )


def start_decision(situation: Situation) -> DecisionDue:
    """Whether to start what the plan says, with what an earlier version took where there is one."""
    settings = read_yaml(situation.folder.configs / f"{situation.plan}.yaml")
    shown = ", ".join(
        f"{name} {settings[name]}"
        for name in ("method", "base_model", "lora_r", "learning_rate", "epochs")
        if settings.get(name) is not None
    )
    reasons = [_text("start_decision.plan", shown=shown)]
    if situation.trained:
        before = situation.trained[-1]
        seconds = before.model_info().training.seconds
        if seconds:
            reasons.append(_text("start_decision.took_machine", before=before.name, seconds=duration(seconds)))
    else:
        reasons.append(_text("start_decision.first_version_measured"))
    start = _text("start_decision.start_training")
    return decision(
        _text("start_decision.start_now_change"),
        [start, _text("start_decision.change_setting_first"), _text("start_decision.not_now")],
        start,
        reasons,
        _text("start_decision.if_time_memory"),
    )
