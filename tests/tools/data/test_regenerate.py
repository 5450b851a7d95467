from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.data_source import load_data_source
from nlp_skills.resources.foundation.errors import DataError, DataSourceError, NlpSkillsError, WorkspaceError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, read_jsonl, read_yaml, write_yaml
from nlp_skills.resources.foundation.secrets import lookup
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.data.benchmark import frozen_benchmark
from nlp_skills.tools.data.rows import Skeletons
from nlp_skills.tools.data.snapshot import current_snapshot
from nlp_skills.tools.data.split import SPLITS
from tests.tools.data.conftest import Rows, quarterly_news, sentences

Prepare = Callable[..., dict[str, Any]]


def source(task: TaskFolder, rows: Rows, **settings: Any) -> None:
    (task.root / "news.jsonl").write_bytes(dump_jsonl(rows))
    content = {"sources": [{"type": "file", "path": "news.jsonl", **settings.pop("source", {})}], **settings}
    write_yaml(task.data_source_file, content)


def split_by_row(task: TaskFolder) -> dict[str, str]:
    return {row["text"]: name for name in SPLITS for row in read_jsonl(task.data / f"{name}.jsonl")}


def refusal(prepare: Prepare, **settings: Any) -> NlpSkillsError:
    with pytest.raises(NlpSkillsError) as caught:
        prepare(**settings)
    assert caught.value.problem.zh and caught.value.fix.zh and caught.value.field
    return caught.value


def everything(task: TaskFolder) -> dict[str, bytes]:
    """All of the task's data, by path."""
    return {
        str(path.relative_to(task.root)): path.read_bytes()
        for path in sorted(task.data.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def test_a_file_becomes_a_validated_snapshot_and_three_splits(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(200))
    result = prepare()

    assert result["counts"] == {"train": 140, "valid": 30, "test": 30}
    snapshot = current_snapshot(task)
    assert snapshot.hash == result["snapshot"] and snapshot.manifest.kind == "generated"
    assert snapshot.validation.errors == []
    row = snapshot.rows("train")[0]
    assert list(row) == ["id", "text", "entity", "label", "source"]
    for name in SPLITS:
        assert (task.data / f"{name}.jsonl").read_bytes() == snapshot.file(name).read_bytes()
    assert frozen_benchmark(task).rows() == snapshot.rows("test")
    assert snapshot.manifest.benchmark == frozen_benchmark(task).reference()


def test_the_same_source_gives_the_same_snapshot(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(60))
    first, second = prepare(), prepare()

    assert second["snapshot"] == first["snapshot"] and second["unchanged"]
    assert len(list(task.raw.iterdir())) == len(list(task.snapshots.iterdir())) == 1


def test_replaying_elsewhere_gives_identical_hashes(
    task: TaskFolder, prepare: Prepare, tmp_path: Path, job: RunningJob
) -> None:
    from nlp_skills.tools.data.regenerate import regenerate

    source(task, sentences(90))
    other = TaskFolder(tmp_path / "elsewhere")
    other.root.mkdir()
    for name in ("task.yaml", "data_source.yaml", "news.jsonl"):
        (other.root / name).write_bytes((task.root / name).read_bytes())

    assert regenerate(other, job)["snapshot"] == prepare()["snapshot"]


def test_growing_data_keeps_every_row_where_it_was(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(100))
    first = prepare()
    before, frozen = split_by_row(task), frozen_benchmark(task)
    source(task, sentences(160))
    second = prepare()
    after = split_by_row(task)

    assert all(after[text] == name for text, name in before.items())
    assert second["counts"]["train"] == 112
    assert current_snapshot(task).manifest.parent == first["snapshot"]
    assert frozen_benchmark(task) == frozen


def test_a_new_split_policy_never_trains_on_the_benchmark(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(100))
    prepare()
    frozen = {row["text"] for row in frozen_benchmark(task).rows()}
    source(task, sentences(100), split={"train": 0.9, "valid": 0.05, "test": 0.05, "seed": 7})
    prepare()

    assert {split_by_row(task)[text] for text in frozen} == {"test"}


def test_with_skeletons_no_pattern_stands_on_both_sides(task: TaskFolder, prepare: Prepare) -> None:
    rows = quarterly_news()
    source(task, rows, split={"group_by": "skeleton"})
    prepare(accept={"benchmark_one_label": "eight patterns only"})
    snapshot = current_snapshot(task)
    skeletons = Skeletons(["台積電", "鴻海", "聯發科"])
    sides = [{skeletons.of(row["text"]) for row in snapshot.rows(name)} for name in SPLITS]

    assert sides[0] and sides[2]
    assert not sides[0] & sides[2] and not sides[0] & sides[1] and not sides[1] & sides[2]


def test_columns_are_mapped_and_label_values_translated(task: TaskFolder, prepare: Prepare) -> None:
    rows = [
        {"內容": row["text"], "公司": row["entity"], "情感": {"正面": 1, "中性": 0, "負面": -1}[row["label"]]}
        for row in sentences(30)
    ]
    source(
        task,
        rows,
        source={
            "mapping": {"text": "內容", "entity": "公司", "label": "情感"},
            "label_values": {"1": "正面", "0": "中性", "-1": "負面"},
        },
    )

    assert prepare()["label_counts"]["train"] == {"中性": 7, "正面": 7, "負面": 7}


def test_a_missing_column_names_those_that_exist(task: TaskFolder, prepare: Prepare) -> None:
    source(task, [{"內容": "a", "公司": "b", "情感": "正面"}])
    error = refusal(prepare)

    assert error.field == "sources[0].mapping.text"
    assert "內容, 公司, 情感" in error.problem.en
    assert error.details["suggestions"] == {"text": "內容", "entity": "公司", "label": "情感"}


def test_an_unknown_label_stops_and_changes_nothing(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(40))
    prepare()
    before = everything(task)
    source(task, [*sentences(40), {"text": "新消息", "entity": "甲", "label": "超正面"}])
    error = refusal(prepare)

    assert error.field == "label" and "超正面" in str(error)
    after = everything(task)
    report = json.loads(after.pop("data/validation.json"))
    assert report["errors"][0]["code"] == "unknown_label" and report["errors"][0]["count"] == 1
    assert {path: after[path] for path in before} == before


def test_the_same_input_with_two_labels_stops(task: TaskFolder, prepare: Prepare) -> None:
    twice = {**sentences(1)[0], "label": "負面"}
    source(task, [*sentences(30), twice])
    error = refusal(prepare)

    assert error.details["errors"][0]["code"] == "conflicting_labels"
    assert {row["label"] for row in error.details["errors"][0]["examples"]} == {"正面", "負面"}


def test_duplicates_and_unlabelled_rows_are_left_out_and_counted(task: TaskFolder, prepare: Prepare) -> None:
    rows = sentences(30)
    doubled = {**rows[0], "text": f"  {rows[0]['text']} "}
    source(task, [*rows, doubled, {"text": "沒有標籤", "entity": "甲", "label": None}, {"text": "", "label": "正面"}])
    result = prepare()

    assert sum(result["counts"].values()) == 30 and result["duplicates_removed"] == 1
    codes = {found["code"]: found["count"] for found in result["warnings"]}
    assert codes["left_out_without_label"] == 1 and codes["left_out_without_text"] == 1


def test_a_task_without_labels_learns_them_from_the_data(task: TaskFolder, prepare: Prepare) -> None:
    with task.change() as changed:
        changed.labels = []
    source(task, sentences(31))
    prepare()

    assert task.load().labels == ["正面", "中性", "負面"]
    assert current_snapshot(task).counts


def test_on_premise_no_row_text_leaves(task: TaskFolder, prepare: Prepare) -> None:
    with task.change() as changed:
        changed.constraints.privacy = "on-premise"
    source(task, sentences(40))
    shown = json.dumps(prepare(), ensure_ascii=False)
    source(task, [*sentences(40), {"text": "極機密併購案", "entity": "祕密公司", "label": "機密標籤"}])
    error = refusal(prepare)
    shown += str(error) + json.dumps(error.to_dict(), ensure_ascii=False)

    assert not [secret for secret in ("極機密", "祕密公司", "機密標籤", "公司甲", "創下新高") if secret in shown]


def test_on_premise_a_file_without_a_header_does_not_show_its_first_row(task: TaskFolder, prepare: Prepare) -> None:
    with task.change() as changed:
        changed.constraints.privacy = "on-premise"
    (task.root / "news.csv").write_text("極機密併購案,祕密公司,正面\n另一則,甲,負面\n", encoding="utf-8")
    write_yaml(task.data_source_file, {"sources": [{"type": "file", "path": "news.csv"}]})
    error = refusal(prepare)

    assert "極機密" not in str(error) + json.dumps(error.to_dict(), ensure_ascii=False)


def test_split_shares_that_do_not_add_up_are_refused(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(10), split={"train": 0.9})

    assert refusal(prepare).field == "split"


def test_without_a_source_the_next_step_is_named(task: TaskFolder, prepare: Prepare) -> None:
    assert "set_data_source" in refusal(prepare).fix.en


def test_a_source_without_usable_rows_is_told(task: TaskFolder, prepare: Prepare) -> None:
    source(task, [{"text": "", "entity": "", "label": ""}])
    assert refusal(prepare).field == "sources"
    (task.root / "news.jsonl").write_text("\n", encoding="utf-8")
    assert "no rows" in refusal(prepare).problem.en


def test_the_last_run_is_noted_and_the_persons_comments_stay(task: TaskFolder, prepare: Prepare) -> None:
    source(task, sentences(20))
    text = "# our news\n" + task.data_source_file.read_text("utf-8") + "regeneration:\n  last_run: 2026-01-06 # noted\n"
    task.data_source_file.write_text(text, encoding="utf-8")
    prepare()
    written = task.data_source_file.read_text("utf-8")

    assert written.startswith("# our news\n") and "# noted" in written
    assert str(read_yaml(task.data_source_file)["regeneration"]["last_run"]) > "2026-01-06T"


def test_the_seeds_file_loads_as_it_stands_and_its_password_moves_out(task: TaskFolder, prepare: Prepare) -> None:
    seed = (
        "sources:\n"
        "  - type: database\n"
        "    connection: postgresql://user:pass@host/db\n"
        '    query: "SELECT text, label FROM annotations"  # the newest\n'
        "    snapshot_date: 2026-01-06\n"
        "  - type: api\n    endpoint: https://api.example.com/data\n    params:\n      limit: 1000\n"
        '  - type: web_scrape\n    urls: ["https://..."]\n    keywords: ["金融", "股票"]\n'
        "  - type: llm_generated\n    prompt_template: |\n      生成 {count} 筆金融情感分析訓練資料...\n"
        "    model: gpt-4o\n    count: 500\n"
        "regeneration:\n  script: scripts/01_regenerate_data.py\n  last_run: 2026-01-06T10:30:00\n"
    )
    task.data_source_file.write_text(seed, encoding="utf-8")
    error = refusal(prepare, agreed=math.inf)

    assert isinstance(error, DataSourceError) and error.field == "sources[0].connection"
    assert "nlp-skills secret set HOST_DB_PASSWORD" in error.fix.en and "更換密碼" in error.fix.zh
    expected = seed.replace("user:pass@", "user:${HOST_DB_PASSWORD}@")
    assert task.data_source_file.read_text("utf-8") == expected
    assert lookup("HOST_DB_PASSWORD") == "pass"
    assert [each.type for each in load_data_source(task).sources] == ["database", "api", "web_scrape", "llm_generated"]


def test_a_misplaced_address_is_refused_without_its_password(task: TaskFolder, prepare: Prepare) -> None:
    task.data_source_file.write_text("sources:\n  - postgresql://user:hunter2@host/db\n", encoding="utf-8")
    error = refusal(prepare)

    assert error.field == "sources[0]" and "hunter2" not in f"{error}{error.to_dict()}"


def test_a_full_disk_at_any_write_loses_nothing(
    task: TaskFolder, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    source(task, sentences(30))
    prepare()
    kept = current_snapshot(task)
    source(task, sentences(45))
    fsync, write_bytes, calls, full_at = os.fsync, Path.write_bytes, 0, 0

    def count() -> int:
        nonlocal calls
        calls += 1
        if calls == full_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return calls

    monkeypatch.setattr(os, "fsync", lambda descriptor: (count(), fsync(descriptor))[1])
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: (count(), write_bytes(path, data))[1])
    for full_at in range(1, 40):
        calls = 0
        try:
            prepare()
        except WorkspaceError as error:
            assert "disk is full" in error.problem.en
        else:
            break
        full, full_at = full_at, 0
        now_current = current_snapshot(task)
        assert now_current.manifest.kind == "generated", f"write {full} was mistaken for a hand edit"
        if now_current.hash != kept.hash:
            assert full > 8  # the switch is one of the last writes
        assert not list(task.data.rglob("*.tmp"))
    assert full_at > 8 and sum(current_snapshot(task).counts.values()) == 45


def test_two_regenerations_at_once_do_not_mix(
    task: TaskFolder, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlp_skills.resources.foundation import files

    source(task, sentences(20))
    monkeypatch.setattr(files, "LOCK_TIMEOUT_SECONDS", 0.1)
    with files.lock(task.data / "regenerate"):
        import threading

        caught: list[NlpSkillsError] = []

        def other() -> None:
            try:
                prepare()
            except NlpSkillsError as error:
                caught.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert caught and caught[0].code == "conflict"
    assert not (task.data / "current.json").exists()


def test_two_sources_are_merged_and_each_row_names_its_own(task: TaskFolder, prepare: Prepare) -> None:
    (task.root / "a.jsonl").write_bytes(dump_jsonl(sentences(20)))
    (task.root / "b.csv").write_text(
        "text,entity,label\n"
        + "".join(f"{row['text']},{row['entity']},{row['label']}\n" for row in sentences(25, start=10)),
        encoding="utf-8-sig",
    )
    write_yaml(
        task.data_source_file,
        {"sources": [{"type": "file", "path": "a.jsonl", "name": "old"}, {"type": "file", "path": "b.csv"}]},
    )
    result = prepare()

    assert result["fetched"] == 45 and result["duplicates_removed"] == 10
    rows = [row for name in SPLITS for row in read_jsonl(task.data / f"{name}.jsonl")]
    assert {row["source"] for row in rows} == {"old", "file-2"}
    origins = [
        read_json(task.raw / digest[:12] / "source.json")["origin"] for digest in current_snapshot(task).manifest.raw
    ]
    assert origins == [str(task.root / "a.jsonl"), str(task.root / "b.csv")]


def test_lost_snapshots_are_mended_by_preparing_again(task: TaskFolder, prepare: Prepare) -> None:
    import shutil

    source(task, sentences(30))
    first = prepare()
    shutil.rmtree(task.snapshots)
    with pytest.raises(DataError):
        current_snapshot(task)

    assert refusal(prepare).field == "replace_manual_edits"  # nobody can tell any more whether they were edited
    assert prepare(replace_manual_edits=True)["snapshot"] == first["snapshot"]
