"""One file in the workspace as a kind: never run by the server, run by jobs once the person agreed to its very content."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp_skills import Workspace
from nlp_skills.resources.foundation import access
from nlp_skills.resources.foundation.access import AccessError, grant, read_grants
from nlp_skills.resources.foundation.errors import DataSourceError, NlpSkillsError, PluginError, TrainingError
from nlp_skills.resources.foundation.files import read_jsonl, sha256_bytes
from nlp_skills.resources.foundation.kinds import is_stand_in, registry, use_plugins_of
from nlp_skills.resources.foundation.plugin_files import unreadable_plugin_files
from nlp_skills.tools.evaluate.metric import Answered, check_metric, metrics_for
from tests.docs.extending import files_of

EXAMPLES = files_of("extending.md")
GROUPS = {
    "sources": "tagged_log",
    "types": "headline",
    "metrics": "same_start",
    "baselines": "named_label",
    "causes": "favourite_answer",
    "methods": "quick_sft",
    "rewards": "brevity",
    "machines": "lab",
    "targets": "drop_folder",
}
RAN = "import os\nos.environ['PLUGIN_RAN'] = 'yes'\n"


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of plugins of the workspace that counts, and nothing that was allowed before."""
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    monkeypatch.delenv("PLUGIN_RAN", raising=False)
    folder = tmp_path / "workspace" / "plugins"
    folder.mkdir(parents=True)
    use_plugins_of(folder.parent)
    yield folder
    use_plugins_of(tmp_path / "nowhere")
    for name in [name for name in sys.modules if name.startswith("nlp_skills_plugins.")]:
        del sys.modules[name]
    monkeypatch.undo()
    for group in GROUPS:
        registry(group).forget()


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the job that this process is."""
    monkeypatch.setenv("NLP_SKILLS_JOB_FAMILY", str(tmp_path))
    return tmp_path


def put(plugins: Path, name: str, before: str = "") -> Path:
    file = plugins / f"{name}.py"
    file.write_text(before + EXAMPLES[f"acme_nlp/{name}.py"], encoding="utf-8")
    return file


def allow(error: AccessError) -> None:
    grant(error.needs, file=str(error.details["file"]))


@pytest.mark.parametrize("group", GROUPS)
def test_the_server_knows_what_a_file_says_and_never_runs_it(group: str, plugins: Path) -> None:
    import os

    file, kinds = put(plugins, GROUPS[group], RAN), registry(group)
    kind = kinds.classes()[GROUPS[group]]
    assert is_stand_in(kind) and GROUPS[group] in kinds.names() and str(file) in kinds.origins()[GROUPS[group]].en
    assert (kind.__doc__ or "").strip() and "PLUGIN_RAN" not in os.environ
    assert GROUPS[group] not in {name for other in GROUPS if other != group for name in registry(other).names()}


def test_a_name_is_agreed_to_with_the_files_very_content(plugins: Path) -> None:
    file = put(plugins, "same_start")
    with pytest.raises(AccessError) as asked:
        check_metric("same_start", ["a", "b"])
    digest = sha256_bytes(file.read_bytes())
    assert str(file) in asked.value.problem.en and digest[:12] in asked.value.problem.en
    assert [need.subject for need in asked.value.needs] == [digest]
    assert f'allow --script "{file}"' in asked.value.fix.en and digest[:12] in asked.value.problem.zh
    allow(asked.value)
    metric, label = check_metric("same_start", ["a", "b"])
    assert metric.title.en == "same first character" and label is None

    file.write_text(file.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    with pytest.raises(AccessError):
        check_metric("same_start", ["a", "b"])


def test_fields_are_checked_before_anything_runs(plugins: Path) -> None:
    put(plugins, "tagged_log")
    sources = registry("sources")
    with pytest.raises(AccessError) as asked:
        sources.make("tagged_log", {"type": "tagged_log"}, "sources[0]")
    allow(asked.value)
    with pytest.raises(DataSourceError) as wrong:
        sources.make("tagged_log", {"type": "tagged_log", "separator": ""}, "sources[0]")
    assert wrong.value.field == "sources[0].path" and "separator" in wrong.value.fix.en
    made = sources.make("tagged_log", {"type": "tagged_log", "path": "x.log"}, "sources[0]")
    assert made.separator == "|"
    with pytest.raises(PluginError, match="it only runs in jobs"):
        made.batches(plugins, "sources[0]")


def test_a_job_runs_what_was_agreed_to_and_notes_it(plugins: Path, job: Path) -> None:
    file = put(plugins, "same_start")
    rows = [Answered("yes", "yes"), Answered("no", "never"), Answered("no", "yes")]
    assert "same_start" not in metrics_for("label", rows)
    with pytest.raises(AccessError) as asked:
        check_metric("same_start", ["yes", "no"])
    allow(asked.value)
    registry("metrics").forget()
    metric, _ = check_metric("same_start", ["yes", "no"])
    assert "same_start" in metrics_for("label", rows) and not is_stand_in(metric)
    assert metric.tally(rows, []) == [{0: 1, 1: 1}, {0: 1, 1: 1}, {1: 1}]
    [event] = read_jsonl(job / "events.jsonl")
    assert (event["file"], event["sha256"]) == ("plugins/same_start.py", sha256_bytes(file.read_bytes()))


def test_from_the_persons_own_terminal_nothing_is_asked(
    plugins: Path, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(plugins, "brevity")
    monkeypatch.setattr(access, "_terminal", True)
    assert registry("rewards").instances()["brevity"].score({}, "yes", []) == 1.0
    assert read_grants().scripts == {sha256_bytes(file.read_bytes()): str(file)}


@pytest.mark.parametrize(
    "content, group",
    [
        ("def broken(:\n", "metrics"),
        ("x = 1\n", "metrics"),
        (f"x = {'-' * 100_000}1\n", "metrics"),
        ("from os import PathLike\nclass Mine(PathLike): ...\n", "metrics"),
        (EXAMPLES["acme_nlp/lab.py"], "methods"),
        (EXAMPLES["acme_nlp/quick_sft.py"], "machines"),
    ],
)
def test_a_file_that_holds_no_such_kind_is_none(content: str, group: str, plugins: Path) -> None:
    (plugins / "mine.py").write_text(content, encoding="utf-8")
    assert "mine" not in registry(group).names() and "mine" not in registry(group).classes()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("x = 1\ndef (\n", "line 2 is not Python"),
        ("x = 1\n", "it defines no metric"),
        (EXAMPLES["acme_nlp/brevity.py"], "it defines no metric"),
    ],
)
def test_who_asks_for_a_file_that_holds_no_such_kind_is_told_why(content: str, why: str, plugins: Path) -> None:
    (plugins / "mine.py").write_text(content, encoding="utf-8")
    with pytest.raises(PluginError) as refused:
        registry("metrics").get("mine")
    assert why in refused.value.problem.en and refused.value.field == "plugins/mine.py"
    with pytest.raises(NlpSkillsError, match="There is no metric 'yours'"):
        registry("metrics").get("yours")


def test_files_that_no_kind_can_come_from_are_named(plugins: Path) -> None:
    put(plugins, "same_start")
    (plugins / "broken.py").write_text("def (", encoding="utf-8")
    assert [error.field for error in unreadable_plugin_files(plugins.parent)] == ["plugins/broken.py"]


@pytest.mark.parametrize(
    "body, why",
    [
        ("    title = 'mine'\n", "its title is not a Text"),
        (
            "    title: ClassVar[Text] = Text('a', 'b')\n    needed: int\n    def holds(self, row): ...\n",
            "ValidationError",
        ),
        ("    title: ClassVar[Text] = Text('a', 'b')\n    odd: int = Field(gt='x', default={})\n", "cannot be used"),
        (f"    title: ClassVar[Text] = {'(' * 90}1{')' * 90}\n", "its title is not a Text"),
        ("    def holds(self, row): return True\n", "it does not define title"),
        ("    title: ClassVar[Text] = Text('a', 'b')\n", "it does not define holds"),
        ("    title: ClassVar[Text] = Text(open('a').read(), 'b')\n", "its title is worked out by code"),
    ],
)
def test_whatever_a_file_says_of_itself_the_others_can_be_used(body: str, why: str, plugins: Path) -> None:
    head = "from nlp_skills.tools.evaluate.metric import ShareMetric\nclass Mine(ShareMetric):\n"
    (plugins / "mine.py").write_text(head + body, encoding="utf-8")
    metrics = registry("metrics")
    assert "accuracy" in metrics.instances() and "mine" not in metrics.instances()
    assert why in str(metrics.faults()["mine"])


def test_a_link_a_hidden_file_and_a_name_with_other_signs_are_left_alone(plugins: Path, tmp_path: Path) -> None:
    away = tmp_path / "same_start.py"
    away.write_text(EXAMPLES["acme_nlp/same_start.py"], encoding="utf-8")
    (plugins / "linked.py").symlink_to(away)
    for name in (".hidden.py", "with-hyphen.py", "__init__.py"):
        (plugins / name).write_text(EXAMPLES["acme_nlp/same_start.py"], encoding="utf-8")
    assert registry("metrics").origins() == {}


def test_what_a_file_raises_is_told_in_words(plugins: Path, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_terminal", True)
    put(plugins, "same_start", "import torch\n")
    with pytest.raises(NlpSkillsError) as wrong:
        registry("metrics").get("same_start")
    assert "imports torch at the top" in wrong.value.problem.en and str(plugins) in wrong.value.problem.en


def test_a_reward_of_a_file_is_refused_for_other_machines_before_anything_is_sent(plugins: Path) -> None:
    from nlp_skills.tools.train.method import make_method
    from nlp_skills.tools.train.plan import Plan
    from nlp_skills.tools.train.remote_submit import _check_travels

    put(plugins, "brevity")
    settings = {"base_model": "m", "rewards": ["label_match", "brevity"]}
    with pytest.raises(TrainingError) as refused:
        _check_travels(Plan("p", "grpo", make_method("grpo", settings)), "classification")
    assert refused.value.field == "rewards" and "plugins/brevity.py" in refused.value.problem.en
    _check_travels(Plan("p", "grpo", make_method("grpo", {**settings, "rewards": ["label_match"]})), "classification")


def test_a_notebook_knows_the_files_of_the_workspace_it_opens(plugins: Path, tmp_path: Path) -> None:
    put(plugins, "same_start")
    use_plugins_of(tmp_path / "nowhere")
    assert "same_start" not in registry("metrics").names()
    Workspace(plugins.parent)
    assert "same_start" in registry("metrics").names()
