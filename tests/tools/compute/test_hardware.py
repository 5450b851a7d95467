from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from nlp_skills.resources.foundation.language import speaking
from nlp_skills.resources.job import JobFolder
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.hardware import describe_machine, worker_torch
from nlp_skills.tools.compute.jobs import job_control
from nlp_skills.tools.compute.jobs.watch import watch

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a script")


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose nvidia-smi names one GPU."""
    found = tmp_path / "bin" / "nvidia-smi"
    found.parent.mkdir()
    found.write_text(f"#!{sys.executable}\nprint('NVIDIA H100 80GB HBM3, 81559, 80000, 570.86, GPU-1f2e')\n", "utf-8")
    found.chmod(0o755)
    monkeypatch.setenv("PATH", str(found.parent))


def a_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, cuda: str | None) -> None:
    """A worker whose interpreter finds a PyTorch of that build."""
    packages = tmp_path / f"packages-{version}" / "torch"
    packages.mkdir(parents=True)
    (packages / "__init__.py").touch()
    (packages / "version.py").write_text(f"__version__ = {version!r}\ncuda = {cuda!r}\nhip = None\n", "utf-8")
    python = tmp_path / f"python-{version}"
    python.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(packages.parent)!r})\n"
        "exec(sys.argv[sys.argv.index('-c') + 1])\n",
        "utf-8",
    )
    python.chmod(0o755)
    monkeypatch.setenv("NLP_SKILLS_WORKER", str(python))


def test_the_machine_is_described(workspace: Workspace) -> None:
    machine = describe_machine(workspace)
    assert 1 <= machine.free_cores <= machine.cores
    assert 0 < machine.free_memory <= machine.memory
    assert machine.disk_free > 0


@on_posix
@pytest.mark.usefixtures("gpu")
def test_a_gpu_beside_a_cpu_only_torch_is_said(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_torch(tmp_path, monkeypatch, "2.13.0+cpu", None)
    machine = describe_machine(workspace)
    assert machine.gpus[0].name == "NVIDIA H100 80GB HBM3" and machine.gpus[0].memory == 81559 * 2**20
    assert (machine.accelerator, machine.device) == ("cuda", "cpu")
    (warning,) = machine.warnings()
    assert "GPU present, CPU-only torch" in warning.en and "CPU 版" in warning.zh


@on_posix
@pytest.mark.usefixtures("gpu")
def test_a_gpu_with_a_cuda_torch_is_used(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_torch(tmp_path, monkeypatch, "2.13.0+cu130", "13.0")
    machine = describe_machine(workspace)
    assert (machine.device, machine.warnings()) == ("cuda", [])


def test_an_interpreter_without_torch_has_none(tmp_path: Path) -> None:
    assert worker_torch(tmp_path / "no-python") is None


def test_the_terminal_shows_every_job_of_the_workspace(workspace: Workspace, start: Callable[..., JobFolder]) -> None:
    folder = start("job.progress(3, 4, loss=0.25)\nreturn {}")
    job_control.wait(folder, 30)
    for language, words in (("en", ("mood", "Training", "done", "3/4", "loss 0.25")), ("zh-TW", ("訓練", "已完成"))):
        output = io.StringIO()
        with speaking(language):  # type: ignore[arg-type]
            watch(workspace, console=Console(file=output, width=140))
        assert all(word in output.getvalue() for word in words), output.getvalue()
