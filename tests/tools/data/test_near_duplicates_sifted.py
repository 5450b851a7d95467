from __future__ import annotations

import itertools

import pytest

from nlp_skills.tools.data import near_duplicates
from nlp_skills.tools.data.near_duplicates import near_duplicate_groups

pytestmark = pytest.mark.worker

NEWS = "中央銀行今天宣布利率不變，並表示將持續觀察通膨與景氣的變化，必要時會採取行動。"


def test_sifted_by_rensa_the_same_groups_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{NEWS[at:]}{NEWS[:at]}{number}" for at in range(0, 30, 3) for number in range(2)]
    texts += [f"{first}{second}" * 9 for first, second in itertools.permutations("山水風雲日月", 2)]
    exact = near_duplicate_groups(texts, [""] * len(texts))
    monkeypatch.setattr(near_duplicates, "WITHOUT_SIFTING", 1)
    assert exact and near_duplicate_groups(texts, [""] * len(texts)) == exact
