"""What installed packages add, for `nlp-skills doctor`: which kinds, which cannot be used, and where jobs lack them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..resources.foundation.kinds import REGISTRIES, added_packages, misnamed, registry
from ..resources.foundation.language import Text
from ..resources.foundation.plugins import Plugin, installed_plugins
from ..tools.compute.machine import CheckResult


def added_kinds(worker: str | None, libraries: Mapping[str, Any]) -> Iterator[CheckResult]:
    """One finding for all kinds that can be used, one for each that cannot, one for each package that jobs lack.

    Arguments:
        worker: the interpreter that jobs run with; None where there is none yet.
        libraries: what it holds of `added_packages`; empty where it cannot be asked.
    """
    usable: list[Plugin] = []
    for group in REGISTRIES:
        faults = registry(group).faults() if installed_plugins(group) else {}
        usable += [plugin for plugin in installed_plugins(group) if plugin.name not in faults]
        for fault in faults.values():
            yield CheckResult("broken", fault.problem, fault.fix)
    for fault in misnamed():
        yield CheckResult("broken", fault.problem, fault.fix)
    if usable:
        shown = ", ".join(f"{one.name} ({one.package})" for one in usable)
        yield CheckResult("ok", Text(f"Added by packages: {shown}", f"由套件加入：{shown}"))
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
