"""What packages and the workspace's files add, for `nlp-skills doctor`: which kinds, which cannot be used, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..resources.foundation.kinds import REGISTRIES, added_packages, awaiting_agreement, misnamed, registry
from ..resources.foundation.language import Text
from ..resources.foundation.plugins import Plugin, installed_plugins
from ..tools.compute.machine import CheckResult


def added_kinds(worker: str | None, libraries: Mapping[str, Any]) -> Iterator[CheckResult]:
    """One finding for all kinds of packages that can be used, one for each kind that cannot, one for each file that the
    person has not agreed to, one for each package that jobs lack.

    Arguments:
        worker: the interpreter that jobs run with; None where there is none yet.
        libraries: what it holds of `added_packages`; empty where it cannot be asked.
    """
    usable: list[Plugin] = []
    for group in REGISTRIES:
        faults = registry(group).faults() if installed_plugins(group) or registry(group).files() else {}
        usable += [plugin for plugin in installed_plugins(group) if plugin.name not in faults]
        for fault in faults.values():
            yield CheckResult("broken", fault.problem, fault.fix)
    for fault in misnamed():
        yield CheckResult("broken", fault.problem, fault.fix)
    if usable:
        shown = ", ".join(f"{one.name} ({one.package})" for one in usable)
        yield CheckResult("ok", Text(f"Added by packages: {shown}", f"由套件加入：{shown}"))
    for file in awaiting_agreement():
        yield CheckResult(
            "warning",
            Text(
                f"{file.path} has not been agreed to: jobs leave it out.", f"{file.path} 還沒有經過同意：工作不會採用。"
            ),
            Text(
                f'Read it, then run: nlp-skills allow --script "{file.path}"',
                f'看過內容後請執行：nlp-skills allow --script "{file.path}"',
            ),
        )
    for package in added_packages() if worker and libraries else ():
        if not libraries.get(package):
            yield CheckResult(
                "warning",
                Text(
                    f"The worker environment lacks {package}: jobs cannot use what it adds.",
                    f"工作環境沒有 {package}：工作無法使用它加入的項目。",
                ),
                Text(f"Run: {worker} -m pip install {package}", f"請執行：{worker} -m pip install {package}"),
            )
