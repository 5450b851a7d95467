"""What a machine installs where it has no GPU: pinned, PyTorch for processors, told as a moving percentage."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nlp_skills.resources.foundation.files import read_json, read_jsonl, write_json
from nlp_skills.resources.workspace import Workspace
from nlp_skills.tools.compute.environments import pins
from nlp_skills.tools.compute.remote.agent import build, installers

pytestmark = pytest.mark.minutes
RUN = "job-1"


def put_wheel(folder: Path, name: str, version: str, *needs: str, module: str = "") -> Path:
    """A wheel that holds one empty module and asks for `needs`."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    described = "".join(f"Requires-Dist: {need}\n" for need in needs)
    extras = "Provides-Extra: train\n" if any("extra ==" in need for need in needs) else ""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{module or name}/__init__.py", "")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extras}{described}"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


class Index:
    """A package index of files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    @property
    def url(self) -> str:
        return self.root.as_uri()

    def hold(self, name: str, version: str, *needs: str) -> None:
        folder = self.root / name.replace("_", "-")
        put_wheel(folder, name, version, *needs)
        (folder / "index.html").write_text(
            "".join(f'<a href="{wheel.name}">{wheel.name}</a>' for wheel in folder.glob("*.whl"))
        )


class RemoteFolder:
    """The folder of a machine, and what its pip finds."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "far"
        self.public, self.processors = Index(root / "public"), Index(root / "processors")
        self.public.hold("torch", "2.13.0", "nvidia-cublas; platform_system == 'Linux'")
        self.public.hold("nvidia_cublas", "13.0")
        for version in ("1.0", "2.0"):
            self.public.hold("trl", version)
        self.job = self.folder / "runs" / RUN / "jobs" / RUN
        self.job.mkdir(parents=True)
        self.wheel = put_wheel(
            self.folder / "runs" / RUN, "ours", "1.0", "torch; extra == 'train'", "trl; extra == 'train'"
        )

    def build(self, **settings: Any) -> dict[str, Any]:
        write_json(
            self.job / "note.json",
            {
                "key": "k",
                "wheel": self.wheel.name,
                "extra": "[train]",
                "check": ["torch"],
                "flavour": "cpu",
                "constraints": "torch==2.13.0\ntrl==1.0\n",
                "download": 1_000_000,
                "disk": 2_000_000,
                **settings,
            },
        )
        build.build(self.folder, {"run": RUN})
        return dict(read_json(self.job / "exit.json"))

    def installed_packages(self) -> set[str]:
        return {
            path.name.removesuffix(".dist-info")
            for path in (self.folder / "environments").glob("k/lib/python3*/site-packages/*.dist-info")
        }


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemoteFolder:
    machine = RemoteFolder(tmp_path)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)  # what this machine's pip is told
    monkeypatch.setenv("PIP_INDEX_URL", machine.public.url)
    monkeypatch.setattr(installers, "PROCESSORS_INDEX", machine.processors.url)
    return machine


def test_without_a_gpu_pytorch_is_that_for_processors_and_the_rest_is_pinned(far: RemoteFolder) -> None:
    far.processors.hold("torch", "2.13.0+cpu")
    far.processors.hold("torch", "2.14.0+cpu")
    assert far.build()["state"] == "succeeded"
    assert {"torch-2.13.0+cpu", "trl-1.0", "ours-1.0"} <= far.installed_packages()
    assert not any(name.startswith("nvidia") for name in far.installed_packages())
    percentages = [event["step"] for event in read_jsonl(far.job / "events.jsonl")]
    assert percentages == sorted(percentages) and len(set(percentages)) > 2 and percentages[-1] == 100
    assert {event["total"] for event in read_jsonl(far.job / "events.jsonl")} == {100}


def test_an_index_that_gives_the_build_for_processors_itself_is_kept_to(far: RemoteFolder) -> None:
    far.public.hold("torch", "2.13.0+cpu")
    assert far.build()["state"] == "succeeded"
    assert "torch-2.13.0+cpu" in far.installed_packages() and not list(far.processors.root.iterdir())


def test_where_only_the_build_for_cuda_can_be_had_nothing_is_built_and_the_way_out_is_told(far: RemoteFolder) -> None:
    ended = far.build()
    assert ended["state"] == "failed" and not far.installed_packages()
    assert far.processors.url in ended["error"]["fix"]["en"] and "沒有 GPU" in ended["error"]["fix"]["zh"]


def test_with_a_gpu_the_build_for_cuda_is_taken(far: RemoteFolder) -> None:
    assert far.build(flavour="cuda")["state"] == "succeeded"
    assert {"torch-2.13.0", "nvidia_cublas-13.0"} <= far.installed_packages()


def test_a_disk_that_is_too_small_by_now_is_told_before_anything_is_fetched(far: RemoteFolder) -> None:
    ended = far.build(disk=10**15)
    assert "1000000.0 GB" in ended["error"]["problem"]["en"] and "磁碟" in ended["error"]["problem"]["zh"]
    assert not (far.job / "events.jsonl").exists()


def test_without_a_checkout_the_pins_are_what_stands_here(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "torch==" in pins.pins_of_here(workspace)
    monkeypatch.setattr(pins, "shipped_pins", lambda: "")
    stand = pins.pins_of_here(workspace).splitlines()
    assert all(line.count("==") == 1 and "+" not in line for line in stand)
    assert any(line.startswith("pydantic==") for line in stand) and not any(
        line.startswith("nlp-skills") for line in stand
    )
