"""What SkyPilot would rent and for how much: its own dry run, read from the table it prints."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from ....resources.catalogue import gpu_of
from ....resources.foundation.clock import now
from ....resources.foundation.errors import MachineError
from ....resources.foundation.files import read_json, sha256_bytes, write_json
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.spending import amount
from ....resources.workspace import Workspace
from ..hardware import Gpu, Machine
from .program import Program, Said, cloud_of, sky_error

if TYPE_CHECKING:
    from ..machines.sky import Sky

_FRESH_SECONDS = 3600.0
_COLUMNS = ("INFRA", "INSTANCE", "vCPUs", "Mem(GB)", "GPUS", "COST ($)", "CHOSEN")
_CHOSEN = "✔"
_SPOT = "[Spot]"  # as SkyPilot marks it behind the instance's name
_WITHOUT_SPOT = ("k8s", "kubernetes", "slurm", "ssh")  # where nothing is rented by the hour
_DRY_RUN_SECONDS = 300.0
_UNKNOWN_GPU_GB = 16.0
_SPARE_DISK = 12e9  # of a rented disk, what the system takes


class Offer(BaseModel):
    """The machine SkyPilot would choose, what an hour of it costs in US dollars, and when it said so. A `spot` price is
    another thing than one on demand: it moves, and the machine may be taken away."""

    infra: str
    instance: str = ""
    cores: float | None = None
    memory_gb: float | None = None
    gpus: str = ""
    price_per_hour: float
    spot: bool = False
    seen: str
    settings: str

    def hardware(self, disk_gb: int) -> Machine:
        """It as a machine to plan for, before it exists."""
        name, _, count = self.gpus.partition(":")
        known = gpu_of(name.replace("-", " "), 0.0) if name else None
        gigabytes = _memory_in(name) or (known.memory_gb if known else None) or _UNKNOWN_GPU_GB
        gpus = (
            [
                Gpu(name=name, memory=int(gigabytes * 1e9), free=int(gigabytes * 1e9), driver="", uuid="")
                for _ in range(max(1, int(float(count or 1))))
            ]
            if name
            else []
        )
        memory = int((self.memory_gb or 8.0) * 1e9)
        device = "cuda" if gpus else "cpu"
        return Machine(
            system="Linux",
            cores=max(1, int(self.cores or 1)),
            free_cores=max(1, int(self.cores or 1)),
            memory=memory,
            free_memory=memory,
            disk_free=int(disk_gb * 1e9 - _SPARE_DISK),
            gpus=gpus,
            accelerator=device,
            device=device,
        )

    def format_offer(self) -> str:
        """`AWS (us-east-1) g5.xlarge, A10G:1, spot`; on demand where it does not say so."""
        spot = "spot" if self.spot else ""
        return ", ".join(part for part in (f"{self.infra} {self.instance}".strip(), self.gpus, spot) if part)


def look_up(program: Program, name: str, machine: Sky, task_file: Path) -> Offer:
    """Ask SkyPilot what it would launch.

    Raises:
        MachineError: no cloud is enabled, it knows no such machine, or its answer cannot be read.
    """
    said = program.ask("launch", "--dryrun", "-y", "-c", "nlps-look", str(task_file), seconds=_DRY_RUN_SECONDS)
    if said.code:
        raise explain_no_offer(name, machine, said)
    row = chosen_row(said.text)
    if row is None:
        raise sky_error("launch --dryrun", said)
    try:
        price = float(row["COST ($)"].replace(",", ""))
    except ValueError:
        raise sky_error("launch --dryrun", said) from None
    spot = _SPOT in row["INSTANCE"]
    if spot != machine.spot and cloud_of(machine.infra) not in _WITHOUT_SPOT:
        raise _other_pricing(name, machine, row, price)
    return Offer(
        infra=row["INFRA"],
        instance=row["INSTANCE"].replace(_SPOT, "").strip("-"),
        spot=spot,
        cores=_number(row["vCPUs"]),
        memory_gb=_number(row["Mem(GB)"]),
        gpus=row["GPUS"].strip("-"),
        price_per_hour=machine.price_per_hour or price,
        seen=now(),
        settings=settings_hash(machine),
    )


def _other_pricing(name: str, machine: Sky, row: dict[str, str], price: float) -> MachineError:
    """Why an offer that is priced in another way than was asked for is not accepted."""
    kinds = (Text("on demand", "隨選"), Text("spot", "spot"))
    asked, offered = kinds if machine.spot is False else kinds[::-1]
    where = f"{row['INFRA']} {row['INSTANCE']}"
    return MachineError(
        Text(
            "{name} is set to be rented {asked}, and SkyPilot offers {where} {offered} ({price} USD an hour).",
            "{name} 設定為{asked}租用，但 SkyPilot 提供的是{offered}的 {where}（每小時 {price} 美元）。",
        ).format(name=name, asked=asked, where=where, offered=offered, price=price),
        Text(
            f"Choose with set_up(what='machine', name={name!r}, settings={{'spot': …}}), or another infra.",
            f"請用 set_up(what='machine', name={name!r}, settings={{'spot': …}}) 選擇，或換 infra。",
        ),
        field="settings.spot",
    )


def chosen_row(text: str) -> dict[str, str] | None:
    """The row with the tick in the table of a dry run, by column; None where there is no such table."""
    places: list[int] = []
    for line in text.splitlines():
        if all(column in line for column in _COLUMNS):
            places = [line.index(column) for column in _COLUMNS]
        elif places and _CHOSEN in line:
            ends = [*places[1:], len(line)]
            return {column: line[place:end].strip() for column, place, end in zip(_COLUMNS, places, ends, strict=True)}
    return None


def explain_no_offer(name: str, machine: Sky, said: Said) -> MachineError:
    """Why SkyPilot offers nothing, as far as its words tell."""
    text, cloud = said.text.lower(), cloud_of(machine.infra)
    if re.search(r"no cloud access|not enabled|no enabled|is not set up|run `?sky check|credential", text):
        return MachineError(
            Text(
                f"SkyPilot has no access to {cloud or 'any cloud'} yet: {said.last()}",
                f"SkyPilot 還不能使用 {cloud or '任何雲端'}：{said.last()}",
            ),
            Text(
                f"In a terminal: sky check {cloud}; it names the credentials it wants (they stay yours, nlp-skills never "
                f"reads them). Then set_up(what='machine', name={name!r}).",
                f"請在終端機執行 sky check {cloud}，它會說明需要哪些憑證（憑證由你保管，nlp-skills 不會讀取）。"
                f"之後再呼叫 set_up(what='machine', name={name!r})。",
            ),
            field="settings.infra",
        )
    if re.search(
        r"field\(s\): \$\.infra|is not supported|unknown cloud|cloud .* not found|invalid (infra|cloud)|is not a valid cloud",
        text,
    ):
        return MachineError(
            Text(
                f"SkyPilot does not know {machine.infra!r}: {said.last()}",
                f"SkyPilot 不認得「{machine.infra}」：{said.last()}",
            ),
            Text(
                "infra is a cloud, or cloud/region: aws, gcp/us-central1, runpod, k8s, slurm/mycluster, …",
                "infra 是雲端名稱，或「雲端/區域」：aws、gcp/us-central1、runpod、k8s、slurm/mycluster 等。",
            ),
            field="settings.infra",
        )
    if re.search(
        r"no launchable resource|catalog does not contain|no resource satisfying|not found in|no cluster is able", text
    ):
        wanted = ", ".join(f"{key}={value}" for key, value in machine.sky_resources().items())
        return MachineError(
            Text(
                f"{machine.infra or 'No enabled cloud'} offers no machine with {wanted}: {said.last()}",
                f"{machine.infra or '已啟用的雲端'} 沒有符合 {wanted} 的機器：{said.last()}",
            ),
            Text(
                "sky gpus list shows what there is; change gpus, cpus, memory or infra with set_up(settings=…).",
                "sky gpus list 會列出可租的 GPU；請用 set_up(settings=…) 修改 gpus、cpus、memory 或 infra。",
            ),
            field="settings.gpus",
        )
    return sky_error("launch --dryrun", said)


def keep(workspace: Workspace, name: str, offer: Offer) -> None:
    write_json(_file(workspace, name), offer.model_dump(mode="json"))


def load_offer(workspace: Workspace, name: str, machine: Sky) -> Offer | None:
    """What was offered within the hour for these very settings."""
    try:
        offer = Offer.model_validate(read_json(_file(workspace, name)))
    except (FileNotFoundError, ValueError):
        return None
    age = (datetime.now(UTC) - datetime.fromisoformat(offer.seen)).total_seconds()
    return (
        offer
        if age < _FRESH_SECONDS and offer.settings == settings_hash(machine) and _as_asked(offer, machine)
        else None
    )


def _as_asked(offer: Offer, machine: Sky) -> bool:
    return offer.spot == machine.spot or cloud_of(machine.infra) in _WITHOUT_SPOT


def settings_hash(machine: Sky) -> str:
    content: JsonObject = machine.model_dump(mode="json")
    return sha256_bytes(json.dumps(content, sort_keys=True).encode())[:16]


def _file(workspace: Workspace, name: str) -> Path:
    return workspace.root / ".nlp-skills" / "offers" / f"{name}.json"


def _number(text: str) -> float | None:
    found = re.search(r"[0-9.]+", text)
    return float(found[0]) if found else None


def _memory_in(gpu: str) -> float | None:
    """`A100-80GB`."""
    found = re.search(r"(\d+)GB$", gpu)
    return float(found[1]) if found else None


def describe_offer(name: str, known: Offer) -> Text:
    """What it is and costs, in a sentence."""
    price = amount(known.price_per_hour)
    kind = (
        Text("spot price, which varies, and the machine may be reclaimed", "spot 價格，會浮動，機器也可能被收回")
        if known.spot
        else Text("on demand", "隨選價格")
    )
    return Text(
        "{name}: SkyPilot would rent {offered} for {price} USD an hour ({kind}; as of {seen}). "
        "Nothing is rented before a training is confirmed.",
        "{name}：SkyPilot 會租用 {offered}，每小時 {price} 美元（{kind}；{seen} 查得）。"
        "在你確認訓練之前，不會租用任何東西。",
    ).format(name=name, offered=known.format_offer(), price=price, kind=kind, seen=known.seen)
