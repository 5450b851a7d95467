"""Script 06, run by hand, against a Hub on the loopback with the real client."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from nlp_skills.resources.foundation.files import read_json, sha256_bytes, sha256_file
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from nlp_skills.tools.deploy import deployments
from tests.command_lines import command_lines
from tests.tools.deploy.conftest import Conversation
from tests.tools.deploy.hub import Hub, serving

pytestmark = pytest.mark.minutes

TOKEN = "hf_a_token_for_tests_only"


def _upload(
    worker: Path, task: TaskFolder, hub: Hub, *arguments: str, token: str = TOKEN
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
    }
    # The client's own retries would wait for seconds; its notes of what has arrived stay with the test.
    environment |= {"HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1", "HF_HOME": str(task.root.parent / "hf")}
    if not hub.xet:
        environment["HF_HUB_DISABLE_XET"] = "1"
    environment.pop("HF_HUB_OFFLINE", None)
    return subprocess.run(
        [worker, "scripts/06_upload_hf.py", "--repo", "owner/mood", *arguments],
        cwd=task.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_version_arrives_private_with_its_card_and_lineage(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN) as hub, command_lines() as lines:
        done = _upload(worker, task, hub)
    assert done.returncode == 0, done.stderr
    assert f"{hub.url}/owner/mood (private)" in done.stdout and "v1 (adapter)" in done.stdout
    assert hub.created[0]["visibility"] == "private"
    assert {"model.safetensors", "tokenizer.json", "lineage.yaml", "results.json", "README.md"} <= set(hub.files)
    card = hub.files["README.md"].decode()
    assert "macro_f1" in card and "95 % interval" in card and "source_hash" in card
    [job] = [JobFolder(entry) for entry in task.jobs.iterdir() if "-upload-" in entry.name]
    assert read_json(job.exit_file)["result"]["version"] == "v1"
    assert TOKEN not in done.stdout + done.stderr + "".join(lines)
    assert not [path for path in task.root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_refused_token_names_the_command_that_stores_another(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN) as hub:
        done = _upload(worker, task, hub, token="hf_another")
    assert done.returncode == 1
    assert "nlp-skills secret set HF_TOKEN" in done.stderr and "hf_another" not in done.stdout + done.stderr


def test_a_repository_that_is_no_owner_and_name_is_refused_in_words(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN) as hub:
        done = _upload(worker, task, hub, "--repo", "mood")
    assert done.returncode == 1 and "--repo: it is written as owner/name" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr and not hub.created


def test_an_upload_below_the_success_criteria_needs_a_reason(worker: Path, task: TaskFolder) -> None:
    with task.change() as changed:
        changed.success_criteria.threshold = 1.0
    with serving(TOKEN) as hub:
        refused = _upload(worker, task, hub)
        assert refused.returncode == 1 and not hub.files
        assert _upload(worker, task, hub, "--force", "for the archive").returncode == 0
    assert hub.files


def test_an_upload_that_was_cut_sends_only_what_is_missing_when_run_again(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN, uploads_left=1) as hub:
        cut = _upload(worker, task, hub, "--content", "merged")
        assert cut.returncode == 1 and "Run the same command again" in cut.stderr and not hub.pointers
        [first] = set(hub.puts)
        hub.uploads_left = None
        whole = _upload(worker, task, hub, "--content", "merged")
        assert whole.returncode == 0, whole.stderr
    assert hub.puts.count(first) == 1 and len(hub.pointers) == len(set(hub.puts)) == 2
    stands = task.models / "v1" / "merged"
    for path, pointer in hub.pointers.items():
        assert sha256_file(stands / path) == pointer["oid"] == sha256_bytes(hub.files[path])


def test_a_cut_upload_by_xet_goes_on_without_sending_a_piece_twice(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN, xet=True, uploads_left=1) as hub:
        cut = _upload(worker, task, hub, "--content", "merged")
        assert cut.returncode == 1 and "Run the same command again" in cut.stderr and not hub.pointers
        [first] = hub.puts
        hub.uploads_left = None
        whole = _upload(worker, task, hub, "--content", "merged")
        assert whole.returncode == 0, whole.stderr
    assert hub.puts == [first] and len(hub.shards) == 1  # only what the pieces make up was still to be told
    stands = task.models / "v1" / "merged"
    assert set(hub.pointers) == {"model.safetensors", "tokenizer.json"}
    for path, pointer in hub.pointers.items():
        assert sha256_file(stands / path) == pointer["oid"] and (stands / path).stat().st_size == pointer["size"]
    assert len(hub.objects[first]) > 100_000


def test_a_repository_that_is_public_already_gets_nothing_private(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN, public=True) as hub:
        refused = _upload(worker, task, hub, "--content", "dataset")
        assert refused.returncode == 1 and "is public" in refused.stderr and "--public" in refused.stderr
        assert not hub.files and not hub.puts
        assert _upload(worker, task, hub, "--content", "dataset", "--public").returncode == 0
    assert "README.md" in hub.files


def test_a_gguf_file_and_the_dataset_go_up_with_cards_of_their_own(
    worker: Path, task: TaskFolder, llama_cpp: Path
) -> None:
    with serving(TOKEN) as hub:
        done = _upload(worker, task, hub, "--content", "gguf", "--quantization", "q8_0")
        assert done.returncode == 0, done.stderr
        assert hub.files["mood-v1-q8_0.gguf"][:4] == b"GGUF" and "library_name: gguf" in hub.files["README.md"].decode()
    with serving(TOKEN) as hub:
        done = _upload(worker, task, hub, "--content", "dataset")
        assert done.returncode == 0, done.stderr
    assert hub.created[0]["type"] == "dataset" and hub.created[0]["visibility"] == "private"
    assert {"train.jsonl", "valid.jsonl", "test.jsonl", "manifest.json", "README.md"} <= set(hub.files)


def test_a_read_only_token_and_an_on_premise_task_are_refused(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN, read_only=True) as hub:
        refused = _upload(worker, task, hub, "--content", "dataset")
    assert refused.returncode == 1 and "may not write to owner/mood" in refused.stderr
    with task.change() as changed:
        changed.constraints.privacy = "on-premise"
    with serving(TOKEN) as hub:
        hub.url = "https://huggingface.co"
        refused = _upload(worker, task, hub, "--content", "dataset")
    assert refused.returncode == 1 and "stays on-premise" in refused.stderr


@pytest.mark.anyio
async def test_the_target_uploads_as_the_script_does_and_a_data_set_alone_is_nothing_in_use(
    conversation: Conversation, task: TaskFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(TOKEN) as hub:
        for name, value in {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        rows = await conversation.call(
            "deploy", task="mood", target="huggingface", settings={"repo": "owner/mood", "content": "dataset"}
        )
        assert rows["job"]["result"]["files"] == [f"{hub.url}/datasets/owner/mood"], rows
        assert deployments.current(task) is None and task.state() == "evaluating"
        model = await conversation.call("deploy", task="mood", target="huggingface", settings={"repo": "owner/mood"})
        assert model["job"]["state"] == "succeeded", model
    assert "model.safetensors" in hub.files and hub.created[-1]["visibility"] == "private"
    assert task.state() == "deployed"
    listed = (await conversation.call("deploy", task="mood", action="list"))["deployments"]
    assert [(row["target"], row["standing"]) for row in listed] == [("huggingface", "ready")] * 2
