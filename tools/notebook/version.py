"""One version in a notebook: how good it is, what it answers, and where it is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...resources.foundation.files import dump_jsonl, read_jsonl, sha256_bytes, write_atomic
from ...resources.version import VersionFolder
from .speech import speak
from .waiting import result_of

if TYPE_CHECKING:
    from ...resources.deployment import Deployment
    from ...resources.evaluation import Evaluation
    from ..evaluate.record import AnswerLine
    from ..evaluate.verified import Results
    from .workspace import Workspace


class MetricRow(NamedTuple):
    """One metric of an evaluation; None where it could not be computed, or has no interval."""

    metric: str
    value: float | None
    low: float | None
    high: float | None


class Version:
    """A trained version of a task, by its folder."""

    def __init__(self, workspace: Workspace, folder: VersionFolder) -> None:
        self.workspace, self.folder, self.name = workspace, folder, folder.name

    def __repr__(self) -> str:
        return f"<Version {self.folder.task.name} {self.name}: {self.folder.status()}>"

    def evaluate(self, benchmark: str = "") -> Evaluation:
        """Measure it on the frozen benchmark, decoded as it will be deployed.

        Arguments:
            benchmark: its name; the main one if left out.

        Returns:
            the record: `metrics` with 95 % intervals, `per_class`, `confusion`, `baselines`, `verdict`, …; `to_dict()` of it is
            what stands in `results.json`.

        Raises:
            NlpSkillsError: it cannot be measured, or the measuring failed.
        """
        from ..evaluate.starting import start_evaluation

        task = self.folder.task
        with speak(self.workspace.language, self.folder.task):
            self._result(start_evaluation(self.workspace.folder, task, self.name, benchmark))
            return self.evaluation()

    def evaluation(self) -> Evaluation:
        """Its newest evaluation, counted again from the answers.

        Raises:
            NlpSkillsError: it has none yet, or the answers were changed since.
        """
        return self._newest_evaluation().record

    def metrics(self) -> list[MetricRow]:
        """The metrics of the newest evaluation with their 95 % intervals, a row each, for `pandas.DataFrame`.

        Raises:
            NlpSkillsError: as `evaluation`.
        """
        record = self.evaluation()
        return [
            *(MetricRow(name, figure.value, figure.low, figure.high) for name, figure in record.metrics.items()),
            *(MetricRow(name, None, None, None) for name in record.not_measured),
        ]

    def predictions(self) -> list[AnswerLine]:
        """Its answers to the benchmark, one row each (`text`, `gold`, `predicted`, `correct`, …), for `pandas.DataFrame`.

        Raises:
            NlpSkillsError: as `evaluation`.
        """
        from ..evaluate.record import evaluated_answers

        with speak(self.workspace.language, self.folder.task):
            return evaluated_answers(self.folder, self._newest_evaluation().record)

    def predict(self, texts: str | Sequence[str], entities: str | Sequence[str] = ()) -> list[dict[str, Any]]:
        """Its answers to texts: one row each (`text`, `predicted`, `raw`), in their order, for `pandas.DataFrame`.

        Arguments:
            texts: several, or one.
            entities: what each text is asked about, where the task is entity-classification.

        Raises:
            NlpSkillsError: the model is gone, or does not load.
        """
        from ..evaluate.starting import start_predicting

        texts = [texts] if isinstance(texts, str) else texts
        entities = [entities] if isinstance(entities, str) else entities
        rows = [
            {"text": str(text), **({"entity": entities[at]} if at < len(entities) else {})}
            for at, text in enumerate(texts)
        ]
        if not rows:
            return []
        with speak(self.workspace.language, self.folder.task):
            content = dump_jsonl(rows)
            asked = self.folder.task.cache / "asked" / f"{sha256_bytes(content)[:12]}.jsonl"
            write_atomic(asked, content)
            try:
                job = start_predicting(self.workspace.folder, self.folder.task, self.name, asked)
                return list(read_jsonl(self.folder.task.root / self._result(job)["file"]))
            finally:
                asked.unlink(missing_ok=True)

    def deploy(
        self, target: str = "local", *, override_reason: str = "", settings: Mapping[str, Any] | None = None
    ) -> Deployment:
        """Put it into production and prove that it answers as evaluated.

        Arguments:
            target: local, ollama, gguf, vllm, merged, huggingface or endpoint.
            override_reason: the person's reason to pass a gate that is closed; recorded.
            settings: of the target. Secrets are `${NAME}` of the store, and move there where they are not.

        Returns:
            the deployment: `url`, `model`, `files`, `parity`, …

        Raises:
            NlpSkillsError: a gate is closed, or the deployment failed.
        """
        from ...resources.foundation import typed_secrets
        from ..data.definition import add_rotation_notice
        from ..deploy.deployments import history
        from ..deploy.starting import start_deployment

        task = self.folder.task
        with speak(self.workspace.language, self.folder.task):
            given, moved = typed_secrets.move_inline(dict(settings or {}), prefix="deploy_")
            with add_rotation_notice(moved):
                job = start_deployment(self.workspace.folder, task, self.name, target, given, override_reason)
                made = self._result(job)["id"]
        return next(deployment for deployment in history(task) if deployment.id == made)

    def _newest_evaluation(self) -> Results:
        from ...resources.foundation.errors import EvaluationError
        from ...resources.foundation.language import Text
        from ..evaluate.verified import latest_results

        with speak(self.workspace.language, self.folder.task):
            found = latest_results(self.folder)
            if found is None:
                raise EvaluationError(
                    Text(f"{self.name} has not been evaluated yet.", f"{self.name} 還沒有評估過。"),
                    Text("Call evaluate() first.", "請先呼叫 evaluate()。"),
                    field="version",
                )
            return found

    def _result(self, job: Any) -> dict[str, Any]:
        return result_of(job, self.workspace.progress)
