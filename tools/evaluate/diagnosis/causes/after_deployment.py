"""It answers otherwise since it is deployed."""

from __future__ import annotations

from typing import ClassVar

from .....resources.foundation.files import read_json
from .....resources.foundation.language import Text
from ..case import Case
from ..cause import Cause, CauseKind, NotKnown, Remedy, ramp

_FEW, _MANY = 0.0, 0.03


class AfterDeployment(CauseKind):
    """The endpoint did not answer the benchmark as the evaluated model did."""

    title: ClassVar[Text] = Text("answers differently when deployed", "部署後回答不同")
    page: ClassVar[str] = "llm-knowledge/trouble-bad-after-deployment"
    words: ClassVar[tuple[str, ...]] = (
        "deploy",
        "production",
        "endpoint",
        "ollama",
        "live",
        "部署",
        "上線",
        "正式環境",
    )

    def examine(self, case: Case) -> Cause | None:
        files = [path for path in case.folder.task.deployments.glob("*.json") if path.name != "current.json"]
        records = [record for path in sorted(files) if (record := read_json(path)).get("version") == case.folder.name]
        if not records:
            raise NotKnown(
                Text(f"{case.folder.name} was never deployed from here", f"{case.folder.name} 沒有從這裡部署過")
            )
        parity = records[-1].get("parity") or {}
        if parity.get("label") is None:
            raise NotKnown(Text("the deployment recorded no parity", "部署時沒有留下一致性比對的紀錄"))
        differ = 1.0 - float(parity["label"])
        share = (0.55 + 0.4 * ramp(differ, _FEW, _MANY)) if differ > 0 else 0.0
        rows = round(differ * int(parity.get("count") or 0))
        reasons = [
            Text(
                f"The endpoint ({records[-1].get('target')}) answered {rows} of {parity.get('count')} benchmark rows "
                f"differently than in the evaluation.",
                f"評估基準 {parity.get('count')} 列裡有 {rows} 列，端點（{records[-1].get('target')}）"
                "的回答和評估時不同。",
            )
        ]
        remedy = Remedy(
            Text(
                "Deploy the version again, served with the tokenizer and chat template saved with it",
                "重新部署這個版本，並使用一起存下的分詞器與對話模板",
            ),
            call={"tool": "deploy", "arguments": {"task": case.folder.task.name, "version": case.folder.name}},
        )
        return self.build_cause(
            share,
            {"label_parity": parity["label"], "raw_parity": parity.get("raw"), "rows": parity.get("count")},
            reasons,
            remedy,
        )
