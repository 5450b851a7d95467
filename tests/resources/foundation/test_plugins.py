"""Kinds that packages add: found by their metadata, checked when they are loaded, and never a reason that others fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nlp_skills import Workspace
from nlp_skills.resources.foundation.errors import EvaluationError, PluginError, TrainingError
from nlp_skills.resources.foundation.kinds import _log_misnamed, added_packages, registry
from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.foundation.plugins import PREFIX, installed_plugins
from nlp_skills.server.added_kinds import added_kinds
from nlp_skills.tools.evaluate.metric import Answered, known_metrics
from nlp_skills.tools.evaluate.significance import Scores
from nlp_skills.tools.tasks.fields import with_changes

METRIC = """
from nlp_skills.resources.foundation.language import Text
from nlp_skills.tools.evaluate.metric import ShareMetric
class Mine(ShareMetric):
    '''Mine.'''
    title = Text("mine", "我的")
    def holds(self, row): return True
"""
REWARD = """
from nlp_skills.resources.foundation.language import Text
from nlp_skills.tools.train.reward import Reward
class Mine(Reward):
    '''Mine.'''
    title = Text("mine", "我的")
    answers = ("label",)
    def score(self, row, answer, labels): return 1.0
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package with one module and its entry points on the path, as an installer leaves it."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(module: str, content: str, *entries: str, group: str = "metrics", forget: bool = True) -> None:
        info = tmp_path / f"{module}-2.1.dist-info"
        info.mkdir()
        (tmp_path / f"{module}.py").write_text(content, encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 2.1\n")
        (info / "entry_points.txt").write_text(f"[{group if '.' in group else PREFIX + group}]\n" + "\n".join(entries))
        if forget:
            registry("metrics").forget()
            _log_misnamed.cache_clear()

    yield put
    for module in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[module]
    monkeypatch.undo()
    for group in ("metrics", "rewards", "types"):
        registry(group).forget()


def test_a_class_and_a_module_that_holds_one_are_found_by_the_names_the_package_gives(install: Install) -> None:
    install("acme_a", METRIC, "mine = acme_a:Mine", "also_mine = acme_a")
    metrics = registry("metrics")
    assert {"mine", "also_mine"} <= set(metrics.names()) and metrics.get("mine") is metrics.get("also_mine")
    assert metrics.origins()["mine"].en == "the package acme_a 2.1" and "mine" not in metrics.own()
    assert list(metrics.classes()) == sorted(metrics.classes())
    [standing] = added_kinds(None, {})
    assert standing.says.en.endswith(": also_mine (acme-a), mine (acme-a)")


@pytest.mark.parametrize(
    "content, why, warum",
    [
        ("import torch\n", "imports torch at the top of its module", "在模組開頭就匯入 torch"),
        ("import gone_for_good\n", "No module named 'gone_for_good'", "gone_for_good"),
        ("1 / 0\n", "ZeroDivisionError", "ZeroDivisionError"),
        ("import sys; sys.exit(3)\n", "ends the program", "結束整個程式"),
        ("class Mine: pass\n", "not a subclass of nlp_skills.tools.evaluate.metric.Metric", "子類別"),
        (METRIC.replace("def holds", "def helps"), "does not define holds", "沒有定義 holds"),
        (METRIC.replace("title = Text(", "print("), "does not define title", "沒有定義 title"),
    ],
)
def test_what_cannot_be_used_is_told_by_name_and_the_others_work(
    install: Install, content: str, why: str, warum: str
) -> None:
    install("acme_b", content, "broken = acme_b:Mine")
    metrics = registry("metrics")
    assert "accuracy" in metrics.classes() and "broken" not in metrics.classes()
    with pytest.raises(PluginError) as refused:
        metrics.get("broken")
    assert why in refused.value.problem.en and warum in refused.value.problem.zh
    assert "the package acme_b 2.1" in refused.value.problem.en and "Traceback" not in str(refused.value)
    [standing] = added_kinds(None, {})
    assert standing.state == "broken" and why in standing.says.en


def test_a_name_of_ours_stays_ours(install: Install) -> None:
    ours = registry("metrics").get("accuracy")
    install("acme_c", METRIC, "accuracy = acme_c:Mine")
    assert registry("metrics").get("accuracy") is ours
    assert "the name is taken" in registry("metrics").faults()["accuracy"].problem.en


def test_a_package_that_jobs_lack_is_told_with_the_command_that_brings_it(install: Install) -> None:
    install("acme_d", METRIC, "mine = acme_d:Mine")
    assert added_packages() == ["acme-d"]
    lacking = list(added_kinds("/worker/python", {"torch": "2", "acme-d": None}))[-1]
    assert lacking.mends and lacking.mends.en == "Run: /worker/python -m pip install acme-d"


def test_an_unknown_name_is_answered_with_the_nearest_and_with_all_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EvaluationError) as wrong:
        registry("metrics").get("Macro F1", "metric")
    assert wrong.value.field == "metric" and wrong.value.problem.en == "There is no metric 'Macro F1'."
    assert wrong.value.fix.en.startswith("Did you mean macro_f1? Available: accuracy, ")
    with speaking("zh-TW"):
        assert str(wrong.value).startswith("沒有「Macro F1」這個指標。 [metric]\n→ 你是不是要用 macro_f1？可用的有：")
    with pytest.raises(TrainingError) as other:
        registry("rewards").get("zzzz")
    assert other.value.fix.en.startswith(
        "Use one of: exact_match, json_validity, label_match. If it comes from a package"
    )
    assert f"{sys.executable} -m pip install PACKAGE" in other.value.fix.en
    monkeypatch.setenv("NLP_SKILLS_JOB_FAMILY", "/jobs/1")
    assert "where jobs run as well" in registry("rewards").unknown("zzzz").fix.en


def test_a_package_installed_while_the_server_runs_is_seen_by_who_asks_for_what_it_adds(
    install: Install, tmp_path: Path
) -> None:
    metrics = registry("metrics")
    assert "later" not in metrics.classes()
    install("acme_k", METRIC, "later = acme_k:Mine", forget=False)
    assert metrics.get("later").__name__ == "Mine" and metrics.instances()["later"].title.en == "mine"
    install("acme_l", METRIC, "latest = acme_l:Mine", forget=False)
    assert "latest" in metrics.origins()
    install("acme_m", METRIC, "lost = acme_elsewhere:Mine", forget=False)
    with pytest.raises(PluginError, match="restart the server"):
        metrics.get("lost")


@pytest.mark.parametrize(
    "group, meant",
    [
        ("nlp_skills.metric", "nlp_skills.metrics"),
        ("nlp-skills.metrics", "nlp_skills.metrics"),
        ("nlp_skills.tasks", ""),
    ],
)
def test_a_misspelt_group_of_entry_points_is_reported_with_the_one_that_was_meant(
    install: Install, caplog: pytest.LogCaptureFixture, group: str, meant: str
) -> None:
    install("acme_n", METRIC, "astray = acme_n:Mine", group=group)
    with pytest.raises(PluginError) as astray:
        registry("metrics").get("astray")
    assert group in astray.value.problem.en and "the package acme_n 2.1" in astray.value.problem.en
    assert not meant or (
        f"Did you mean {meant}?" in astray.value.fix.en and f"你是不是要用 {meant}？" in astray.value.fix.zh
    )
    [standing] = added_kinds(None, {})
    assert standing.state == "broken" and standing.says == astray.value.problem
    assert group in caplog.text


def test_a_kind_has_its_name_before_its_registry_is_read() -> None:
    code = (
        "from nlp_skills.tools.compute.machines.ssh import Ssh\n"
        "from nlp_skills.tools.data.types.entity_classification import EntityClassification\n"
        "from nlp_skills.tools.train.methods.sft import Sft\n"
        "print(Ssh(host='a').kind, EntityClassification().name, Sft.kind)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["ssh", "entity-classification", "sft"]


def test_names_are_told_without_loading_what_bears_them(install: Install) -> None:
    install("acme_e", "raise RuntimeError('loaded')", "lazy = acme_e:Mine", group="types")
    assert "lazy" in registry("types").names() and [plugin.name for plugin in installed_plugins("types")] == ["lazy"]


def test_a_metric_that_needs_settings_is_left_out_of_what_is_measured(install: Install) -> None:
    install("acme_f", METRIC + "    needed: int\n", "greedy = acme_f:Mine")
    metrics = registry("metrics")
    assert "accuracy" in metrics.instances() and "greedy" not in metrics.instances()
    with pytest.raises(PluginError, match="ValidationError"):
        metrics.get("greedy")


def test_a_metric_that_fails_at_work_is_named_with_its_package(install: Install) -> None:
    install("acme_f", METRIC.replace("return True", "return row.gold_answer"), "mine = acme_f:Mine")
    with pytest.raises(PluginError) as failed:
        Scores([[Answered("a", "a", "a")]], ["a"]).values({"mine": known_metrics()["mine"]})
    assert all(part in failed.value.problem.en for part in ("mine", "acme_f 2.1", "AttributeError"))


def test_metrics_of_two_packages_whose_classes_have_one_name_are_counted_apart(install: Install) -> None:
    install("acme_g", METRIC, "always = acme_g:Mine")
    install("acme_h", METRIC.replace("return True", "return False"), "never = acme_h:Mine")
    metrics = {name: known_metrics()[name] for name in ("always", "never")}
    assert Scores([[Answered("a", "a", "a")]], ["a"]).values(metrics) == {"always": [1.0], "never": [0.0]}


def test_a_goal_whose_metric_cannot_be_loaded_is_told_why(install: Install, tmp_path: Path) -> None:
    install("acme_i", "import pandas\n", "mine = acme_i:Mine")
    task = Workspace(tmp_path / "ws").create("A", type="classification", language="en", labels=["a", "b"])
    with pytest.raises(PluginError) as refused:
        with_changes(task.definition, {"success_criteria": {"metric": "mine"}})
    assert "imports pandas at the top" in refused.value.problem.en


@pytest.mark.worker
@pytest.mark.parametrize(
    "given, why",
    [("float('nan')", "score gave nan"), ("'high'", "ValueError"), ("None", "TypeError"), ("row['x']", "'x'")],
)
def test_a_reward_that_gives_no_number_is_named_with_its_package(install: Install, given: str, why: str) -> None:
    from nlp_skills.tools.train.reward_trainer import Judge

    install("acme_j", REWARD.replace("1.0", given), "mine = acme_j:Mine", group="rewards")
    judge = Judge([registry("rewards").get("mine")()], None, {"1": {"label": "a"}}, ["a"], [7])
    assert judge.score(judge.rewards[0], "1", "cut off", [1]) == 0.0
    with pytest.raises(PluginError) as failed:
        judge.score(judge.rewards[0], "1", "a", [7])
    assert all(part in failed.value.problem.en for part in ("mine", "acme_j 2.1", why))
