"""Wheels made for a test, and a pip that finds packages in one folder only."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest


def build_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> str:
    """Write a wheel that holds these files, and return its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    told = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(wheel, "w") as opened:
        for member, content in {**files, **told}.items():
            opened.writestr(member, content)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def find_packages_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
