"""It lost what the base model could do."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.language import Text
from ...baseline import BASE_MODEL, baseline_title
from ..case import Case
from ..cause import Cause, CauseKind, NotKnown, Remedy, ramp
from ..standing import headline

_LOST, _MUCH_LOST = 0.02, 0.15


class Forgetting(CauseKind):
    """On another benchmark the untuned base model is better than the version. Known only where one was measured."""

    title: ClassVar[Text] = Text("forgot what the base model could do", "忘了基礎模型原本會的")
    page: ClassVar[str] = "llm-knowledge/trouble-forgetting"
    words: ClassVar[tuple[str, ...]] = ("forg", "used to", "遺忘", "忘記", "忘了")

    def examine(self, case: Case) -> Cause | None:
        evaluation, _ = case.newest_result()
        untuned, metric = baseline_title(BASE_MODEL), case.right_metric
        others = [
            record
            for record in case.folder.evaluations()
            if record.benchmark.hash != evaluation.benchmark.hash and record.baselines.get(BASE_MODEL)
        ]
        if not others:
            raise NotKnown(
                Text(
                    "no benchmark of anything else was measured beside this task's own",
                    "除了這個任務本身，沒有量過其他能力的評估基準",
                )
            )
        record = others[-1]
        mine, base = headline(record, metric), record.baselines[BASE_MODEL].value(metric)
        if mine is None or base is None or mine.high is None or mine.high >= base:
            return None
        name, lost = record.benchmark.name, base - mine.value
        reasons = [
            Text(
                "On benchmark {name} it answers {value:.2f} correctly, {untuned} {base:.2f}.",
                "在評估基準 {name} 上它答對 {value:.2f}，{untuned}是 {base:.2f}。",
            ).format(name=name, value=mine.value, untuned=untuned, base=base)
        ]
        rate = float(case.config.learning_rate or 0.0)
        full = not case.config.lora_r
        remedy = (
            Remedy(
                Text(
                    "Train LoRA matrices (lora_r: 16) instead of every weight",
                    "改訓練 LoRA（lora_r: 16），不要動全部權重",
                ),
                {"lora_r": 16},
            )
            if full
            else Remedy(
                Text(f"Train with half the learning rate ({rate / 2:g})", f"學習率減半（{rate / 2:g}）"),
                {"learning_rate": rate / 2},
            )
        )
        return self.build_cause(
            0.5 + 0.4 * ramp(lost, _LOST, _MUCH_LOST),
            {"benchmark": name, "version": mine.value, "base_model": base},
            reasons,
            remedy,
        )
