"""The page of all fields says what the sources really take, and what holds where a field is left out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from nlp_skills.resources.foundation.language import LANGUAGES, Language
from nlp_skills.resources.knowledge import read_page
from nlp_skills.tools.data.source import SourceKind, kinds
from nlp_skills.tools.data.web.paging import Pagination
from nlp_skills.tools.data.web.request import Auth

SHARED = set(SourceKind.model_fields)
NEEDED = {"en": "needed", "zh-TW": "必填"}


def tables(language: Language) -> dict[str, dict[str, str]]:
    """Each section's fields with what is said to hold where they are left out."""
    text = read_page("data-pipeline", "source-fields", language)
    sections = re.split(r"(?m)^## ", text)[1:]
    return {
        section.partition("\n")[0].strip(): dict(re.findall(r"(?m)^\| `(\w+)` \| ([^|]*?) \|", section))
        for section in sections
    }


# A new source stands in the reference that is written from the code; here are those that are explained at length.
DOCUMENTED = sorted(kinds().keys() & tables("en").keys())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", DOCUMENTED)
def test_every_field_of_a_source_is_explained_and_no_other(kind: str, language: Language) -> None:
    documented = tables(language)

    assert set(documented[kind]) == set(kinds()[kind].model_fields) - SHARED
    assert set(next(iter(documented.values()))) == SHARED


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", DOCUMENTED)
def test_what_holds_where_a_field_is_left_out_is_so(kind: str, language: Language) -> None:
    fields = kinds()[kind].model_fields
    for name, said in tables(language)[kind].items():
        default: Any = fields[name].get_default(call_default_factory=True)
        assert (said == NEEDED[language]) == (
            fields[name].default is PydanticUndefined and not fields[name].default_factory
        )
        if isinstance(default, int | float | str) and not isinstance(default, bool):
            assert said == f"{default}", (name, said)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_fields_within_auth_and_pagination_are_named(language: Language) -> None:
    text = read_page("data-pipeline", "source-fields", language)

    assert all(name in text for name in (*Auth.model_fields, *Pagination.model_fields))
