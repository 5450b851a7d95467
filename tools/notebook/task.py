"""One task in a notebook: its data, its plans, its versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...resources.foundation.errors import DataError
from ...resources.foundation.language import Text
from ...resources.foundation.wording import suggest
from ...resources.task import Task as Definition
from ...resources.task import TaskFolder
from ...resources.version import version, version_numbers
from .speech import speak
from .version import Version
from .waiting import result_of

if TYPE_CHECKING:
    from ...resources.comparison import Comparison
    from ..data.store import Snapshot
    from ..train.answers import PlanAnswer
    from .workspace import Workspace


class Task:
    """A task of a workspace, by its folder."""

    def __init__(self, workspace: Workspace, folder: TaskFolder) -> None:
        self.workspace, self.folder, self.name = workspace, folder, folder.name

    def __repr__(self) -> str:
        return f"<Task {self.name} in {self.folder.root}>"

    @property
    def definition(self) -> Definition:
        """What `task.yaml` says, as it stands now."""
        return self.folder.load()

    def set_data_source(
        self,
        sources: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        split: Mapping[str, Any] | None = None,
        quality: Mapping[str, Any] | None = None,
        deduplicate_on: Sequence[str] | None = None,
        confirm: bool = False,
    ) -> dict[str, Any]:
        """Say where the rows come from, test it and read the first ones.

        Arguments:
            sources: one or several, each `{type: file, path, mapping: {text, label, …}}` or another type; see docs/format.md. Secrets are
                `${NAME}` of the store, and move there where they are not.
            split: shares of train, valid and test; seed; group_by.
            quality: min_characters, max_characters, max_imbalance.
            confirm: the person agreed to what reading costs.

        Returns:
            what was read: rows found, the first of them, and what was noticed.

        Raises:
            NlpSkillsError: a field is wrong, the source may not or cannot be read, or it costs something.
        """
        from ..data.definition import add_rotation_notice, change_definition
        from ..data.permission import check_permission
        from ..data.starting import start_preview

        with speak(self.workspace.language, self.folder):
            _, moved = change_definition(
                self.folder,
                sources=[dict(source) for source in ([sources] if isinstance(sources, Mapping) else sources)],
                split=dict(split) if split else None,
                quality=dict(quality) if quality else None,
                deduplicate_on=list(deduplicate_on) if deduplicate_on else None,
                allowed=lambda definition: check_permission(self.folder, definition),
            )
            with add_rotation_notice(moved):
                return self._result(start_preview(self.workspace.folder, self.folder, moved, confirm))

    def prepare(
        self,
        *,
        replace_manual_edits: bool = False,
        source: int | None = None,
        accept: Mapping[str, str] | None = None,
        confirm: bool = False,
    ) -> Snapshot:
        """Fetch, clean and split the rows.

        Arguments:
            replace_manual_edits: data files changed by hand too; a copy is kept.
            source: fetch only this one, counted from 0.
            accept: by the code of a blocking finding, why it is accepted; recorded.
            confirm: the person agreed to what fetching costs.

        Returns:
            the snapshot: `counts`, `label_counts`, `hash`, `validation`, and `rows(split)`.

        Raises:
            NlpSkillsError: the data is not fit to train on as it is, or cannot be fetched.
        """
        from ..data.snapshot import current_snapshot
        from ..data.starting import start_preparing

        with speak(self.workspace.language, self.folder):
            self.folder.load()
            self._result(
                start_preparing(
                    self.workspace.folder,
                    self.folder,
                    replace_manual_edits=replace_manual_edits,
                    source=source,
                    accept=accept,
                    confirm=confirm,
                )
            )
            return current_snapshot(self.folder)

    def rows(self, split: str = "train") -> list[dict[str, Any]]:
        """The rows of `train`, `valid` or `test` as they stand, for `pandas.DataFrame`.

        Raises:
            NlpSkillsError: there is no data yet, or no such split.
        """
        from ..data.rows import SPLITS
        from ..data.snapshot import current_snapshot

        with speak(self.workspace.language, self.folder):
            snapshot = current_snapshot(self.folder)
            if split not in SPLITS:
                raise DataError(
                    Text(f"There is no split {split!r}.", f"沒有「{split}」這個切分。"),
                    suggest(split, SPLITS),
                    field="split",
                )
            return [dict(row) for row in snapshot.rows(split)]

    def plan(
        self, *, parent: str | None = None, changes: Sequence[str] = (), name: str | None = None, **settings: Any
    ) -> PlanAnswer:
        """Plan a training: every setting left out is chosen for the data, with its reason.

        Arguments:
            parent: the version to build on; the newest if left out, none for `none`.
            changes: why, in the person's words.
            name: writes over the plan of that name.
            settings: of the method (`base_model`, `epochs`, `lora_r`, …), under our names or TRL's; `method` and `trl` too.

        Raises:
            NlpSkillsError: a setting cannot be used.
        """
        from ..train.planning import plan_training

        with speak(self.workspace.language, self.folder):
            return plan_training(self.workspace.folder, self.folder, settings, parent, list(changes), name)

    def train(
        self, plan: PlanAnswer | str | None = None, *, machine: str | None = None, confirm: bool = False
    ) -> Version:
        """Train a plan into the next version.

        Arguments:
            plan: as planned, or its name; the newest if left out.
            machine: one that was set up; this one if left out.
            confirm: the person agreed to time, memory and price.

        Raises:
            NlpSkillsError: something stands against the plan, nobody agreed to what it takes, or the training failed.
        """
        from ..train.starting import start_training

        name = plan if plan is None or isinstance(plan, str) else plan.plan
        with speak(self.workspace.language, self.folder):
            trained = self._result(start_training(self.workspace.folder, self.folder, name, machine, confirm))
            return self.version(str(trained["version"]))

    def version(self, name: str = "latest") -> Version:
        """A version by its name (`v1`, `latest`, `current`).

        Raises:
            NlpSkillsError: there is none; those there are are offered.
        """
        with speak(self.workspace.language, self.folder):
            return Version(self.workspace, version(self.folder, name))

    def versions(self) -> list[Version]:
        """All versions, oldest first."""
        return [Version(self.workspace, version(self.folder, number)) for number in version_numbers(self.folder)]

    def compare(self, a: str | Version, b: str | Version) -> Comparison:
        """Two evaluated versions on the same benchmark rows: `verdict` with its paired test, `metrics`, `changes`, ….

        Arguments:
            a, b: the earlier and the later one.

        Raises:
            NlpSkillsError: they were not measured alike.
        """
        from ...resources.comparison import Comparison
        from ..evaluate.starting import start_comparison

        names = [one if isinstance(one, str) else one.name for one in (a, b)]
        with speak(self.workspace.language, self.folder):
            job = start_comparison(self.workspace.folder, self.folder, *names)
            self._result(job)
            ended = job.exit()
            assert ended is not None, "it has been waited for"
            return Comparison.parse(ended.result, job.root)  # as it stands, in both languages

    def _result(self, job: Any) -> dict[str, Any]:
        return result_of(job, self.workspace.progress)
