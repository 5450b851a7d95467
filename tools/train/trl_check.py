"""Whether the installed TRL takes the options of a plan's `trl`: asked of its configuration class, before a training.

    python -m nlp_skills.tools.train.trl_check < request.json

TRL stands in the worker environment alone; the server reads what this leaves.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from ...resources.foundation.errors import NlpSkillsError, TrainingError
from ...resources.foundation.files import read_json, sha256_bytes, write_json
from ...resources.foundation.json_object import JsonObject
from ...resources.foundation.language import Text
from ...resources.foundation.wording import nearest, problem_in_words
from ...resources.task import TaskFolder
from ...resources.workspace import Workspace
from ..compute.environments.libraries import settle_libraries
from ..compute.jobs.job_control import error_of
from ..compute.worker import find_worker
from .finding import Finding
from .method import Method
from .trl_names import OURS
from .trl_owned import owner_of
from .worker_request import run_in_worker

MODULE = "nlp_skills.tools.train.trl_check"
_OFFERED = 3


def check_options(configuration: str, options: Mapping[str, Any]) -> None:
    """Check options against TRL's configuration class. In the worker environment.

    Arguments:
        configuration: the class's name, such as `SFTConfig`.

    Raises:
        TrainingError: TRL has no such option (the nearest is offered), or refuses its value.
    """
    import trl

    cls = getattr(trl, configuration)
    kinds = get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls) if not owner_of(field.name)] + list(OURS)
    for name, value in options.items():
        if name not in kinds:
            near = nearest(name, known, _OFFERED, cutoff=0.5)
            raise TrainingError(
                Text(
                    f"{configuration} of trl {trl.__version__} has no option {name[:40]!r}.",
                    f"trl {trl.__version__} 的 {configuration} 沒有「{name[:40]}」這個選項。",
                ),
                Text(
                    f"Did you mean {', '.join(near)}?" if near else "Leave it out.",
                    f"是不是要用 {'、'.join(near)}？" if near else "請省略。",
                ),
                field=f"trl.{name[:40]}",
            )
        if wanted := _unlike(kinds[name], value):
            raise _refused_error(name, value, wanted)
    with tempfile.TemporaryDirectory() as folder:
        plain = {"output_dir": folder, "report_to": "none", "use_cpu": True, "bf16": False, "disable_tqdm": True}
        try:
            cls(**plain, **options)
        except (ValueError, TypeError, ImportError, NotImplementedError, AttributeError) as error:
            name = next((name for name in options if name in str(error)), next(iter(options)))
            said = str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
            raise _refused_error(name, options[name], Text(f"TRL says: {said}", f"TRL 的說明：{said}")) from error


def _unlike(kind: Any, value: Any) -> Text | None:
    """What a value must be, where it is not of the kind that the class declares."""
    try:
        TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True)).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        return problem_in_words(error.errors()[0], in_yaml=False)
    except PydanticSchemaGenerationError:
        return None
    return None


def _refused_error(name: str, value: Any, wanted: Text) -> TrainingError:
    given = f"trl.{name} = {str(value)[:60]}"
    end = "" if wanted.en.endswith((".", "!")) else Text(".", "。")
    return TrainingError(
        Text(f"{given} cannot be used: ", f"{given} 不能用：") + wanted + end,
        Text("Give it another value, or leave it out.", "請改成別的值，或省略它。"),
        field=f"trl.{name}",
    )


class Request(BaseModel):
    """Options to be checked against a configuration class, and the file that says what came of it."""

    model_config = ConfigDict(frozen=True)

    file: Path
    configuration: str
    options: JsonObject

    def outcome(self) -> NlpSkillsError | bool:
        """What was found: the refusal, True where nothing is wrong, False where it is not known yet. Light."""
        if not self.file.is_file():
            return False
        refusal = read_json(self.file).get("error")
        return error_of(refusal) if refusal else True

    def check_here(self) -> None:
        """Check in this process, which has TRL."""
        refusal = None
        try:
            check_options(self.configuration, self.options)
        except TrainingError as error:
            refusal = error.to_dict()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.file, {"format": 1, **({"error": refusal} if refusal else {})})

    def check_in_worker(self, python: Path, seconds: float) -> bool:
        """Have the worker check, and wait for it at most so many seconds. Whether it is still at it."""
        if self.outcome():
            return False
        return run_in_worker(MODULE, self, python, seconds)


def request_for(task: TaskFolder, configuration: str, options: Mapping[str, Any], python: Path) -> Request:
    """The request for the TRL of that interpreter, as its environment is now: what is installed again is asked again."""
    packages = next(iter(python.parent.parent.glob("lib/python3*/site-packages")), python)
    key = json.dumps(
        [configuration, dict(options), str(python), packages.stat().st_mtime_ns], sort_keys=True, ensure_ascii=False
    )
    file = task.cache / "trl" / f"{sha256_bytes(key.encode())[:12]}.json"
    return Request(file=file, configuration=configuration, options=dict(options))


def check_trl_in_worker(workspace: Workspace, task: TaskFolder, method: Method, seconds: float) -> bool:
    """Have the worker check the plan's options for TRL, where it stands here. Whether it is still at it after so many
    seconds."""
    options, python = method.trl, find_worker(workspace)
    if not options or not method.configuration or python is None:
        return False
    return request_for(task, method.configuration, options, python).check_in_worker(python, seconds)


def check_trl(workspace: Workspace, task: TaskFolder, method: Method, here: bool) -> list[Finding]:
    """Whether TRL refuses the plan's options: the one of this process (`here`), else the worker's, where it was asked."""
    options = method.trl
    python = Path(sys.executable) if here else find_worker(workspace)
    if not options or not method.configuration or python is None:
        return []
    request = request_for(task, method.configuration, options, python)
    if here:
        request.check_here()
    found = request.outcome()
    if not isinstance(found, NlpSkillsError):
        return []
    return [Finding.of_error("trl", found)]


def main() -> int:
    request = Request.model_validate_json(sys.stdin.read())
    settle_libraries()
    request.check_here()
    return 0


if __name__ == "__main__":
    sys.exit(main())
