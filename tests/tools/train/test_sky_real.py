"""SkyPilot itself (`make test-sky`): a training on a Slurm of one node, and its own choice for AWS, GCP and RunPod.

Not proven here, where no cloud can be reached: credentials of GCP and RunPod, and that a machine is really rented there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from nlp_skills.resources import spending
from nlp_skills.resources.foundation.errors import MachineError, TrainingError
from nlp_skills.resources.foundation.files import read_json, read_yaml, sha256_file
from nlp_skills.resources.job import JobFolder, job_folders
from nlp_skills.resources.task import TaskFolder
from nlp_skills.resources.version import VersionFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.cancel import cancel_job
from nlp_skills.tools.compute.consent import set_up_machine
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.events import JobEvents
from nlp_skills.tools.compute.jobs.rented import Record
from nlp_skills.tools.compute.machines.sky import Sky
from nlp_skills.tools.compute.named_machines import named_machine
from nlp_skills.tools.compute.skypilot import task_file
from nlp_skills.tools.train.planning import plan_training
from nlp_skills.tools.train.remote_submit import submit_remote
from tests.tools.compute.sshd import free_port
from tests.tools.compute.working import eventually
from tests.tools.train.slurm import USER, Slurm, slurm_node

pytestmark = pytest.mark.skipif(
    "NLP_SKILLS_TEST_SKY" not in os.environ, reason="make test-sky: needs Slurm and SkyPilot"
)

SECONDS = 500.0
SETTINGS = {
    "epochs": 5,
    "batch_size": 8,
    "gradient_accumulation": 1,
    "save_every": 5,
    "threads": 1,
    "lora_r": 8,
    "learning_rate": 2e-3,
}
GPU = (
    "\"{{'Gpus': [{{'Name': '{0}', 'Manufacturer': 'NVIDIA', 'Count': 1, 'MemoryInfo': {{'SizeInMiB': 24576}}}}], "
    "'TotalGpuMemoryInMiB': 24576}}\""
)
# In the form of SkyPilot's catalogs, which it fetches otherwise; the image is one that moto knows.
CATALOGS = {
    "common/accelerators.csv": "AcceleratorName,Clouds\nA10G,aws\nL4,gcp\nRTX4090,runpod\n",
    "aws/vms.csv": "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,"
    "AvailabilityZone,Arch\n"
    + "".join(
        f"g5.xlarge,A10G,1.0,4.0,16.0,{GPU.format('A10G')},1.006,0.4,us-east-1,{zone},x86_64\n"
        for zone in ("us-east-1a", *(f"use1-az{number}" for number in range(1, 7)))
    ),
    "aws/images.csv": "Tag,Region,OS,OSVersion,ImageId,CreationDate,BaseImageId\n"
    "skypilot:custom-gpu-ubuntu-cuda13,us-east-1,ubuntu,22.04,ami-785db401,20260101,\n"
    "skypilot:custom-gpu-ubuntu,us-east-1,ubuntu,22.04,ami-785db401,20260101,\n",
    "aws/instance_quota_mapping.csv": "InstanceType,SpotInstanceCode,OnDemandInstanceCode\ng5.xlarge,L-3819A6DF,L-DB2E81BA\n",
    "gcp/vms.csv": "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Region,AvailabilityZone,Price,"
    "SpotPrice\ng2-standard-4,4.0,16.0,,,,us-central1,us-central1-a,0.15,0.05\n"
    f",,,L4,1.0,{GPU.format('L4')},us-central1,us-central1-a,0.56,0.2\n",
    "gcp/images.csv": "Tag,Region,OS,OSVersion,ImageId,CreationDate\n"
    "skypilot:gpu-debian-11,,debian,11,projects/x,20260101\n",
    "runpod/vms.csv": "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Region,AvailabilityZone,Price,"
    f"SpotPrice\n1x_RTX4090_SECURE,RTX4090,1.0,8.0,48.0,{GPU.format('RTX4090')},US,US-KS-2,0.69,\n",
}
CLOUDS = {
    "aws": ("A10G:1", 1.006),
    "gcp": ("L4:1", 0.71),
    "runpod": ("RTX4090:1", 0.69),
}  # what is asked for, its price
# Run by SkyPilot's own interpreter. Its check of credentials is left out (GCP and RunPod cannot be asked without the
# internet); loading, validating and choosing are its own.
OPTIMISE = """
import json
import sys

import sky
from sky import check, clouds
from sky.optimizer import Optimizer

check.get_cached_enabled_clouds_or_refresh = lambda *given, **named: [clouds.AWS(), clouds.GCP(), clouds.RunPod()]

for path in sys.argv[1:]:
    task = sky.Task.from_yaml(path)
    task.validate()
    with sky.Dag() as dag:
        dag.add(task)
    Optimizer.optimize(dag, quiet=True)
    best = task.best_resources
    print(json.dumps({"cloud": str(best.cloud), "instance": best.instance_type, "price": round(best.get_cost(3600), 4),
                      "idle": best.autostop_config.idle_minutes, "down": best.autostop_config.down}))
"""


@pytest.fixture(scope="module")
def node(worker: Path) -> Iterator[Slurm]:
    """Slurm, a SkyPilot that knows the catalogs, and an AWS that checks credentials (moto); HOME is the person's."""
    moto = free_port()
    with slurm_node() as slurm, pytest.MonkeyPatch.context() as patch:
        files = {
            **{f".sky/catalogs/v8/{name}": text for name, text in CATALOGS.items()},
            ".aws/credentials": "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n",
            ".aws/config": "[default]\nregion = us-east-1\n",
        }
        for name, text in files.items():
            (slurm.home / name).parent.mkdir(parents=True, exist_ok=True)
            (slurm.home / name).write_text(text)
        for variable, value in {**slurm.variables(), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{moto}"}.items():
            patch.setenv(variable, value)
        slurm.begin(str(Path(os.environ["NLP_SKILLS_TEST_SKY"]) / "moto_server"), "-p", str(moto))
        yield slurm


@pytest.fixture(scope="module")
def node_python(node: Slurm, worker: Path) -> str:
    """An interpreter of the node's account that sees the training libraries."""
    ask = "import sys, trl, sysconfig; print(trl.__path__[0]); print(sys._base_executable)"
    trl, base = subprocess.run([str(worker), "-c", ask], capture_output=True, text=True, check=True).stdout.split("\n")[
        :2
    ]
    place = node.root / "libraries"
    for python in (base, "/usr/bin/python3"):
        if (
            subprocess.run(
                ["runuser", "-u", USER, "--", python, "-c", "pass"], capture_output=True, check=False
            ).returncode
            == 0
        ):
            subprocess.run([python, "-m", "venv", "--without-pip", str(place)], check=True)
            break
    next(place.glob("lib/python3*/site-packages")).joinpath("worker.pth").write_text(f"{Path(trl).parent}\n")
    return str(place / "bin" / "python")


def price_of(workspace: Workspace, name: str, settings: Mapping[str, object]) -> JobFolder:
    job = set_up_machine(workspace, name, {"kind": "sky", **settings}, confirm=False)
    assert isinstance(job, JobFolder)
    job_control.wait(job, SECONDS)
    return job


def ends(job: JobFolder, wanted: str) -> None:
    state = job_control.wait(job, SECONDS)
    assert state == wanted, (state, job_control.failure(job), job.output_file.read_text(encoding="utf-8")[-4000:])


@pytest.fixture(scope="module")
def priced(node: Slurm, node_python: str) -> Path:
    """A workspace that has the node as its machine `batch`, its price looked up."""
    with pytest.MonkeyPatch.context() as patch:
        workspace = Workspace(node.root / "priced")
        patch.setenv("NLP_SKILLS_WORKSPACE", str(workspace.root))
        workspace.root.mkdir()
        ends(
            price_of(
                workspace, "batch", {"infra": "slurm", "cpus": "1+", "python": node_python, "price_per_hour": 2.0}
            ),
            "succeeded",
        )
    return workspace.root


@pytest.fixture
def batch(priced: Path, workspace: Workspace) -> None:
    """The test's own workspace has that machine and its price."""
    shutil.copytree(priced, workspace.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("jobs"))


@pytest.fixture(scope="module")
def chosen(node: Slurm, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What SkyPilot chooses for each cloud, of our own task files."""
    place = tmp_path_factory.mktemp("clouds")
    shutil.copytree(node.home / ".sky" / "catalogs", place / "home" / ".sky" / "catalogs")
    asked = [
        task_file.write_task_file(Sky(infra=infra, gpus=gpus), "job-1", place / infra, dearest=price * 1.02)
        for infra, (gpus, price) in CLOUDS.items()
    ]
    python = Path(os.environ["NLP_SKILLS_TEST_SKY"]) / "python"
    told = subprocess.run(
        [str(python), "-c", OPTIMISE, *map(str, asked)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(place / "home"), "PYTHONPATH": ""},
    ).stdout
    found = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return dict(zip(CLOUDS, found, strict=True))


def test_a_training_on_slurm_is_launched_fetched_verified_committed_and_given_back(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, node: Slurm, batch: None
) -> None:
    plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], "first")
    with pytest.raises(TrainingError) as asked:
        submit_remote(workspace, task, "first", "batch", confirm=False)
    assert "2.00 USD an hour" in asked.value.problem.en and not node.jobs()

    job = submit_remote(workspace, task, "first", "batch", confirm=True)
    eventually(lambda: node.jobs() or job.state() != "running", SECONDS, every=0.2)
    ends(job, "succeeded")
    version = VersionFolder(task, 1)
    info, lineage = version.model_info(), read_yaml(version.lineage_file)
    assert all(sha256_file(task.root / name) == digest for name, digest in info.files.items())
    assert info.job == job.id and info.training.steps == 40 == JobEvents(job).points()["loss"][-1][0]
    assert read_json(version.environment_file)["machine"] == "batch" == lineage["environment"]["machine"]
    assert 0 < lineage["cost"]["spent"] == spending.total_spent(task) < 2.0 * SECONDS / 3600
    record = Record.read(job)
    assert record and record.given_back and not node.jobs()
    left = list((Path(node.account.pw_dir) / ".nlp-skills-jobs" / "runs").iterdir())
    assert not left, "the run there is gone, its blobs stay for the next"


def test_a_job_cancelled_while_slurm_is_being_asked_leaves_nothing_there(
    workspace: Workspace, task: TaskFolder, tiny_model: Path, node: Slurm, batch: None
) -> None:
    plan_training(workspace, task, {"base_model": str(tiny_model), **SETTINGS}, "none", [], "first")
    job = submit_remote(workspace, task, "first", "batch", confirm=True)
    eventually(lambda: node.jobs() or job.state() != "running", SECONDS, every=0.2)
    assert cancel_job(job) == "cancelled"
    ends(next(one for one in job_folders(workspace) if one.spec().kind == "give_back"), "succeeded")
    eventually(lambda: not node.jobs(), 60, every=0.2)
    assert VersionFolder(task, 1).status() == "cancelled"


def test_skypilots_own_dry_run_prices_aws_and_its_words_for_what_it_cannot_are_understood(
    workspace: Workspace, node: Slurm
) -> None:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    eventually(answers, 60)
    subprocess.run(["sky", "check", "aws"], check=True, timeout=SECONDS)
    job = price_of(workspace, "cloud", {"infra": "aws", "gpus": "A10G:1"})
    ends(job, "succeeded")
    ended = job.exit()
    assert ended and ended.result["offer"]["price_per_hour"] == pytest.approx(1.01, abs=0.01)
    assert ended.result["offer"]["instance"] == "g5.xlarge"
    for name, settings, field in (
        ("nogpu", {"infra": "aws", "gpus": "H100:8"}, "settings.gpus"),
        ("noaccount", {"infra": "gcp", "gpus": "L4:1"}, "settings.infra"),
        ("nocloud", {"infra": "nosuch"}, "settings.infra"),
    ):
        refused = job_control.failure(price_of(workspace, name, settings))
        assert isinstance(refused, MachineError) and refused.field == field, refused


@pytest.mark.parametrize(
    ("infra", "cloud", "instance", "down"),
    [
        ("aws", "AWS", "g5.xlarge", False),
        ("gcp", "GCP", "g2-standard-4", False),
        ("runpod", "RunPod", "1x_RTX4090_SECURE", True),
    ],
)
def test_skypilot_validates_our_task_files_and_chooses_for_each_cloud(
    chosen: dict[str, dict[str, object]], infra: str, cloud: str, instance: str, down: bool
) -> None:
    assert chosen[infra] == {"cloud": cloud, "instance": instance, "price": CLOUDS[infra][1], "idle": 30, "down": down}


def test_the_doctor_says_which_clouds_skypilot_may_use(workspace: Workspace, batch: None) -> None:
    standing = named_machine(workspace, "batch").examine("batch")
    assert any("Slurm" in one.says.en and one.state == "ok" for one in standing), standing
