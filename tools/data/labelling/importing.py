"""A sheet that comes back filled in: CSV (as saved by any spreadsheet), Excel, or what the page saved."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ....resources.foundation.errors import DataError
from ....resources.foundation.language import CLAUSES, Text
from ....resources.paths import expand_home, readable
from ....resources.task import TaskFolder
from ..cells import as_text
from ..filled_sheet import NO, YES, filled_rows, same_text
from ..harmless import restore_text, row_id_in
from ..rows import Record, Row
from .review import decide
from .sheets import sheet_settings
from .standing import Labelling

_NAMED = 5
_NEEDED = ("id", "decision")
_NUMBER = re.compile(r"[0-9.,]+(?:[eE][+-]?[0-9]+)?")
_LIKE_A_NUMBER = re.compile(r"[0-9]+(?:e[0-9]+)?")  # ids that a spreadsheet takes for a number


def import_sheet(here: Labelling, path: str, reviewer: str, confirm: bool) -> tuple[dict[str, int], str, int, int]:
    """Record what stands on a filled sheet; rows left empty stay open.

    Arguments:
        reviewer: who filled it, where the sheet does not say.

    Returns:
        what was decided (see `decide`), who decided it, how many rows were left empty, and how many open rows are not
        on the sheet.

    Raises:
        AccessError: nobody has allowed reading it.
        DataError: the file cannot be read, belongs to another task, or a row's id, text or label is wrong (named by its
            row); nothing is recorded.
        ConflictError: the reviewer decided otherwise since.
    """
    file = expand_home(path)
    file = file if file.is_absolute() else here.folder.root / file
    file = readable(file, "path", task=here.folder.root)
    records = _records(here.folder, file)
    sheets = {as_text(record.get("sheet")) for record in records} - {""}
    known = [settings for name in sorted(sheets) if (settings := sheet_settings(here.folder, name))]
    if not known:
        raise DataError(
            Text(f"{file} is not a sheet that was written for this task.", f"{file} 不是這個任務產生的審閱表。"),
            Text(
                "Keep the column sheet as it is; action='sheet' writes a new one.",
                "請保留 sheet 欄位的內容；要新的審閱表請用 action='sheet'。",
            ),
            field="path",
        )
    on_sheet: dict[str, Row] = {row.id: row.to_dict() for settings in known for row in settings.rows}
    given, names, empty, who = [], [], 0, set[str]()
    wrong: list[Text] = []
    for place, record in enumerate(records, start=1):
        said = restore_text(as_text(record.get("decision")))
        if not said:
            empty += 1
            continue
        named = str(Text(f"row {record.get('row') or place}", f"第 {record.get('row') or place} 列"))
        record["id"] = _row_of(record, on_sheet)
        if problem := _describe_misplaced(record, on_sheet):
            wrong.append(Text("{named}: {problem}", "{named}：{problem}").format(named=named, problem=problem))
            continue
        who.add(as_text(record.get("reviewer")) or reviewer)
        given.append(_decision(here, record, said))
        names.append(named)
    if wrong:
        raise _wrong(file, wrong)
    if len(who) > 1:
        raise DataError(
            Text(
                f"The sheet names several reviewers: {', '.join(sorted(who))}.",
                f"表上有好幾位審閱者：{'、'.join(sorted(who))}。",
            ),
            Text("One sheet, one reviewer: give each a copy.", "一份表一位審閱者，請各給一份。"),
            field="path",
        )
    if not given:
        raise DataError(
            Text(f"Nothing is decided in {file}: the column decision is empty.", f"{file} 的 decision 欄全是空的。"),
            Text(
                "Write a label, yes (the proposal is right) or no (leave the row out) there, save, and give it again.",
                "請填標籤、是（提案正確）或否（不採用），存檔後再給一次。",
            ),
            field="path",
        )
    name, settling = who.pop(), all(settings.which == "disputed" for settings in known)
    counted = decide(
        here, given, name, via=f"sheet:{known[0].sheet}", confirm=confirm, settling=settling, names=names, rows=on_sheet
    )
    return counted, name, empty, sum(number not in on_sheet for number in here.open)


def _row_of(record: Record, rows: dict[str, Row]) -> str:
    """The row's id; where a spreadsheet made a number of one without a letter, that of the only row with its text."""
    number = row_id_in(record.get("id"))
    if number in rows or not _NUMBER.fullmatch(number):
        return number
    alike = [
        one for one, row in rows.items() if _LIKE_A_NUMBER.fullmatch(one) and same_text(record.get("text"), row["text"])
    ]
    return alike[0] if len(alike) == 1 else number


def _decision(here: Labelling, record: Record, said: str) -> dict[str, Any]:
    entity = restore_text(as_text(record.get("entity")))
    one: dict[str, Any] = {"id": as_text(record.get("id")), **({"entity": entity} if entity else {})}
    plain = {label.casefold(): label for label in here.pool.task.labels}
    if label := plain.get(said.casefold()):
        return {**one, "label": label}
    if said.casefold() in NO:
        return {**one, "label": None}
    if said.casefold() in YES:
        proposed = restore_text(as_text(record.get("proposed")))
        # A sheet without proposals has nothing to say yes to, and a yes is no text.
        return {**one, "label": proposed or (said if here.pool.kind.one_label else "")}
    return {**one, "label": said}


def _describe_misplaced(record: Record, rows: dict[str, Row]) -> Text | None:
    """What is wrong with where the decision stands: an unknown id, or a text that belongs to another id."""
    number = as_text(record.get("id"))
    row = rows.get(number)
    if row is None:
        return Text(
            f"the id {number[:24] or '(empty)'!r} is not on this sheet",
            f"編號「{number[:24] or '（空白）'}」不在這份表上",
        )
    text = restore_text(as_text(record.get("text")))
    if text and not same_text(text, row["text"]):
        return Text(
            f"its text is not that of {number}: were cells moved without their row, or was it saved in an "
            "encoding that lacks characters?",
            f"文字和 {number} 的不同：是不是只移動了部分儲存格，或存成缺字的編碼？",
        )
    return None


def _records(task: TaskFolder, file: Path) -> list[Record]:
    if not file.is_file():
        raise DataError(
            Text(f"There is no file {file}.", f"找不到檔案 {file}。"),
            Text("Give the absolute path of the file the person gave back.", "請給對方交回的檔案絕對路徑。"),
            field="path",
        )
    if file.suffix.lower() == ".json":
        return _saved_by_page(file)
    return filled_rows(task, file, _NEEDED, "path", lambda rows: _fits(task, rows))


def _fits(task: TaskFolder, rows: list[Record]) -> bool:
    """Whether the sheet's texts are those that went out."""
    names = {as_text(row.get("sheet")) for row in rows} - {""}
    texts = {row.id: row.text for name in names if (sheet := sheet_settings(task, name)) for row in sheet.rows}
    return all(
        same_text(row.get("text"), texts[number]) for row in rows if (number := row_id_in(row.get("id"))) in texts
    )


def _saved_by_page(file: Path) -> list[Record]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return [
            {
                "sheet": content["sheet"],
                "reviewer": content.get("reviewer"),
                "row": entry.get("row"),
                "id": entry["id"],
                "entity": entry.get("entity"),
                "decision": entry["decision"],
            }
            for entry in content["decisions"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            Text(f"{file} is not what the review page saves.", f"{file} 不是審閱頁存下來的檔案。"),
            Text(
                "Open the page again and save again; what was filled in is still there.",
                "請重新打開審閱頁再存一次，填過的內容還在。",
            ),
            field="path",
        ) from error


def _wrong(file: Path, wrong: list[Text]) -> DataError:
    more = f" (+{len(wrong) - _NAMED})" if len(wrong) > _NAMED else ""
    return DataError(
        Text("{file}: {wrong}{more}. Nothing was recorded.", "{file}：{wrong}{more}。什麼都沒有記錄。").format(
            file=file, wrong=CLAUSES.join(wrong[:_NAMED]), more=more
        ),
        Text(
            "Correct these rows, or take the sheet again (action='sheet') and fill it again.",
            "請修正這些列；或重新取得審閱表（action='sheet'）再填。",
        ),
        field="path",
    )
