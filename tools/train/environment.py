"""What a run ran on, for `environment.json`, and how many threads it should take."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from ... import __version__
from ...resources.environment import Environment, Hardware
from ...resources.foundation.kinds import added_packages
from ...resources.job import MACHINE_VARIABLE
from ..compute.hardware import Machine, cpu_model
from .method import Method

_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "accelerate",
    "tokenizers",
    "safetensors",
    "numpy",
    "scikit-learn",
)
_SMALL_MODEL = 50_000_000
_THREADS_FOR_SMALL = 4


def environment_of(machine: Machine) -> Environment:
    """Versions of this process and hardware of its machine."""
    packages: dict[str, str | None] = {}
    for name in (*_PACKAGES, *added_packages()):
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            packages[name] = None
    remote = os.environ.get(MACHINE_VARIABLE)
    environment = Environment(
        nlp_skills=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages,
        hardware=Hardware(
            system=machine.system,
            processor=platform.processor() or platform.machine(),
            cpu=cpu_model(),
            cores=machine.cores,
            memory_bytes=machine.memory,
            gpus=[gpu.name for gpu in machine.gpus],
            device=machine.device,
        ),
    )
    if remote:
        environment.machine = remote
    return environment


def choose_processes(method: Method, parameters: int, gpus: int) -> int:
    """How many of so many free GPUs to train on: as many as can share the steps evenly, one for a small model, which
    several make no faster; what the person said counts first."""
    most = method.processes_asked or (1 if parameters < _SMALL_MODEL else gpus)
    return next((count for count in range(min(most, gpus), 1, -1) if method.shared_by(count)), 1)


def choose_threads(machine: Machine, parameters: int) -> int:
    """As many as there are free cores, few for a small model: on a busy machine more threads are slower than one."""
    return min(machine.free_cores, _THREADS_FOR_SMALL) if parameters < _SMALL_MODEL else machine.free_cores
