"""Evaluation through its tools, in a worker process of its own, killed where it hurts."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client

from nlp_skills.resources.foundation.files import read_jsonl, read_yaml, sha256_file
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.server.app import build_server
from nlp_skills.server.settings import Settings

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.minutes,
    pytest.mark.skipif("NLP_SKILLS_WORKER" not in os.environ, reason="NLP_SKILLS_WORKER names no worker environment"),
]
MakeTask = Callable[..., TaskFolder]
MakeVersion = Callable[..., VersionFolder]


async def call(folder: TaskFolder, tool: str, **arguments: Any) -> dict[str, Any]:
    """The tool's structured answer, followed to the end of its job; `{"error": …}` where it failed."""
    workspace = Workspace(folder.root.parent)
    async with Client(build_server(Settings(workspace=workspace.root))) as client:
        result = await client.call_tool(tool, arguments)
        while not result.is_error and (result.structured_content or {}).get("job", {}).get("state") in (
            "queued",
            "running",
        ):
            job = dict(result.structured_content or {})["job"]["id"]
            result = await client.call_tool("job_status", {"job_id": job, "wait_seconds": 20})
    if result.is_error:
        return {"error": "".join(getattr(part, "text", "") for part in result.content)}
    return dict(result.structured_content or {})


async def test_an_evaluation_killed_at_every_point_ends_as_one_that_was_not(
    make_task: MakeTask, versions: MakeVersion, tiny: Path
) -> None:
    task = make_task(test=70)  # two batches
    folder = versions(task, tiny)
    kill_at = task.root / "kill-at"

    kill_at.write_text("batch")
    answer = await call(task, "evaluate", task="news")
    job = answer["job"]["id"]
    assert answer["job"]["state"] == "interrupted" and answer["next_step"]["tool"] == "manage_job"
    assert folder.status() == "trained" and not folder.predictions_file.exists()
    [kept] = (task.cache / "evaluations").iterdir()
    assert len(list(read_jsonl(kept / "free.jsonl"))) == 70 > len(list(read_jsonl(kept / "constrained.jsonl"))) > 0

    kill_at.write_text("results")
    assert (await call(task, "manage_job", job_id=job, action="resume"))["job"]["state"] == "interrupted"
    assert folder.status() == "evaluated" and not folder.report_file.exists()

    kill_at.unlink()
    answer = await call(task, "manage_job", job_id=job, action="resume")
    assert answer["job"]["state"] == "succeeded" and "macro-F1" in answer["message"]
    [record] = folder.evaluations()
    assert read_yaml(folder.lineage_file)["results"]["macro_f1"] == record.metrics["macro_f1"].value
    assert folder.report_file.is_file() and not kept.exists()
    assert record.predictions_hash == sha256_file(folder.predictions_file)

    again = await call(task, "evaluate", task="news", version="v1")
    assert again["job"]["result"]["evaluation"] == "e2"
    _, second = folder.evaluations()
    same = ("predictions_hash", "metrics", "per_class", "confusion", "other_decoding", "baselines", "verdict")
    assert [getattr(second, name) for name in same] == [getattr(record, name) for name in same]
    assert not list(task.root.rglob("*.tmp"))


async def test_versions_are_compared_through_the_tool(make_task: MakeTask, versions: MakeVersion, tiny: Path) -> None:
    task = make_task(test=40, language="zh-TW")
    a, b = versions(task, tiny, lora_r=32), versions(task, tiny, parent="v1", lora_r=64)
    answer = await call(task, "compare_versions", task="news", a="v1", b="v2")
    assert "evaluate(task='news', version='v1', benchmark='main')" in answer["error"]
    source = random.Random(0)
    for folder, accuracy in ((a, 0.5), (b, 0.95)):
        _evaluated_by_hand(folder, accuracy, source)
    answer = await call(task, "compare_versions", task="news", a="v1", b="v2")
    result = answer["job"]["result"]
    assert result["verdict"]["outcome"] == "better" and result["changes"][0]["path"] == "lora_r"
    assert answer["next_step"]["tool"] == "deploy" and answer["next_step"]["arguments"]["version"] == "v2"


def _evaluated_by_hand(folder: VersionFolder, accuracy: float, source: random.Random) -> None:
    """Commit an evaluation with answers right that often."""
    from nlp_skills.resources.foundation.files import dump_jsonl, sha256_bytes, write_atomic, write_json
    from nlp_skills.tools.data.benchmark import frozen_benchmark

    frozen = frozen_benchmark(folder.task)
    rows = []
    for row in frozen.rows():
        said = row["label"] if source.random() < accuracy else None
        rows.append(
            {
                "id": row["id"],
                "text": row["text"],
                "entity": row["entity"],
                "gold": row["label"],
                "predicted": said,
                "raw": said or "?",
                "correct": said == row["label"],
            }
        )
    content = dump_jsonl(rows)
    digest = sha256_bytes(content)
    write_atomic(folder.root / "predictions" / f"{digest[:16]}.jsonl", content)
    write_json(
        folder.results_file,
        {
            "format": 1,
            "evaluations": [
                {
                    "id": "e1",
                    "created": "2026-01-06T15:00:00Z",
                    "decoding": "free",
                    "predictions_hash": digest,
                    "benchmark": {"name": frozen.name, "hash": frozen.hash, "count": frozen.count},
                    "metrics": {},
                    "per_class": {label: {} for label in ("positive", "neutral", "negative")},
                    "verdict": {"met": True, "simplest_wins": False},
                }
            ],
        },
    )


async def test_what_cannot_be_evaluated_is_told_before_a_job_is_started(
    make_task: MakeTask, versions: MakeVersion, tiny: Path
) -> None:
    task = make_task()
    folder = versions(task, tiny)
    assert "no frozen benchmark" in (await call(task, "evaluate", task="news", benchmark="other"))["error"]
    assert "no version" in (await call(task, "evaluate", task="news", version="v9"))["error"]
    folder.model_info_file.unlink()
    assert "still being trained" in (await call(task, "evaluate", task="news", version="v1"))["error"]
    assert not task.jobs.exists() or not list(task.jobs.glob("*/spec.json"))


def test_the_server_side_of_evaluation_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys, nlp_skills.tools.evaluate.tool, nlp_skills.tools.evaluate.compare; "
        "from nlp_skills.tools.evaluate.metric import known_metrics, metric_title; metric_title('macro_f1'); "
        "print(sorted(set(sys.modules) & {'torch', 'transformers', 'sklearn', 'numpy', 'scipy', 'peft', 'pandas'}))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert shown.stdout.strip() == "[]"
