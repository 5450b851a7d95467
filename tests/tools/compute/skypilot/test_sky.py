"""Rented machines as a person meets them: described, priced, refused. The real SkyPilot: test_sky_real.py."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlp_skills.resources.foundation.errors import MachineError, NlpSkillsError
from nlp_skills.resources.foundation.files import read_yaml, write_json
from nlp_skills.resources.job import JobFolder, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.answers import SetUp
from nlp_skills.tools.compute.consent import set_up_machine
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.rented import GIVE_BACK, Record
from nlp_skills.tools.compute.machines.sky import Sky
from nlp_skills.tools.compute.machines_file import keep_machine
from nlp_skills.tools.compute.named_machines import make_machine, named_machine
from nlp_skills.tools.compute.skypilot import offer, task_file
from nlp_skills.tools.compute.skypilot.leftovers import cluster_name
from nlp_skills.tools.compute.skypilot.program import find_program
from nlp_skills.tools.compute.skypilot.rental import give_back_later
from nlp_skills.tools.train.remote_submit import ENTRY as AWAY

SETTINGS = {"kind": "sky", "infra": "aws", "gpus": "A10G:1"}
# As SkyPilot 0.14.1 printed it.
TABLE = """\
Considered resources (1 node):
---------------------------------------------------------------------------
 INFRA             INSTANCE   vCPUs   Mem(GB)   GPUS   COST ($)   CHOSEN   
---------------------------------------------------------------------------
 Slurm (nlptest)   -          1       1         -      0.00          ✔     
---------------------------------------------------------------------------
Dryrun finished.
"""  # noqa: W291


@pytest.fixture
def clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Path:
    return sky_on_path(tmp_path, monkeypatch, workspace)


def sky_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> Path:
    """The tests' `sky` on PATH; the folder that holds its state."""
    state, programs = tmp_path / "clouds", tmp_path / "programs"
    state.mkdir()
    programs.mkdir()
    program = programs / "sky"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -P {Path(__file__).with_name("sky_program.py")} {state} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("NLP_SKILLS_CACHE", str(tmp_path / "cache"))
    return state


def look_up_price(workspace: Workspace, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """What looking up the machine's price ended with."""
    job = set_up_machine(workspace, "cloud", settings or SETTINGS, confirm=False)
    assert isinstance(job, JobFolder), job
    assert job_control.wait(job, 60) == "succeeded", (
        job_control.failure(job),
        job.output_file.read_text(encoding="utf-8"),
    )
    ended = job.exit()
    assert ended
    return ended.result


def test_without_skypilot_its_size_is_told_and_nothing_is_installed_before_a_yes(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLP_SKILLS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    told = set_up_machine(workspace, "cloud", SETTINGS, confirm=False)
    assert isinstance(told, SetUp) and told.plan["skypilot"] == "0.14.1" and told.plan["disk"] > 10**8
    assert told.next_step.arguments == {"what": "machine", "name": "cloud", "confirm": True}
    assert not (tmp_path / "cache").exists() and find_program() is None
    with pytest.raises(NlpSkillsError) as missing:
        named_machine(workspace, "cloud").prospect(workspace, "cloud")  # type: ignore[attr-defined]
    assert "set_up(what='machine', name='cloud', confirm=True)" in missing.value.fix.en


def test_a_price_is_looked_up_told_and_kept_for_these_settings_alone(workspace: Workspace, clouds: Path) -> None:
    told = look_up_price(workspace)
    assert "1.01 USD an hour" in told["message"]["en"] and "每小時 1.01 美元" in told["message"]["zh"]
    assert told["offer"]["instance"] == "g5.xlarge" and told["offer"]["gpus"] == "A10G:1"
    again = set_up_machine(workspace, "cloud", None, confirm=False)
    assert isinstance(again, SetUp) and again.plan["price_per_hour"] == 1.01
    machine = named_machine(workspace, "cloud")
    assert isinstance(machine, Sky)
    prospect = machine.prospect(workspace, "cloud")
    assert prospect.per_hour == 1.01 and prospect.machine.gpus[0].memory == 24 * 10**9
    other = machine.model_copy(update={"gpus": "H100:1"})
    with pytest.raises(NlpSkillsError) as unknown:
        other.prospect(workspace, "cloud")
    assert "set_up(what='machine', name='cloud')" in unknown.value.fix.en
    assert read_yaml(workspace.root / "machines.yaml")["machines"]["cloud"] == SETTINGS
    assert "launch --dryrun" in (clouds / "calls").read_text() and not (clouds / "clusters.json").exists()


@pytest.mark.parametrize(
    ("trouble", "infra", "field", "said"),
    [
        ("no cloud", "aws", "settings.infra", "sky check aws"),
        ("no such", "aws", "settings.gpus", "sky gpus list"),
        ("", "awss", "settings.infra", "gcp/us-central1"),
    ],
)
def test_what_skypilot_refuses_is_told_with_the_setting_that_mends_it(
    workspace: Workspace, clouds: Path, trouble: str, infra: str, field: str, said: str
) -> None:
    (clouds / "trouble").write_text(trouble)
    job = set_up_machine(workspace, "cloud", {**SETTINGS, "infra": infra}, confirm=False)
    assert isinstance(job, JobFolder) and job_control.wait(job, 60) == "failed"
    error = job_control.failure(job)
    assert isinstance(error, MachineError) and error.field == field and said in error.fix.en and said in error.fix.zh


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"infra": "a w s"}, "settings.infra"),
        ({"infra": "aws", "gpu": "A10G"}, "settings.gpu"),
        ({"infra": "aws", "idle_minutes": 0}, "settings.idle_minutes"),
        ({"infra": "runpod", "when_idle": "stop"}, "aws, gcp or azure"),
        ({"infra": "yotta"}, "cannot end an idle machine"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(MachineError) as told:
        make_machine("cloud", {"kind": "sky", **settings})
    assert said in told.value.problem.en


def test_the_tick_in_the_real_table_tells_the_price_and_other_words_tell_none() -> None:
    row = offer.chosen_row(TABLE)
    assert row and row["INFRA"] == "Slurm (nlptest)" and row["COST ($)"] == "0.00" and row["vCPUs"] == "1"
    assert offer.chosen_row("Dryrun finished.") is None


def test_the_task_file_ends_an_idle_machine_bounds_its_price_and_holds_neither_data_nor_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    machine = make_machine("cloud", SETTINGS)
    assert isinstance(machine, Sky)
    asked = yaml.safe_load(task_file.write_task_file(machine, "job-1", tmp_path, dearest=1.03).read_text())
    assert asked["resources"] == {
        "infra": "aws",
        "accelerators": "A10G:1",
        "disk_size": 100,
        "max_hourly_cost": 1.03,
        "autostop": {"idle_minutes": 30, "down": False},
    }
    assert "far_side.py attend" in asked["run"] and "job-1" in asked["run"] and "[train]" in asked["setup"]
    assert sorted(Path(here).name for here in asked["file_mounts"].values())[0] == "far_side.py"
    assert "planted-secret" not in json.dumps(asked) and "envs" not in asked and "secrets" not in asked
    down = task_file.content(Sky(infra="runpod"), "job-1")["resources"]
    assert down["autostop"] == {"idle_minutes": 30, "down": True}
    batch = task_file.content(Sky(infra="slurm", longest_hours=2), "job-1", seconds=600)
    assert "autostop" not in batch["resources"] and batch["config"]["slurm"]["sbatch_options"]["time"] == "00:10:00"


def test_a_cluster_no_job_needs_is_told_by_the_doctor_and_when_the_price_is_looked_up(
    workspace: Workspace, clouds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = cluster_name(workspace, "20260102-030405-678-train-ab12")
    (clouds / "clusters.json").write_text(
        json.dumps(
            {
                left: {"name": left, "status": "UP", "cloud": "AWS", "launched_at": 1},
                "somebody-elses": {"name": "somebody-elses", "status": "UP", "cloud": "AWS", "launched_at": 1},
            }
        )
    )
    look_up_price(workspace)
    standing = named_machine(workspace, "cloud").examine("cloud")
    warned = [one for one in standing if one.state == "warning"]
    assert (
        len(warned) == 1 and left in warned[0].says.en and warned[0].mends and f"sky down {left}" in warned[0].mends.en
    )
    assert any("AWS" in one.says.en for one in standing if one.state == "ok")


def test_trainings_cancelled_together_each_give_their_machine_back(
    workspace: Workspace, task: TaskFolder, clouds: Path
) -> None:
    keep_machine(workspace, "cloud", Sky(infra="aws"))
    owners = []
    for number in range(2):
        job = JobFolder(task.jobs / f"20260102-030405-67{number}-train-ab1{number}")
        write_json(
            job.spec_file,
            {
                "id": job.id,
                "kind": "train",
                "entry": AWAY,
                "created": "2026-01-02T03:04:05Z",
                "arguments": [str(task.root), "--machine", "cloud", "--plan", "first"],
                "task": str(task.root),
                "python": sys.executable,
                "machine": "cloud",
            },
        )
        Record(machine="cloud", cluster=cluster_name(workspace, job.id), asked="2026-01-02T03:04:05Z").write(job)
        owners.append(job)
    (clouds / "clusters.json").write_text(
        json.dumps(
            {
                name: {"name": name, "status": "INIT", "cloud": "AWS", "launched_at": 1}
                for name in (cluster_name(workspace, job.id) for job in owners)
            }
        )
    )
    for job in owners:
        give_back_later("cloud", job)
        give_back_later("cloud", job)
    closing = [job for job in job_folders(workspace) if job.spec().kind == GIVE_BACK]
    assert len(closing) == 2
    for job in closing:
        assert job_control.wait(job, 60) == "succeeded", (
            job_control.failure(job),
            job.output_file.read_text(encoding="utf-8"),
        )
    assert json.loads((clouds / "clusters.json").read_text()) == {}
    assert all((record := Record.read(job)) and not record.up for job in owners)
