from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from nlp_skills.resources.data_source import Source
from nlp_skills.resources.foundation import secrets
from nlp_skills.resources.foundation.errors import DataSourceError
from nlp_skills.resources.foundation.files import dump_jsonl, read_json, write_yaml
from nlp_skills.resources.foundation.language import Text
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.data.source import source_kind
from nlp_skills.tools.data.watching import Watch
from tests.tools.compute.hub import COMMIT, Hub, serving
from tests.tools.data.conftest import Rows, sentences

pytestmark = pytest.mark.worker
NAME = "someone/entity-news"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    table = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(sentences(60)), table)
    files = {
        "README.md": b"# card",
        "data/train-00000-of-00002.parquet": table.getvalue(),
        "data/train-00001-of-00002.parquet": table.getvalue(),
        "data/test-00000-of-00001.parquet": table.getvalue(),
        "extra/train.jsonl": dump_jsonl(sentences(5)),
        "zh/validation.csv": b"text,label\n\xe5\xa5\xbd,a\n",
        "dataset_infos.json": b"{}",
    }
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with serving(Hub(NAME, files)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def records(watch: Watch | None = None, **fields: Any) -> Rows:
    source = source_kind(Source.model_validate({"type": "huggingface", "dataset": NAME, **fields}), 0)
    return [record for batch in source.batches(Path(), "sources[0]", watch) for record in batch]


def refusal(**fields: Any) -> DataSourceError:
    with pytest.raises(DataSourceError) as caught:
        records(**fields)
    assert caught.value.problem.zh and caught.value.fix.zh
    return caught.value


def test_the_files_of_a_split_are_read_at_the_commit_that_is_told(hub: Hub) -> None:
    watch, told = Watch(), list[Text]()
    watch.warn = told.append
    rows = records(watch)

    assert len(rows) == 120 and rows[0]["file"] == "data/train-00000-of-00002.parquet"
    assert {row["text"] for row in rows} == {row["text"] for row in sentences(60)}
    assert watch.provenance["revision"] == COMMIT and COMMIT in told[0].en


def test_a_pinned_revision_prepares_the_same_data_again(hub: Hub, task: TaskFolder, prepare: Any) -> None:
    write_yaml(
        task.data_source_file,
        {"sources": [{"type": "huggingface", "dataset": NAME, "revision": COMMIT, "files": "data/test-*.parquet"}]},
    )
    first, second = prepare(), prepare()

    assert sum(first["counts"].values()) == 60 and second["unchanged"]
    kept = read_json(Path(first["raw"][0]) / "source.json")
    assert kept["provenance"] == {"revision": COMMIT, "files": ["data/test-00000-of-00001.parquet"]}


def test_a_test_split_that_is_not_read_is_named_and_two_read_together_stay_what_they_are(
    hub: Hub, task: TaskFolder, prepare: Any
) -> None:
    files = {"train.jsonl": dump_jsonl(sentences(40)), "test.jsonl": dump_jsonl(sentences(20, 100))}
    hub.files = {**{name: content for name, content in hub.files.items() if "." in name and "/" not in name}, **files}
    source = {"type": "huggingface", "dataset": NAME, "revision": COMMIT}
    write_yaml(task.data_source_file, {"sources": [source]})
    alone = prepare()
    assert (
        NAME in alone["message"]["en"]
        and "(test) that is not read" in alone["message"]["en"]
        and "split: train+test" in alone["message"]["en"]
    )

    write_yaml(task.data_source_file, {"sources": [{**source, "split": "train+test"}], "split": {"own": True}})
    both = prepare()
    assert "not read" not in both["message"]["en"] and "own_split_not_followed" in {
        one["code"] for one in both["warnings"]
    }
    placed = {json.loads(line)["text"] for line in (task.data / "test.jsonl").read_text(encoding="utf-8").splitlines()}
    assert {row["text"] for row in sentences(20, 100)} <= placed


def test_split_config_and_files_choose(hub: Hub) -> None:
    assert records(split="validation", config="zh") == [{"text": "好", "label": "a"}]
    assert len(records(files="extra/*.jsonl")) == 5
    error = refusal(split="dev")
    assert error.field == "sources[0].split" and "zh/validation.csv" in error.fix.en


def test_a_private_data_set_wants_a_token_and_never_shows_it(hub: Hub) -> None:
    hub.token = "hf_s3cret"
    secrets.store("MY_TOKEN", "hf_s3cret")

    assert "secret set HF_TOKEN" in refusal(revision=COMMIT).fix.en
    assert len(records(token="${MY_TOKEN}", files="extra/*.jsonl")) == 5
    secrets.store("HF_TOKEN", "hf_s3cret")
    assert len(records(files="extra/*.jsonl")) == 5


def test_what_the_hub_does_not_have_is_said_so(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no data set" in refusal(dataset="someone/absent").problem.en
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "cannot be read" in refusal().problem.en
    assert refusal(dataset="../etc").field == "sources[0].dataset"
    assert json.dumps(refusal().to_dict())


def test_a_hub_that_is_busy_is_asked_again_and_not_for_ever(hub: Hub) -> None:
    watch = Watch()
    hub.busy = [503, 429]
    assert len(records(watch, revision=COMMIT, files="extra/*.jsonl", retry_seconds=0.01)) == 5
    assert watch.provenance["retries"] == 2

    hub.busy = [500] * 500
    error = refusal(revision=COMMIT, files="data/*.parquet", retry_seconds=0.01, retries=2)
    assert error.field == "sources[0].dataset" and "try again" in error.fix.en
