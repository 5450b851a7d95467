"""Where the labelling of a task stands, and what comes next; everything read from its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....resources.figures import figure
from ....resources.foundation.json_object import JsonObject
from ....resources.foundation.language import Text
from ....resources.task import Task, TaskFolder
from ....resources.version import VersionFolder, version_numbers
from ..rows import row_id
from ..task_kind import role_title, task_kind
from .agreement import agreements
from .decisions import Decided, decided_rows
from .pool import Pool, any_unlabelled, asked_id, load_pool, snapshot_rows
from .proposals import Proposal, current_proposals


@dataclass(frozen=True)
class Labelling:
    """One look at the files: the pool, what is proposed for it, what was decided."""

    folder: TaskFolder
    pool: Pool
    proposals: dict[str, Proposal]
    decided: dict[str, Decided]

    @property
    def open(self) -> list[str]:
        """The ids nobody has decided on, those to look at first in front."""
        waiting = [number for number in self.pool.rows if number not in self.decided]
        return sorted(
            waiting, key=lambda number: (-(self.proposals[number].doubt if number in self.proposals else -1), number)
        )

    @property
    def proposed(self) -> list[str]:
        return [number for number in self.open if number in self.proposals]

    @property
    def disputed(self) -> list[str]:
        return sorted(number for number, row in self.decided.items() if row.standing == "disputed")

    def count(self, standing: str) -> int:
        return sum(row.standing == standing for row in self.decided.values())

    @property
    def unprepared(self) -> int:
        """Accepted rows that the current data does not have, or has with another label."""
        kind = self.pool.kind
        there = (
            {asked_id(row): kind.answer(row) for row in snapshot_rows(self.folder)} if self.count("accepted") else {}
        )
        return sum(
            row.standing == "accepted" and there.get(row_id(row.lines[-1].text, row.lines[-1].entity)) != row.label
            for row in self.decided.values()
        )

    def figures(self) -> dict[str, Any]:
        """Counts of rows, and how well proposers and reviewers agree."""
        open_rows = self.open
        found: dict[str, Any] = {
            "unlabelled": len(self.pool.rows),
            "open": len(open_rows),
            "proposed": sum(number in self.proposals for number in open_rows),
            **{standing: self.count(standing) for standing in ("accepted", "rejected", "disputed")},
            "not_in_data_yet": self.unprepared,
        }
        agreed = {name: value for name, value in agreements(self.decided, self.pool.kind).items() if value}
        return {**found, **({"agreement": agreed} if agreed else {})}


def load_labelling(task: TaskFolder) -> Labelling:
    """The labelling of a task as it stands now.

    Raises:
        DataError: answers of its type are not proposed, or its labels are not named yet.
    """
    pool = load_pool(task)
    return Labelling(task, pool, current_proposals(task, pool.task.labels), decided_rows(task))


def concerns(task: TaskFolder) -> bool:
    """Whether there is anything to label, or was; cheap."""
    return any_unlabelled(task) or (task.data / "labelling").is_dir()


def next_call(here: Labelling) -> tuple[Text, str, JsonObject]:
    """What to say, the tool and its arguments: settle, review, propose, prepare."""
    task, name, private = here.pool.task, here.folder.name, hides_rows(here.pool.task)
    if here.disputed:
        return (
            Text(
                "Reviewers disagree about some rows: let the person settle them; their decision counts for all.",
                "審閱者對某些列意見不同：請由對方裁決，之後以裁決為準。",
            ),
            "add_examples",
            {"task": name, "action": "sheet" if private else "review", "settings": {"which": "disputed"}},
        )
    unprepared = here.unprepared
    if here.proposed:
        if private:
            return (
                Text(
                    "Write a sheet; the person fills it on their own machine and gives the file back.",
                    "產生審閱表，請對方在自己的電腦填好、交回檔案。",
                ),
                "add_examples",
                {"task": name, "action": "sheet"},
            )
        return (
            Text(
                "Show the person the proposals and let them decide; never decide for them.",
                "把提案給對方看，由對方決定；不要替他決定。",
            ),
            "add_examples",
            {"task": name, "action": "review"},
        )
    if unprepared and (not here.open or unprepared >= figure("rows_to_start")):
        return (
            Text("Prepare the data: the accepted rows come in.", "準備資料：接受的列會加進去。"),
            "prepare_data",
            {"task": name},
        )
    if here.open:
        return first_call(here.folder, task)
    return (
        Text("Nothing waits for a label; the coach says what comes next.", "沒有等著標註的列；接下來請看教練怎麼說。"),
        "coach",
        {"task": name},
    )


def first_call(folder: TaskFolder, task: Task) -> tuple[Text, str, JsonObject]:
    """How proposing begins: a trained version where there is one, else the model in the chat; on-premise a sheet."""
    trained = [number for number in version_numbers(folder) if VersionFolder(folder, number).model_info_file.is_file()]
    arguments: JsonObject = {"task": folder.name, "action": "propose"}
    kind = task_kind(task.type)
    what, rules = role_title(kind.key), kind.answers != "text"
    if trained:
        return (
            Text(
                "Let v{trained} propose the {what}; a person reviews them afterwards.",
                "請 v{trained} 提案{what}，之後由人審閱。",
            ).format(trained=trained[-1], what=what),
            "add_examples",
            {**arguments, "by": f"v{trained[-1]}"},
        )
    if hides_rows(task):
        also = (
            Text(
                ", or propose by rules first (by='rules', settings={rules})",
                "；也可以先用規則提案（by='rules'、settings={rules}）",
            )
            if rules
            else Text("", "")
        )
        return (
            Text("Write a sheet for people to fill{also}.", "產生標註表給人填{also}。").format(also=also),
            "add_examples",
            {"task": folder.name, "action": "sheet"},
        )
    also = (
        Text("Rules (by='rules') or an endpoint", "規則（by='rules'）或端點") if rules else Text("An endpoint", "端點")
    )
    return (
        Text(
            "Propose the {what} yourself: this shows a batch of texts. {also} (by='endpoint') can propose "
            "too; a person reviews them in any case.",
            "由你先提案{what}：這個呼叫會列出一批文字。也可以用{also}（by='endpoint'）；無論如何都要由人審閱。",
        ).format(what=what, also=also),
        "add_examples",
        {**arguments, "by": "chat"},
    )


def hides_rows(task: Task) -> bool:
    """Whether row texts must not be shown in a result."""
    return task.constraints.privacy == "on-premise"
