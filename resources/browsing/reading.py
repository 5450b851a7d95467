"""Addresses (`nlp-skills://…`) and what stands at them, as plain functions for tools, scripts and notebooks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from ..foundation.errors import UnknownResource
from ..foundation.external import marked_resource, visible
from ..foundation.language import Text
from ..foundation.secrets import redact
from ..workspace import Workspace

SCHEME = "nlp-skills://"
_VARIABLE = re.compile(r"\{(\w+)\}")
_QUERY = re.compile(r"\{\?(\w+)\}$")
_OUR_OWN = {"skills", "skill"}  # the knowledge: nobody else's text is in it


class Reading(NamedTuple):
    """What stands at an address."""

    mime_type: str
    text: str


@dataclass(frozen=True)
class Address:
    """One kind of address.

    Arguments:
        template: RFC 6570, such as `nlp-skills://tasks/{task}`; at most one optional query variable at its end.
        title: a few words.
        about: what stands there.
        mime_type: of the text.
        content: the function of `contents.py` that gives the text, from the workspace and the template's variables.
    """

    template: str
    title: Text
    about: Text
    mime_type: str
    content: str

    @property
    def name(self) -> str:
        """`tasks`, `version-lineage`, `skill-page`: the English title as one word, for clients that list by name."""
        return self.title.en.lower().replace(" ", "-")

    @cached_property
    def variables(self) -> list[str]:
        """The variables of the path, in their order."""
        return _VARIABLE.findall(self.template)

    @cached_property
    def optional(self) -> list[str]:
        """The variable of the query, if it has one."""
        return _QUERY.findall(self.template)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        path = _QUERY.sub("", self.template)
        return re.compile(
            "".join(
                f"(?P<{part}>[^/?#]+)" if i % 2 else re.escape(part) for i, part in enumerate(_VARIABLE.split(path))
            )
        )

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables of `uri`, decoded, or None where it is another kind of address."""
        path, _, query = uri.partition("?")
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        asked = {key: value for key, value in parse_qsl(query) if key in self.optional}
        return {**{key: unquote(value) for key, value in found.groupdict().items()}, **asked}


def read(workspace: Workspace, uri: str) -> Reading:
    """What stands at `uri`.

    Raises:
        UnknownResource: it is no address of ours; all kinds are named.
        NlpSkillsError: the task, version, job or page it names does not exist or cannot be read.
    """
    for address in ADDRESSES:
        variables = address.match(uri.strip())
        if variables is not None:
            return read_address(workspace, address, variables)
    kinds = "\n".join(f"  {address.template}" for address in ADDRESSES)
    raise UnknownResource(
        Text(f"There is nothing at {uri[:200]!r}.", f"「{uri[:200]}」不是有效的位址。"),
        Text(
            f"Knowledge is found by words: read_resource(search='…'). These are the addresses:\n{kinds}",
            f"知識可以用關鍵字找：read_resource(search='…')。可用的位址：\n{kinds}",
        ),
        field="uri",
    )


def read_address(workspace: Workspace, address: Address, variables: dict[str, str]) -> Reading:
    """What stands at `address` for those values of its variables."""
    from . import contents  # it reads everything there is, and so loads much

    given = {name: value for name, value in variables.items() if value}
    text = visible(redact(getattr(contents, address.content)(workspace, **given)))
    ours = address.content in _OUR_OWN
    return Reading(address.mime_type, text if ours else marked_resource(address.mime_type, text))


def page(text: str, offset: int, characters: int) -> tuple[str, int | None]:
    """At most `characters` of `text` from `offset`, cut after a line where one ends in the last third; and where the
    next page begins, None at the end."""
    cut = text[offset : offset + characters]
    if offset + len(cut) >= len(text):
        return cut, None
    line_end = cut.rfind("\n") + 1
    if line_end > characters * 2 // 3:
        cut = cut[:line_end]
    return cut, offset + len(cut)


_JSON, _YAML, _MERMAID, _MARKDOWN = "application/json", "application/yaml", "text/vnd.mermaid", "text/markdown"

ADDRESSES = (
    Address(
        "nlp-skills://tasks",
        Text("Tasks", "任務清單"),
        Text("Every task: state, versions, best result, deployment.", "所有任務的狀態、版本、最佳結果與部署。"),
        _JSON,
        "tasks",
    ),
    Address(
        "nlp-skills://tasks/{task}",
        Text("Task", "任務"),
        Text("One task's definition, state and versions.", "單一任務的定義、狀態與版本。"),
        _JSON,
        "task",
    ),
    Address(
        "nlp-skills://tasks/{task}/data-source",
        Text("Data source", "資料來源"),
        Text("Where the task's rows come from; secrets hidden.", "任務的資料從哪裡來；不顯示密碼。"),
        _YAML,
        "data_source",
    ),
    Address(
        "nlp-skills://tasks/{task}/data",
        Text("Data", "資料"),
        Text("The current snapshot and its validation.", "目前的資料快照與驗證結果。"),
        _JSON,
        "data",
    ),
    Address(
        "nlp-skills://tasks/{task}/versions",
        Text("Versions", "版本清單"),
        Text("Every trained version, oldest first.", "所有訓練過的版本，由舊到新。"),
        _JSON,
        "versions",
    ),
    Address(
        "nlp-skills://tasks/{task}/versions/{version}",
        Text("Version", "版本"),
        Text("One version's configuration, data, model and results.", "單一版本的設定、資料、模型與結果。"),
        _JSON,
        "one_version",
    ),
    Address(
        "nlp-skills://tasks/{task}/versions/{version}/lineage",
        Text("Version lineage", "版本譜系"),
        Text("What one version was made from and what changed.", "這個版本由什麼產生、改了什麼。"),
        _JSON,
        "version_lineage",
    ),
    Address(
        "nlp-skills://tasks/{task}/lineage",
        Text("Lineage", "譜系"),
        Text("The lineage of all versions.", "所有版本的譜系。"),
        _JSON,
        "task_lineage",
    ),
    Address(
        "nlp-skills://tasks/{task}/lineage.mmd",
        Text("Lineage diagram", "譜系圖"),
        Text("The versions as a Mermaid flowchart.", "以 Mermaid 流程圖呈現的版本譜系。"),
        _MERMAID,
        "lineage_diagram",
    ),
    Address(
        "nlp-skills://tasks/{task}/jobs",
        Text("Jobs of a task", "任務的工作"),
        Text("The newest jobs of one task.", "單一任務最近的工作。"),
        _JSON,
        "task_jobs",
    ),
    Address(
        "nlp-skills://tasks/{task}/notes",
        Text("Notes and decisions", "備註與決策"),
        Text("What people noted and decided, newest first.", "大家記下的備註與決策，由新到舊。"),
        _JSON,
        "notes",
    ),
    Address(
        "nlp-skills://jobs",
        Text("Jobs", "工作清單"),
        Text("The newest jobs of all tasks.", "所有任務最近的工作。"),
        _JSON,
        "jobs",
    ),
    Address(
        "nlp-skills://jobs/{job_id}",
        Text("Job", "工作"),
        Text("One job: what it does, where it stands, how it ended.", "單一工作的內容、進度與結果。"),
        _JSON,
        "one_job",
    ),
    Address(
        "nlp-skills://skills",
        Text("Skills", "知識清單"),
        Text("The coach's knowledge, by skill and page.", "教練的知識，依技能與頁面。"),
        _JSON,
        "skills",
    ),
    Address(
        "nlp-skills://skills/{skill}{?language}",
        Text("Skill", "知識"),
        Text("The main page of a skill.", "技能的主頁。"),
        _MARKDOWN,
        "skill",
    ),
    Address(
        "nlp-skills://skills/{skill}/{page}{?language}",
        Text("Skill page", "知識頁面"),
        Text("One page of a skill.", "技能的其中一頁。"),
        _MARKDOWN,
        "skill",
    ),
)
