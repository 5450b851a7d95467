"""Script 06, run by hand, against a Hub on the loopback with the real client."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from nlp_skills.resources.files import read_json
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.task import TaskFolder
from tests.tools.deploy.hub import Hub, serving

TOKEN = "hf_a_token_for_tests_only"


def _upload(worker: Path, task: TaskFolder, hub: Hub, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1",
                   "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
    environment.pop("HF_HUB_OFFLINE", None)
    return subprocess.run([worker, "scripts/06_upload_hf.py", "--repo", "owner/mood", *arguments], cwd=task.root,
                          env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_a_version_arrives_private_with_its_card_and_lineage(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN) as hub:
        done = _upload(worker, task, hub)
    assert done.returncode == 0, done.stderr
    assert f"v1 (adapter) is at {hub.url}/owner/mood (private)." in done.stdout
    assert hub.created[0]["visibility"] == "private"
    assert {"model.safetensors", "tokenizer.json", "lineage.yaml", "results.json", "README.md"} <= set(hub.files)
    card = hub.files["README.md"].decode()
    assert "macro_f1" in card and "95 % interval" in card and "source_hash" in card
    [job] = [JobFolder(entry) for entry in task.jobs.iterdir() if "-upload-" in entry.name]
    assert read_json(job.exit_file)["result"]["version"] == "v1"
    assert TOKEN not in done.stdout + done.stderr
    assert not [path for path in task.root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_refused_token_names_the_command_that_stores_another(worker: Path, task: TaskFolder) -> None:
    with serving(TOKEN) as hub:
        done = _upload(worker, task, hub, token="hf_another")
    assert done.returncode == 1
    assert "nlp-skills secret set HF_TOKEN" in done.stderr and "hf_another" not in done.stdout + done.stderr


def test_an_upload_below_the_success_criteria_needs_a_reason(worker: Path, task: TaskFolder) -> None:
    with task.change() as changed:
        changed.success_criteria.threshold = 1.0
    with serving(TOKEN) as hub:
        refused = _upload(worker, task, hub)
        assert refused.returncode == 1 and not hub.files
        assert _upload(worker, task, hub, "--force", "for the archive").returncode == 0
    assert hub.files
