from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from nlp_skills.resources.data_source import DataSource, Quality, Regeneration, Source, SplitPolicy
from nlp_skills.resources.foundation.language import Language
from nlp_skills.resources.lineage_record import Lineage, LineageData
from nlp_skills.resources.records_reference import BEGIN, END, PAGES, records_reference
from nlp_skills.resources.task import Constraints, Decision, Prompt, SuccessCriteria, Task
from nlp_skills.tools.compute.jobs.scripts import SCRIPTS
from nlp_skills.tools.tasks.project import FOLDERS, RECORD

DOCS = Path(__file__).parents[2] / "docs"
MODELS = (
    Task,
    SuccessCriteria,
    Constraints,
    Decision,
    Prompt,
    DataSource,
    Source,
    SplitPolicy,
    Quality,
    Regeneration,
    Lineage,
    LineageData,
)


@pytest.mark.parametrize("page", ["format.md", "format.zh-TW.md"])
@pytest.mark.parametrize("model", MODELS)
def test_every_field_of_the_format_is_documented(model: type[BaseModel], page: str) -> None:
    documented = set(re.findall(r"`([a-z_]+)`", (DOCS / page).read_text(encoding="utf-8")))
    assert set(model.model_fields) <= documented


@pytest.mark.parametrize("page", ["format.md", "format.zh-TW.md"])
def test_the_folders_of_a_new_task_are_documented(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert all(f"{folder.split('/')[0]}/" in text for folder in FOLDERS)
    assert RECORD in text and SCRIPTS[0].file in text and SCRIPTS[-1].file in text


@pytest.mark.parametrize("language", PAGES)
def test_the_reference_of_the_records_is_that_of_the_models(language: Language) -> None:
    text = (DOCS / PAGES[language]).read_text(encoding="utf-8")
    written = text.partition(BEGIN)[2].partition(END)[0].strip("\n")
    stale = "stale: run python -m nlp_skills.resources.records_reference docs"
    assert written == records_reference(language).strip("\n"), stale
