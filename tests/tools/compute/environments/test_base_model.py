from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.errors import JobError, MissingRequirement, TrainingError, WorkspaceError
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.answers import SetUp
from nlp_skills.tools.compute.consent import set_up_base_model
from nlp_skills.tools.compute.environments import download
from nlp_skills.tools.compute.environments.base_model import cached_model, check_causal_config, resolve_base_model
from nlp_skills.tools.compute.environments.download import HubFile, select_files
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.worker import find_worker
from tests.permissions import allow_for_tests
from tests.tools.compute.hub import COMMIT, Hub, serving
from tests.tools.compute.working import eventually, kill_hard

NAME = "someone/tiny-model"
CAUSAL = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}
WEIGHTS = bytes(range(256)) * 40_000


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("NLP_SKILLS_SECRETS_DIR", str(tmp_path / "secrets"))
    allow_for_tests(tmp_path / "secrets")
    files = {
        "config.json": json.dumps(CAUSAL).encode(),
        "tokenizer.json": b"{}",
        "model.safetensors": WEIGHTS,
        "README.md": b"# tiny",
        "onnx/model.onnx": b"x" * 9_999,
        "model.gguf": b"x" * 9_999,
        "pytorch_model.bin": b"x" * 9_999,
    }
    with serving(Hub(NAME, files)) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def with_worker(workspace: Workspace) -> None:
    if find_worker(workspace) is None:
        pytest.skip("needs the worker environment (NLP_SKILLS_WORKER)")


def a_model(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({**CAUSAL, **config}), "utf-8")
    for name in ("tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}", "utf-8")
    return folder


def test_a_folder_with_a_causal_model_is_a_base_model(workspace: Workspace, tmp_path: Path) -> None:
    folder = a_model(tmp_path / "base")
    assert resolve_base_model(workspace, str(folder)) == folder.resolve()
    inside = a_model(workspace.root / "models" / "base")
    assert resolve_base_model(workspace, "models/base") == inside.resolve()


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["BertForMaskedLM"], "model_type": "bert"},
        {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": True},
        {"architectures": ["Qwen3ForSequenceClassification"]},
        {"architectures": None},
    ],
)
def test_a_model_that_does_not_write_text_is_refused_by_its_kind(
    workspace: Workspace, tmp_path: Path, config: dict[str, object]
) -> None:
    with pytest.raises(TrainingError) as caught:
        resolve_base_model(workspace, str(a_model(tmp_path / "base", **config)))
    assert caught.value.field == "base_model"
    assert str((config.get("architectures") or ["qwen3"])[0]) in str(caught.value)  # type: ignore[index]


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_part_names_it(workspace: Workspace, tmp_path: Path, missing: str) -> None:
    folder = a_model(tmp_path / "base")
    (folder / missing).unlink()
    with pytest.raises(TrainingError, match=missing):
        resolve_base_model(workspace, str(folder))


def test_a_folder_that_lacks_a_shard_names_it(workspace: Workspace, tmp_path: Path) -> None:
    folder = a_model(tmp_path / "base")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    weights = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}), "utf-8")
    with pytest.raises(TrainingError, match="model-00002-of-00002"):
        resolve_base_model(workspace, str(folder))


@pytest.mark.parametrize("name", ["no/such/folder", "../up", "a/b/c", "", "x" * 300])
def test_what_is_neither_folder_nor_hub_name_is_said_to_be_so(workspace: Workspace, name: str) -> None:
    with pytest.raises(TrainingError):
        resolve_base_model(workspace, name)


def test_a_hub_model_that_is_not_here_names_the_call_that_brings_it(workspace: Workspace, hub: Hub) -> None:
    with pytest.raises(MissingRequirement) as caught:
        resolve_base_model(workspace, NAME)
    assert f"set_up(what='base_model', name='{NAME}')" in str(caught.value)


def test_multimodal_models_that_write_text_are_allowed() -> None:
    check_causal_config({"architectures": ["Gemma3ForConditionalGeneration"]}, "gemma")


# --- downloading


def test_size_licence_place_and_free_disk_are_told_before_the_yes(workspace: Workspace, hub: Hub) -> None:
    answer = set_up_base_model(workspace, NAME, confirm=False)
    assert isinstance(answer, SetUp) and answer.job is None
    assert "10.2 MB" in answer.message and "apache-2.0" in answer.message and "free" in answer.message
    assert answer.plan["bytes"] == sum(
        len(hub.files[name]) for name in ("config.json", "tokenizer.json", "model.safetensors", "README.md")
    )
    assert answer.next_step.arguments == {"what": "base_model", "name": NAME, "confirm": True}
    assert not (workspace.jobs).exists(), "nothing was started"


@pytest.mark.usefixtures("hub")
def test_where_the_environment_is_missing_too_one_yes_covers_both(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NLP_SKILLS_WORKER", raising=False)
    monkeypatch.setattr("nlp_skills.tools.compute.worker.importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("UV", "")
    asked = set_up_base_model(workspace, NAME, confirm=False)
    assert isinstance(asked, SetUp) and asked.plan["environment"]["download"] > 0
    assert all(word in asked.message for word in ("10.2 MB", "apache-2.0", "PyTorch", "one yes for both"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    building = set_up_base_model(workspace, NAME, confirm=True)
    assert isinstance(building, JobFolder) and building.spec().kind == "environment"
    assert building.spec().arguments[-4:] == ["--base-model", NAME, "--commit", COMMIT]
    again = set_up_base_model(workspace, NAME, confirm=True)
    assert isinstance(again, JobFolder) and again.id == building.id
    job_control.cancel(building)


@pytest.mark.usefixtures("with_worker")
def test_a_download_killed_in_the_middle_resumes_where_it_was_and_the_model_is_found(
    workspace: Workspace, hub: Hub
) -> None:
    hub.gate.clear()
    folder = set_up_base_model(workspace, NAME, confirm=True)
    assert isinstance(folder, JobFolder)
    eventually(hub.halfway.is_set, 60)
    eventually(lambda: download.present_bytes(NAME) > len(WEIGHTS) // 4)
    again = set_up_base_model(workspace, NAME, confirm=True)
    assert isinstance(again, JobFolder) and again.id == folder.id, "one download at a time"
    kill_hard(folder)
    assert folder.state() == "interrupted"
    assert cached_model(NAME) is None, "half a model is none"
    hub.gate.set()
    resumed = set_up_base_model(workspace, NAME, confirm=True)
    assert isinstance(resumed, JobFolder) and resumed.id == folder.id
    assert job_control.wait(folder, 60) == "succeeded", job_control.log_tail(folder, 20)
    assert any(int(asked.removeprefix("bytes=").split("-")[0]) > 0 for asked in hub.ranges), "what had come was kept"
    path = resolve_base_model(workspace, NAME)
    assert (path / "model.safetensors").read_bytes() == WEIGHTS
    assert path.name == COMMIT
    assert not (path / "model.gguf").exists() and not (path / "pytorch_model.bin").exists()
    result = folder.exit().result  # type: ignore[union-attr]
    assert result["path"] == str(path) and result["licence"] == "apache-2.0"
    here = set_up_base_model(workspace, NAME, confirm=True)
    assert isinstance(here, SetUp) and here.path == str(path)


@pytest.mark.usefixtures("with_worker")
def test_a_download_that_arrives_damaged_is_removed_and_fetched_again(
    workspace: Workspace, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = hub.info
    bad = good()
    for sibling in bad["siblings"]:
        if sibling["rfilename"] == "model.safetensors":
            sibling["lfs"]["sha256"] = "0" * 64
    monkeypatch.setattr(hub, "info", lambda: bad)
    folder = set_up_base_model(workspace, NAME, confirm=True)
    assert isinstance(folder, JobFolder)
    assert job_control.wait(folder, 60) == "failed"
    assert isinstance(error := job_control.failure(folder), JobError) and "damaged" in str(error)
    assert cached_model(NAME) is None
    monkeypatch.setattr(hub, "info", good)
    job_control.resume(folder, workspace)
    assert job_control.wait(folder, 60) == "succeeded"


@pytest.mark.usefixtures("with_worker")
def test_a_cancelled_download_stops_at_once(workspace: Workspace, hub: Hub) -> None:
    hub.gate.clear()
    folder = set_up_base_model(workspace, NAME, confirm=True)
    assert isinstance(folder, JobFolder)
    eventually(hub.halfway.is_set, 60)
    assert job_control.cancel(folder) == "cancelled"
    assert folder.exit() is not None, "it ended by itself, without being killed"


def test_a_model_of_another_kind_is_refused_before_anything_is_fetched(workspace: Workspace, hub: Hub) -> None:
    hub.files["config.json"] = json.dumps({"architectures": ["BertForMaskedLM"]}).encode()
    with pytest.raises(TrainingError, match="BertForMaskedLM"):
        set_up_base_model(workspace, NAME, confirm=True)


def test_a_model_the_hub_does_not_have_is_one_clear_error(workspace: Workspace, hub: Hub) -> None:
    with pytest.raises(TrainingError, match="no model someone/else"):
        set_up_base_model(workspace, "someone/else", confirm=False)


def test_a_gated_model_asks_for_its_terms_and_a_token_typed_in_a_terminal(
    workspace: Workspace, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_abcdefghijkl"
    with pytest.raises(MissingRequirement) as caught:
        set_up_base_model(workspace, NAME, confirm=False)
    assert "nlp-skills secret set HF_TOKEN" in str(caught.value)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert isinstance(set_up_base_model(workspace, NAME, confirm=False), SetUp)


def test_an_unreachable_hub_points_to_local_folders(
    workspace: Workspace, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(MissingRequirement, match="cannot be reached"):
        set_up_base_model(workspace, NAME, confirm=False)


def test_a_disk_without_room_is_said_before_the_download(
    workspace: Workspace, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "free_disk", lambda _: 1_000_000)
    with pytest.raises(WorkspaceError, match="free disk"):
        set_up_base_model(workspace, NAME, confirm=False)


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b/c"])
def test_a_name_that_is_none_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(TrainingError) as caught:
        set_up_base_model(workspace, name, confirm=False)
    assert caught.value.field == "name"


def test_weights_are_fetched_in_one_format() -> None:
    names = ("config.json", "pytorch_model.bin", "pytorch_model.bin.index.json", "training_args.bin", "x/a.safetensors")
    files = [HubFile(path=path, size=1) for path in names]
    assert [file.path for file in select_files(files)] == [
        "config.json",
        "pytorch_model.bin.index.json",
        "pytorch_model.bin",
    ]
