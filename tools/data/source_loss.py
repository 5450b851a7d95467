"""What a source did not give: less than it says it has, or far less than the last time."""

from __future__ import annotations

from collections.abc import Sequence

from ...resources.foundation.language import Text, several
from ...resources.task import TaskFolder
from ...resources.validation import Finding
from .definition import source_name
from .fetch import RawSnapshot, load_raw
from .findings import finding
from .source import SourceKind
from .store import Snapshot

_FEW = 5  # rows: fewer may go without a word


def shrunk(
    task: TaskFolder,
    kinds: Sequence[SourceKind],
    raws: Sequence[RawSnapshot | None],
    parent: Snapshot | None,
    most: float,
) -> list[Finding]:
    """The error that a source, asked as before, gives far fewer records than the current data was made of.

    Arguments:
        most: the share of the records that may be gone without asking.
    """
    before: dict[str, RawSnapshot] = {}
    for digest in parent.manifest.raw if parent else ():
        if (task.raw / digest[:12] / "source.json").is_file():
            raw = load_raw(task.raw / digest[:12])
            before[repr(raw.source)] = raw
    said: list[Text] = []
    lost = 0
    for number, (kind, now) in enumerate(zip(kinds, raws, strict=True)):
        earlier = before.get(repr(now.source)) if now else None
        if now is None or earlier is None:
            continue
        gone = earlier.count - now.count
        if gone >= _FEW and gone > most * earlier.count:
            lost += gone
            name = source_name(kind, number)
            said.append(
                Text(
                    f"{name} gave {several(earlier.count, 'record', form=',')} before and {now.count:,} now.",
                    f"{name} 上次有 {earlier.count:,} 筆，這次只有 {now.count:,} 筆。",
                )
            )
    return (
        [
            finding(
                "source_shrank",
                lost,
                Text(
                    f"{' '.join(one.en for one in said)} Was something deleted on purpose, or did the export break off?",
                    f"{''.join(one.zh for one in said)}是有意刪減，還是匯出中斷了？",
                ),
            )
        ]
        if said
        else []
    )


def incomplete(raws: Sequence[RawSnapshot | None]) -> list[Text]:
    """What the sources said is missing of what they have."""
    return [Text(**said) for raw in raws if raw for said in raw.provenance().get("incomplete", ())]


def never_fetched(kinds: Sequence[SourceKind], raws: Sequence[RawSnapshot | None]) -> list[Text]:
    """What to say of sources that were not asked now and have given nothing before."""
    names = [
        source_name(kind, number) for number, (kind, raw) in enumerate(zip(kinds, raws, strict=True)) if raw is None
    ]
    return (
        [
            Text(
                f"Never fetched as it is now, and so without rows in this data: {', '.join(names)}. Prepare without naming a "
                "source to fetch all.",
                f"以目前的設定還沒擷取過、因此這份資料不含：{'、'.join(names)}。不指定 source 就會全部擷取。",
            )
        ]
        if names
        else []
    )
