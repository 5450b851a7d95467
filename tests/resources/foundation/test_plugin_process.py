"""What the server asks of a kind that stands in a file is answered by the file's own process, once the person agreed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp_skills.resources.foundation import plugin_process
from nlp_skills.resources.foundation.access import AccessError, grant
from nlp_skills.resources.foundation.errors import PluginError, TrainingError
from nlp_skills.resources.foundation.kinds import REGISTRIES, is_stand_in, registry, use_plugins_of
from nlp_skills.tools.compute.machine import CheckResult
from nlp_skills.tools.compute.named_machines import make_machine
from nlp_skills.tools.data.task_kind import Spelling, Unfit, kind_of, task_kind
from nlp_skills.tools.train.default_settings import resolve_settings, warn_of_settings
from nlp_skills.tools.train.method import make_method
from nlp_skills.tools.train.training_context import TrainingContext
from tests.docs.extending import files_of

EXAMPLES = files_of("extending.md")
SHOUT = """
from typing import ClassVar
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.task import Prompt
from nlp_skills.tools.data.task_kind import TaskKind
SYSTEM = "Shout."
class Shout(TaskKind):
    '''A shout.'''
    title = Text("a shout", "大喊")
    roles = ("text", "shout")
    answers = "text"
    key = "shout"
    usual_metric = "chrf"
    sample = {"text": "…", "shout": "…"}
    prompts = {"en": Prompt(system=SYSTEM, user="{text}"), "zh-TW": Prompt(system=SYSTEM, user="{text}")}
    def fields(self, values, spelling): return dict(values)
    def read(self, answer, labels): return answer
    def answer(self, row):
        BODY
"""
PATIENT = """
from typing import ClassVar
from nlp_skills.resources.foundation.errors import TrainingError
from nlp_skills.resources.foundation.language import Text
from nlp_skills.tools.train.method import Method
from nlp_skills.tools.train.training_context import ComputeCost
class Patient(Method):
    '''Trains when it likes.'''
    accepts: ClassVar[tuple[str, ...]] = ("label",)
    wants: ClassVar[Text] = Text("rows with a label", "有標籤的資料")
    eval_metric: ClassVar[str] = "eval_loss"
    naps: int | None = None
    @classmethod
    def default_learning_rate(cls, lora, tiny): return 1e-4, Text("slowly", "慢慢來")
    @classmethod
    def default_epochs(cls, rows, tiny): return rows, Text("one nap a row", "每筆一次")
    @classmethod
    def default_batch(cls, context, tiny): return 1, 2, Text("one by one", "一次一筆")
    def own_defaults(self, context): return {"naps": (context.valid_rows, Text("one each", "每筆一次"))}
    def compute_cost(self): return ComputeCost(answers=2, written=(1.0, 3.0))
    def describe_settings(self, rows): return Text(f"{self.epochs} naps", f"小睡 {self.epochs} 次")
    @classmethod
    def describe_scores(cls, training): return Text("", "")
    def rows_per_epoch(self, context): return context.train_rows * 2
    def warnings(self, context): raise TrainingError(Text("Too tired.", "太累了。"), Text("Sleep.", "去睡。"), field="epochs")
    def checkpoint_score(self, entry): return None
    def build_dataset(self, train): return train
    def build_trainer(self, run, parts): raise NotImplementedError
    def final_metrics(self, history, chosen): return {}
    def collect_evidence(self, trainer, train, history, kept): raise NotImplementedError
    def count_tokens(self, trainer, shown, epochs): return 0
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of plugins of the workspace that counts, and nothing that was allowed before."""
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    folder = tmp_path / "workspace" / "plugins"
    folder.mkdir(parents=True)
    use_plugins_of(folder.parent)
    yield folder
    plugin_process.end_processes()
    use_plugins_of(tmp_path / "nowhere")
    for group in REGISTRIES:
        registry(group).forget()


def put(plugins: Path, name: str, content: str = "") -> Path:
    file = plugins / f"{name}.py"
    file.write_text(content or EXAMPLES[f"acme_nlp/{name}.py"], encoding="utf-8")
    return file


def agree(group: str, name: str) -> None:
    with pytest.raises(AccessError) as asked:
        registry(group).get(name)
    grant(asked.value.needs, file=str(asked.value.details["file"]))


def test_a_type_of_a_file_asks_and_reads_rows_once_the_person_agreed(plugins: Path) -> None:
    put(plugins, "headline")
    kind, row = task_kind("headline"), {"text": "long", "headline": "short"}
    assert kind.title.en == "a headline for a text" and kind.prompts["en"].user == "{text}" and kind_of(row) is kind
    with pytest.raises(AccessError):
        kind.answer(row)
    agree("types", "headline")
    assert kind.answer(row) == "short" and kind.read("  ", []) is None
    assert kind.fields(row, Spelling([], {})) == row
    with pytest.raises(Unfit) as unfit:
        kind.fields({"text": "long"}, Spelling([], {}))
    assert unfit.value.code == "headline" and "nlp_skills_plugins.headline" not in sys.modules

    put(plugins, "headline", EXAMPLES["acme_nlp/headline.py"].replace('row["headline"]', '"changed"'))
    with pytest.raises(AccessError):
        task_kind("headline").answer(row)
    agree("types", "headline")
    assert task_kind("headline").answer(row) == "changed"


def test_a_method_in_full_is_planned_with(plugins: Path) -> None:
    put(plugins, "patient", PATIENT)
    agree("methods", "patient")
    method, context = make_method("patient", {"base_model": "m"}), TrainingContext(7, 2)
    assert is_stand_in(registry("methods").describe("patient")) and method.kind == "patient"
    resolved, reasons = resolve_settings(method, context)
    assert type(resolved) is type(method) and resolved.epochs == 7 and reasons["epochs"].zh == "每筆一次"
    assert resolved.model_dump()["naps"] == 2 and reasons["naps"].en == "one each"
    assert resolved.describe_settings(3).en == "7 naps" and method.rows_per_epoch(context) == 14
    assert method.compute_cost().written == (1.0, 3.0) and resolved.gradient_accumulation == 2
    with pytest.raises(TrainingError) as tired:
        warn_of_settings(resolved, context)
    assert tired.value.fix.zh == "去睡。" and tired.value.field == "epochs"


def test_a_machine_of_a_file_is_looked_at_by_the_file(plugins: Path) -> None:
    look = (
        "    def examine(self, name):\n        from nlp_skills.tools.compute.machine import CheckResult\n"
        "        from nlp_skills.resources.foundation.language import Text\n"
        "        return [CheckResult('warning', Text(f'{name} at {self.folder} naps', '在睡'))]\n"
    )
    put(plugins, "lab", EXAMPLES["acme_nlp/lab.py"] + "\n" + look)
    agree("machines", "lab")
    machine = make_machine("gpu3", {"kind": "lab", "host": "gpu3"})
    [found] = machine.examine("gpu3")
    assert type(found) is CheckResult and found.says.en == "gpu3 at /scratch/nlp-skills naps"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return 5", "its answer answers with something else"),
        ("raise KeyError('mine')", "KeyError: 'mine'"),
        ("import sys; sys.exit(3)", "it ends the program"),
        ("import os; os._exit(3)", "its answer ended its process"),
        ("return lambda: 5", "cannot be handed over"),
    ],
)
def test_whatever_a_file_does_is_told_of_the_file_and_the_next_call_is_answered(
    body: str, why: str, plugins: Path
) -> None:
    put(plugins, "shout", SHOUT.replace("BODY", body))
    agree("types", "shout")
    with pytest.raises(PluginError) as refused:
        task_kind("shout").answer({"shout": "x"})
    assert why in refused.value.problem.en and refused.value.field == "plugins/shout.py"
    assert task_kind("shout").read("x", []) == "x"


def test_what_a_file_prints_is_no_answer_and_what_takes_too_long_is_ended(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(plugins, "shout", SHOUT.replace("BODY", "print('{}'); return 'X'"))
    agree("types", "shout")
    assert task_kind("shout").answer({}) == "X"
    monkeypatch.setattr(plugin_process, "_SECONDS", 1)
    put(plugins, "loud", SHOUT.replace("BODY", "while True: pass").replace('"shout"', '"loud"'))
    agree("types", "loud")
    with pytest.raises(PluginError, match="took longer than 1 seconds"):
        task_kind("loud").answer({})
