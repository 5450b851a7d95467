"""Six ways a deployment goes wrong unseen, each refused; four sound ones, each passed. In real llama.cpp."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.errors import DeploymentError
from nlp_skills.resources.foundation.files import write_json
from nlp_skills.resources.job import JobFolder, job_folders
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.environments.fingerprint import model_files
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.running import RunningJob
from nlp_skills.tools.deploy.gates import PARITY_THRESHOLD, parity_gate
from nlp_skills.tools.deploy.gguf import gguf_file
from nlp_skills.tools.deploy.parity import Parity, measure_parity
from nlp_skills.tools.deploy.target import target
from nlp_skills.tools.evaluate.endpoint import Endpoint
from tests.tools.deploy import fake_ollama, small_version

pytestmark = [pytest.mark.worker, pytest.mark.minutes]

KEY = "a-key-for-this-test"
SECRET = "PARITY_TEST_KEY"


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> VersionFolder:
    built = small_version.build(tmp_path_factory.mktemp("parity"))
    assert small_version.answers_of(built) == {"good": 20, "bad": 20}
    return built


@pytest.fixture(scope="module")
def workspace(version: VersionFolder) -> Iterator[Workspace]:
    workspace = Workspace(version.task.root.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
        patch.setenv(SECRET, KEY)
        yield workspace
    for folder in job_folders(workspace):
        job_control.cancel(folder)


@pytest.fixture(scope="module")
def job(version: VersionFolder, workspace: Workspace) -> RunningJob:
    folder = JobFolder(version.task.jobs / "20260101-000000-000-deploy-test")
    folder.root.mkdir(parents=True)
    return RunningJob(folder, version.task, by_hand=False)


@pytest.fixture(scope="module")
def sound(version: VersionFolder, job: RunningJob, llama_cpp: Path) -> Path:
    return gguf_file(version, "f16", job)


@contextmanager
def llama_server(file: Path, **settings: Any) -> Iterator[str]:
    """llama.cpp's server of that file, greedy, with what a careless person might have set."""
    xllamacpp: Any = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.port, parameters.api_keys = str(file), 0, [KEY]
    parameters.sampling.temp, parameters.warmup, parameters.n_predict = 0.0, False, 64
    parameters.sampling.ignore_eos = settings.pop("ignore_eos", False)
    for name, value in settings.items():
        setattr(parameters, name, value)
    server = xllamacpp.Server(parameters)
    try:
        yield str(server.listening_address)
    finally:
        del server


def parity_at(version: VersionFolder, url: str, **more: Any) -> Parity:
    return measure_parity(version, Endpoint(url=url, model=more.pop("model", "m"), api_key=f"${{{SECRET}}}"), **more)


def is_refused(version: VersionFolder, parity: Parity) -> bool:
    with pytest.raises(DeploymentError) as error:
        parity_gate(version.task.load(), version, parity, PARITY_THRESHOLD)
    assert error.value.details["disagreements"]
    return True


def convert_model(version: VersionFolder, job: RunningJob, model: Path, place: Path) -> Path:
    """Another model's GGUF file, made the way the version's is."""
    other = VersionFolder(version.task, version.number)
    other.models, other.root = place, place / "record"  # else it would be built anew, as it is not the version's own
    shutil.copytree(model, place / "merged")
    write_json(other.root / "merged.json", {"format": 1, "files": model_files(place / "merged")})
    return gguf_file(other, "f16", job)


def test_the_wrong_chat_template_is_caught(version: VersionFolder, workspace: Workspace, sound: Path) -> None:
    plain = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"
    with llama_server(sound, chat_template=plain) as url:
        assert is_refused(version, parity_at(version, url))


def test_a_missing_end_of_turn_is_caught(version: VersionFolder, workspace: Workspace, sound: Path) -> None:
    with llama_server(sound, ignore_eos=True) as url:
        parity = parity_at(version, url)
    assert parity.raw == 0.0 and is_refused(version, parity)


def test_an_adapter_that_was_not_merged_is_caught(
    version: VersionFolder, workspace: Workspace, job: RunningJob, sound: Path, tmp_path: Path
) -> None:
    base = Path(version.model_info().base_model.path)
    with llama_server(convert_model(version, job, base, tmp_path)) as url:
        assert is_refused(version, parity_at(version, url))


def test_another_base_under_the_same_adapter_is_caught(
    version: VersionFolder, workspace: Workspace, job: RunningJob, sound: Path, tmp_path: Path
) -> None:
    from nlp_skills.tools.evaluate.model import load_for_inference

    other = small_version.trained_base(tmp_path / "other", seed=7)
    loaded = load_for_inference(other, version.task.root / version.model_info().place)
    loaded.model.save_pretrained(tmp_path / "mixed")
    loaded.tokenizer.save_pretrained(tmp_path / "mixed")
    with llama_server(convert_model(version, job, tmp_path / "mixed", tmp_path / "models")) as url:
        assert is_refused(version, parity_at(version, url))


def test_another_system_prompt_is_caught(
    version: VersionFolder, workspace: Workspace, job: RunningJob, sound: Path, tmp_path: Path
) -> None:
    with fake_ollama.serving(tmp_path, "other_system") as ollama:
        live = target("ollama", {"url": ollama.url}).bring_up(workspace, version, job)
        parity = parity_at(version, str(live.url), model=live.model, system_is_baked=live.system_is_baked)
    assert is_refused(version, parity)


def test_an_older_model_under_the_same_name_is_caught(
    version: VersionFolder, workspace: Workspace, job: RunningJob, sound: Path, tmp_path: Path
) -> None:
    destination = target("ollama", {"url": "http://127.0.0.1:1", "replace": True})
    with fake_ollama.serving(tmp_path, "keeps_old") as ollama:
        ollama.models["market:v1"] = {
            "blob": "sha256:" + "0" * 64,
            "digest": "older",
            "template": "",
            "system": "",
            "parameters": {},
        }
        destination = target("ollama", {"url": ollama.url, "replace": True})
        live = destination.bring_up(workspace, version, job)
        with pytest.raises(DeploymentError, match="older model"):
            destination.switch_over(workspace, live)
        destination.take_down(workspace, live)
        assert list(ollama.models) == ["market:v1"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [("gguf", {"quantization": "f16"}), ("gguf", {"quantization": "q8_0"}), ("merged", {}), ("ollama", {})],
)
def test_a_sound_deployment_passes(
    version: VersionFolder,
    workspace: Workspace,
    job: RunningJob,
    llama_cpp: Path,
    tmp_path: Path,
    name: str,
    settings: dict[str, Any],
) -> None:
    with fake_ollama.serving(tmp_path) as ollama:
        if name == "ollama":
            settings = {"url": ollama.url}
        destination = target(name, settings)
        destination.check(version.task.load())
        live = destination.bring_up(workspace, version, job)
        try:
            endpoint = Endpoint(url=str(live.url), model=live.model, api_key=live.api_key)
            parity = measure_parity(version, endpoint, system_is_baked=live.system_is_baked)
            assert (parity.raw, parity.label, parity.count) == (1.0, 1.0, 40)
            assert parity_gate(version.task.load(), version, parity, PARITY_THRESHOLD) == []
            final = destination.switch_over(workspace, live)
            assert destination.healthy(final) is None
        finally:
            destination.take_down(workspace, live)
        if name == "ollama":
            assert list(ollama.models) == ["market:v1"]
            ollama.models["market:v1"] = {**ollama.models["market:v1"], "digest": "somebody else's"}
            problem = destination.healthy(final)
            assert problem and "that was deployed" in problem.en
