"""What an evaluation says about the person's own goal, and the one change worth trying next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...resources.language import Text
from ...resources.task import Task
from ...resources.version import VersionFolder
from ..evaluate.baselines import TITLES
from ..evaluate.metric import known_metrics, metric_title
from .figures import figure
from .situation import Situation
from .wording import interval, score

Standing = Literal["met", "close", "gap", "no_goal"]
_MOST_EPOCHS = 100
_LONGEST_LABEL = 40


@dataclass(frozen=True)
class Result:
    """One version's newest evaluation, held against the task's present criteria.

    Arguments:
        weakest: the label with the lowest F1; `weakest_rows` how many training rows it had.
        simplest: name, score and outcome (`wins`, `ties`, `loses`) of the best simple baseline.
        before: the parent's value on the same benchmark.
    """

    version: VersionFolder
    metric: str
    value: float
    low: float | None
    high: float | None
    rows: int
    benchmark: str
    standing: Standing
    threshold: float | None
    weakest: str | None
    weakest_f1: float
    weakest_rows: int | None
    invalid_rate: float
    simplest: Mapping[str, Any] | None
    parent: str | None
    before: float | None


@dataclass(frozen=True)
class Change:
    """One change for the next version: what and why, what it may bring, and how to make it."""

    what: Text
    reasons: list[Text]
    expected: Text
    settings: dict[str, Any] | None = None  # of plan_training; None: the change is in the data


def result_of(task: Task, version: VersionFolder) -> Result | None:
    """The version's newest evaluation, or None where it has none."""
    evaluation = version.latest_evaluation()
    if evaluation is None:
        return None
    metric = task.success_criteria.metric
    found = _headline(evaluation, metric) or _headline(evaluation, "macro_f1")
    if found is None:
        return None
    metric = metric if _headline(evaluation, metric) else "macro_f1"
    per_class = {label: figures["f1"] for label, figures in (evaluation.get("per_class") or {}).items()
                 if figures.get("support")}
    weakest = min(per_class, key=lambda label: per_class[label]) if len(per_class) > 1 else None
    config = version.config() if version.config_file.is_file() else {}
    parent = config.get("parent")
    return Result(
        version=version, metric=metric, value=float(found["value"]), low=found.get("low"), high=found.get("high"),
        rows=int(evaluation["benchmark"].get("count") or 0), benchmark=str(evaluation["benchmark"]["hash"]),
        standing=_standing(metric, found, task.success_criteria.threshold), threshold=task.success_criteria.threshold,
        weakest=weakest, weakest_f1=per_class[weakest] if weakest else 0.0,
        weakest_rows=_train_counts(version).get(weakest) if weakest else None,
        invalid_rate=float(((evaluation.get("metrics") or {}).get("invalid_rate") or {}).get("value") or 0.0),
        simplest=_simplest(evaluation, metric, float(found["value"])), parent=str(parent) if parent else None,
        before=_value_on(version, str(parent), metric, evaluation) if parent else None,
    )


def best_result(situation: Situation) -> Result | None:
    """The best of all versions evaluated on the benchmark of the newest evaluated version."""
    results = [result for version in situation.evaluated if (result := result_of(situation.task, version))]
    if not results:
        return None
    comparable = [result for result in results
                  if (result.benchmark, result.metric) == (results[-1].benchmark, results[-1].metric)]
    sign = 1 if _higher_is_better(results[-1].metric) else -1
    return max(comparable, key=lambda result: (sign * result.value, result.version.number))


def where_it_stands(result: Result) -> Text:
    """The score against the person's own goal, in one sentence or two."""
    title, value = metric_title(result.metric), f"{score(result.value)}"
    around = interval(result.low, result.high)
    head = Text(f"{result.version.name} reaches {title.en} {value}{around} on {result.rows} rows it has never seen",
                f"{result.version.name} 在 {result.rows} 筆沒看過的資料上，{title.zh} 是 {value}{around}")
    goal = score(result.threshold)
    tail = {
        "met": Text(f": your goal of {goal} is met.", f"，已達到你訂的 {goal}。"),
        "close": Text(f": close to your goal of {goal}, within what this test can tell apart.",
                      f"，接近你訂的 {goal}，差距在這個測試集分不出來的範圍內。"),
        "gap": Text(f": still short of your goal of {goal}.", f"，離你訂的 {goal} 還有一段距離。"),
        "no_goal": Text("; no threshold is set yet, so only you can say whether that is enough.",
                        "；還沒有訂門檻，夠不夠用只有你能決定。"),
    }[result.standing]
    return Text(f"{head.en}{tail.en}", f"{head.zh}{tail.zh}")


def against_the_simplest(result: Result) -> Text | None:
    """The words for a simple baseline that wins or ties; None where the model is ahead."""
    if not result.simplest or result.simplest["outcome"] == "loses":
        return None
    title, value = TITLES[result.simplest["name"]], score(result.simplest["value"])
    if result.simplest["outcome"] == "wins":
        return Text(f"Honestly: {title.en} scores {value} on the same rows, trains in seconds and needs no GPU. As it "
                    "stands, the simple method is the better choice.",
                    f"老實說：{title.zh}在同一批資料上得到 {value}，幾秒就訓練好、不需要 GPU。以目前的結果，"
                    "簡單的方法比較好。")
    return Text(f"It is not shown to beat {title.en} ({value}).", f"還沒有證據顯示它優於{title.zh}（{value}）。")


def against_the_parent(result: Result) -> Text | None:
    """Whether the last change seems to have helped; the paired test has the last word."""
    if result.before is None or result.parent is None:
        return None
    difference = result.value - result.before
    if not _higher_is_better(result.metric):
        difference = -difference
    better = Text("up", "進步") if difference > 0 else Text("down", "退步")
    if abs(difference) < 0.0005:
        return Text(f"Against {result.parent} nothing moved.", f"和 {result.parent} 相比沒有變化。")
    return Text(f"Against {result.parent} it went {better.en} by {abs(difference):.3f}; compare_versions says whether "
                "that is more than chance.",
                f"和 {result.parent} 相比{better.zh} {abs(difference):.3f}；是不是碰巧，要看 compare_versions。")


def next_change(situation: Situation, result: Result) -> Change:
    """The one change to try in the next version: the likeliest cause first, never two at once."""
    config = result.version.config() if result.version.config_file.is_file() else {}
    training = result.version.model_info().get("training") or {}
    for find in (_answers_are_no_labels, _overfitted, _undertrained, _rare_label, _weak_label):
        if change := find(situation, result, config, training):
            return change
    return _read_the_errors(result)


def _answers_are_no_labels(
    _situation: Situation, result: Result, config: Mapping[str, Any], _training: Mapping[str, Any]
) -> Change | None:
    if result.invalid_rate <= figure("invalid_rate"):
        return None
    return _longer(config, [Text(f"{result.invalid_rate:.1%} of the answers are no label at all and count as wrong: "
                                 "the "
                                 "form is not learnt yet.",
                                 f"有 {result.invalid_rate:.1%} 的回答根本不是標籤，全部算錯：回答的格式還沒學會。")],
                   Text("Most of those answers turn into labels, some of them the right ones.",
                        "這些回答大多會變成標籤，其中一部分會答對。"))


def _overfitted(
    _situation: Situation, _result: Result, config: Mapping[str, Any], training: Mapping[str, Any]
) -> Change | None:
    learnt, held_out = training.get("train_loss"), training.get("valid_loss")
    epochs = int(config.get("epochs") or 0)
    if not learnt or not held_out or epochs < 2:
        return None
    if held_out < figure("overfit_loss") or held_out / learnt < figure("overfit_ratio"):
        return None
    fewer = max(1, epochs // 2)
    return Change(
        Text(f"Train {fewer} epochs instead of {epochs}", f"訓練輪數從 {epochs} 減為 {fewer}"),
        [Text(f"The loss is {learnt:.3g} on training rows and {held_out:.3g} on held-out ones: it learns by heart.",
              f"訓練資料的損失是 {learnt:.3g}，驗證資料卻是 {held_out:.3g}：它在死背。")],
        Text("A smaller distance between the two, and answers that carry over better.", "兩者差距縮小，對新資料更穩。"),
        {"epochs": fewer},
    )


def _undertrained(
    _situation: Situation, _result: Result, config: Mapping[str, Any], training: Mapping[str, Any]
) -> Change | None:
    learnt = training.get("train_loss")
    if not learnt or learnt < figure("underfit_loss"):
        return None
    return _longer(config, [Text(f"The training loss stopped at {learnt:.3g}: the rows it was shown are not learnt "
                                 "yet.",
                                 f"訓練損失停在 {learnt:.3g}：連看過的資料都還沒學會。")],
                   Text("The training loss falls further, and the weak labels rise with it.",
                        "訓練損失會再下降，弱的標籤也會跟著上來。"))


def _rare_label(
    situation: Situation, result: Result, config: Mapping[str, Any], _training: Mapping[str, Any]
) -> Change | None:
    counts = _train_counts(result.version)
    if result.weakest not in counts or not counts[result.weakest] or config.get("balance") == "oversample":
        return None
    ratio, label = max(counts.values()) / counts[result.weakest], _shown(result.weakest)
    if ratio <= situation.sources.quality.max_imbalance:
        return None
    return Change(
        Text(f"Show rare labels more often (balance: oversample), “{label}” above all",
             f"讓少見的標籤多出現幾次（balance: oversample），尤其是「{label}」"),
        [Text(f"“{label}” is weakest (F1 {result.weakest_f1:.2f}) and has {counts[result.weakest]} training "
              "rows, "
              f"{ratio:.1f} times fewer than the largest.",
              f"「{label}」最弱（F1 {result.weakest_f1:.2f}），訓練資料只有 {counts[result.weakest]} 筆，"
              f"是最多的標籤的 {ratio:.1f} 分之一。")],
        Text(f"Recall of “{label}” rises; the largest label may lose a little.",
             f"「{label}」的召回率上升，最多的標籤可能略降。"),
        {"balance": "oversample"},
    )


def _weak_label(
    _situation: Situation, result: Result, _config: Mapping[str, Any], _training: Mapping[str, Any]
) -> Change | None:
    if result.weakest is None or result.weakest_rows is None or result.weakest_f1 >= result.value:
        return None
    more, label = max(result.weakest_rows, 20), _shown(result.weakest)
    return Change(
        Text(f"Add about {more} rows of “{label}”, hard ones above all",
             f"補大約 {more} 筆「{label}」的資料，以容易搞混的為主"),
        [Text(f"“{label}” is weakest: F1 {result.weakest_f1:.2f} from {result.weakest_rows} training rows.",
              f"「{label}」最弱：{result.weakest_rows} 筆訓練資料，F1 只有 {result.weakest_f1:.2f}。"),
         Text("Rows that look like its mistakes teach more than any setting.",
              "和它答錯的情況相似的資料，比調任何參數都有用。")],
        Text(f"F1 of “{label}” rises; the others should stay.",
             f"「{label}」的 F1 上升，其他標籤應該不變。"),
    )


def _shown(label: str) -> str:
    """A label fit for a sentence: on one line, cut."""
    return " ".join(label.split())[:_LONGEST_LABEL]


def _read_the_errors(result: Result) -> Change:
    return Change(
        Text(f"Read the wrong answers in {result.version.report_file.name} and correct labels that are wrong "
             "themselves",
             f"讀 {result.version.report_file.name} 裡答錯的句子，並更正本身就標錯的標籤"),
        [Text("No figure points at one cause; the mistakes themselves will.",
              "數字沒有指向單一原因，答錯的句子會告訴我們。")],
        Text("Either the labels get cleaner, or a pattern shows that new rows can cover.",
             "標註會更乾淨，或看出一種可以補資料的模式。"),
    )


def _longer(config: Mapping[str, Any], reasons: list[Text], expected: Text) -> Change | None:
    epochs = int(config.get("epochs") or 0)
    more = min(_MOST_EPOCHS, epochs + max(1, epochs // 2))
    if not epochs or more == epochs:
        return None
    return Change(Text(f"Train {more} epochs instead of {epochs}", f"訓練輪數從 {epochs} 增為 {more}"), reasons,
                  expected, {"epochs": more})


def _headline(evaluation: Mapping[str, Any], metric: str) -> dict[str, Any] | None:
    """`{value, low, high}` of a metric, `recall.negative` among them; None where it was not measured."""
    kind, _, label = metric.partition(".")
    if not label:
        found = (evaluation.get("metrics") or {}).get(kind)
        return dict(found) if found and found.get("value") is not None else None
    figures = (evaluation.get("per_class") or {}).get(label) or {}
    if figures.get(kind) is None:
        return None
    low, high = (figures.get("intervals") or {}).get(kind) or (None, None)
    return {"value": figures[kind], "low": low, "high": high}


def _standing(metric: str, found: Mapping[str, Any], threshold: float | None) -> Standing:
    if threshold is None:
        return "no_goal"
    sign = 1 if _higher_is_better(metric) else -1
    short_by = sign * (threshold - float(found["value"]))
    if short_by <= 0:
        return "met"
    far_edge = found.get("high" if sign > 0 else "low")
    reaches = far_edge is not None and sign * (float(far_edge) - threshold) >= 0
    return "close" if reaches or short_by <= figure("close_gap") else "gap"


def _simplest(evaluation: Mapping[str, Any], metric: str, value: float) -> Mapping[str, Any] | None:
    """What the evaluation itself found, else by the plain values of the baselines it recorded."""
    verdict = evaluation.get("verdict") or {}
    if verdict.get("simplest") and verdict.get("metric", metric) == metric:
        return dict(verdict["simplest"])
    known = {name: float(figures[metric]) for name, figures in (evaluation.get("baselines") or {}).items()
             if name in ("majority", "tfidf") and isinstance(figures.get(metric), int | float)}
    if not known:
        return None
    name = max(known, key=lambda one: known[one])
    return {"name": name, "value": known[name], "outcome": "wins" if known[name] >= value else "loses"}


def _value_on(version: VersionFolder, parent: str, metric: str, evaluation: Mapping[str, Any]) -> float | None:
    if not parent.startswith("v") or not parent[1:].isdigit():
        return None
    earlier = VersionFolder(version.task, int(parent[1:])).latest_evaluation(evaluation["benchmark"]["hash"])
    found = _headline(earlier, metric) if earlier else None
    return float(found["value"]) if found else None


def _train_counts(version: VersionFolder) -> dict[str, int]:
    if not version.data_snapshot_file.is_file():
        return {}
    return dict((version.data_snapshot().get("label_counts") or {}).get("train") or {})


def _higher_is_better(metric: str) -> bool:
    known = known_metrics().get(metric.partition(".")[0])
    return known is None or known.higher_is_better
