"""A folder as a registry: each file holds one kind, known by the file's name, and is loaded when kinds are asked for
(see `kind_folder`).

Beside the folder's own stand those that installed packages add to its group (see `plugins`), and those of the workspace's
own files (see `plugin_files`).
"""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from .account import default_workspace
from .errors import NlpSkillsError
from .kind_folder import kind_of_module, kinds_in, names_in
from .language import SENTENCES, Text
from .plugin_files import PluginFile, plugin_files, runs_plugin_files
from .plugin_process import ask_file
from .plugins import (
    Plugin,
    forget_packages,
    installed_plugins,
    misnamed_error,
    misnamed_plugins,
    reason_in_words,
    see_new_packages,
)
from .wording import misfit_of, suggest

Kind = TypeVar("Kind")
logger = logging.getLogger(__name__)

# Where each group's registry stands, by name: a noun may ask what a kind says of itself, and imports no verb to start.
REGISTRIES = {
    "sources": "tools.data.source:SOURCES",
    "types": "tools.data.task_kind:TYPES",
    "metrics": "tools.evaluate.metric:METRICS",
    "baselines": "tools.evaluate.baseline:BASELINES",
    "causes": "tools.evaluate.diagnosis.cause:CAUSES",
    "methods": "tools.train.method:METHODS",
    "rewards": "tools.train.reward:REWARDS",
    "machines": "tools.compute.named_machines:MACHINES",
    "targets": "tools.deploy.target:TARGETS",
}

_workspace: Path | None = None


def registry(group: str) -> Registry[Any]:
    """The registry of a group (`metrics`), loaded when it is asked for."""
    module, _, name = REGISTRIES[group].partition(":")
    found: Registry[Any] = getattr(importlib.import_module(f"{__name__.partition('.resources')[0]}.{module}"), name)
    return found


def added_packages() -> list[str]:
    """The installed packages that add kinds, by their normalised names; nothing of them is loaded."""
    return sorted({plugin.package for group in REGISTRIES for plugin in installed_plugins(group) if plugin.package})


def added_names(group: str) -> list[str]:
    """What packages and the workspace's files add to a group; the registry itself is read only where there are files."""
    if not runs_plugin_files():
        see_new_packages()
    files = registry(group).files() if _files_of_workspace() else []
    return [*(plugin.name for plugin in installed_plugins(group)), *(file.name for file in files)]


def _files_of_workspace() -> list[PluginFile]:
    return plugin_files(_workspace or _usual_workspace(*map(os.environ.get, ("NLP_SKILLS_WORKSPACE", "HOME"))))


def misnamed() -> list[NlpSkillsError]:
    """What installed packages name in groups that are none of ours, each with the group that was meant."""
    return [misnamed_error(plugin, REGISTRIES) for plugin in misnamed_plugins(REGISTRIES)]


@cache
def _log_misnamed() -> None:
    for error in misnamed():
        logger.warning("%s %s", error.problem.en, error.fix.en)


def awaiting_agreement() -> list[PluginFile]:
    """The files of the workspace that hold kinds and that the person has not agreed to: jobs leave them out."""
    files = {file.path: file for group in REGISTRIES for file in registry(group).files()}
    return [file for file in files.values() if not file.is_agreed()]


def use_plugins_of(workspace: Path) -> None:
    """Take the kinds of that workspace's files; without it those of the usual one count."""
    global _workspace
    _workspace = workspace


def is_stand_in(kind: object) -> bool:
    """Whether a kind only says what it is: the file that holds it is run in jobs alone."""
    return bool(getattr(kind, "is_stand_in", False))


class Registry(Generic[Kind]):
    """The kinds of one folder and of the entry points of its group.

    Arguments:
        package: the folder, as it is imported.
        base: what every kind is a subclass of.
        noun: what one is called: `Text("metric", "個指標")`, the Chinese with its measure word.
        error: raised where there is none of that name.
        group: of entry points, without `nlp_skills.`; None where packages add none.
        named: the class attribute that holds a kind's name (see `NameOfFile`), by which it knows how it was added.
        hyphens: names are written with hyphens, as those of types of task.
    """

    def __init__(
        self,
        package: str,
        base: type[Kind],
        noun: Text,
        error: type[NlpSkillsError],
        *,
        group: str | None = None,
        named: str | None = None,
        hyphens: bool = False,
    ) -> None:
        self.noun, self._base = noun, base
        self._package, self._error, self._group, self._named, self._hyphens = package, error, group, named, hyphens
        self._loaded: dict[str, type[Kind]] | None = None
        self._instances: dict[str, Kind] | None = None
        self._faults: dict[str, NlpSkillsError] = {}
        self._origins: dict[str, Plugin | PluginFile] = {}
        self._read: list[Plugin | PluginFile] = []

    def names(self) -> list[str]:
        """The names of all kinds, in alphabetical order; none is loaded."""
        self._look_again()
        return sorted({*self._own_names(), *(plugin.name for plugin in self._added_kinds())})

    def classes(self) -> dict[str, type[Kind]]:
        """Every kind that can be used, by name in alphabetical order; `faults` tells of the others."""
        added = self._read if self._loaded is not None and runs_plugin_files() else self._added_kinds()
        if self._loaded is None or added != self._read:
            _log_misnamed()
            origins: dict[str, Plugin | PluginFile] = {}
            faults: dict[str, NlpSkillsError] = {}
            found = {self._written_name(name): kind for name, kind in kinds_in(self._package, self._base).items()}
            for plugin in added:
                try:
                    found[plugin.name] = kind = self._check_plugin(plugin, found)
                except NlpSkillsError as error:
                    faults[plugin.name] = error
                    continue
                origins[plugin.name] = plugin
                if self._named:
                    setattr(kind, self._named, plugin.name)
            self._faults, self._origins, self._instances = faults, origins, None
            self._loaded = dict(sorted(found.items()))
            self._read = added  # last: who reads beside this sees the former kinds whole
        return self._loaded

    def own(self) -> dict[str, type[Kind]]:
        """The folder's own kinds, without those of packages: what is usual changes with no installation."""
        return {name: self.classes()[name] for name in self._own_names() if name in self.classes()}

    def instances(self) -> dict[str, Kind]:
        """One of every kind, made without arguments."""
        known, made = self.classes(), self._instances
        if made is None:
            made = {}
            for name, kind in list(known.items()):
                try:
                    made[name] = kind()
                except (Exception, SystemExit) as error:
                    if name not in self._origins:
                        raise
                    self._faults[name] = self._origins.pop(name).refusal_error(reason_in_words(error))
                    del known[name]
            self._instances = made
        return made

    def failed(self, kind: type[Kind], error: BaseException) -> NlpSkillsError | None:
        """The error that names the package or the file of a kind that failed at work; None for a kind of ours."""
        known = self.classes()
        name = next((name for name in self._origins if known.get(name) is kind), None)
        if name is None or isinstance(error, NlpSkillsError):
            return None
        return self._origins[name].refusal_error(reason_in_words(error))

    def faults(self) -> dict[str, NlpSkillsError]:
        """Why kinds from outside cannot be used, by name."""
        self._look_again()
        self.classes()
        return self._faults

    def origins(self) -> dict[str, Text]:
        """Where the kinds that are not the folder's own come from, by name."""
        self._look_again()
        self.classes()
        return {name: plugin.origin for name, plugin in self._origins.items()}

    def is_of_a_file(self, name: str) -> bool:
        """Whether the kind stands in a file of the workspace, which does not travel to other machines."""
        self.classes()
        return isinstance(self._origins.get(name), PluginFile)

    def get(self, name: str, field: str | None = None) -> type[Kind]:
        """The kind of that name, to be worked with.

        Arguments:
            field: what an error calls the place of the name.

        Raises:
            NlpSkillsError: of the registry's own class: there is none; the nearest name is offered, and all there are.
            PluginError: a package or a file brings it, and it cannot be used.
            AccessError: a file brings it, and the person has not agreed to its content.
        """
        kind = self.describe(name, field)
        if isinstance(file := self._origins.get(name), PluginFile):
            file.require_agreement()
        return kind

    def describe(self, name: str, field: str | None = None) -> type[Kind]:
        """The kind of that name, for what it says of itself; its work is refused until the person agrees to its file.

        Raises:
            NlpSkillsError, PluginError: see `get`.
        """
        if name not in self.classes():
            self._look_again()
        known = self.classes()
        if name in known:
            return known[name]
        if name in self._faults:
            raise self._faults[name]
        raise self.unknown(name, field)

    def ready(self) -> dict[str, Kind]:
        """One of every kind but those whose file the person has not agreed to."""
        return {name: kind for name, kind in self.instances().items() if self._is_agreed(name)}

    def _is_agreed(self, name: str) -> bool:
        file = self._origins.get(name)
        return not isinstance(file, PluginFile) or file.is_agreed()

    def unknown(self, name: str, field: str | None = None, among: Sequence[str] | None = None) -> NlpSkillsError:
        """The error for a name that no kind has: of a file of that name, why it holds none.

        Arguments:
            among: the names that would do here; all where none are given.
        """
        files = self._all_files()
        if file := next((file for file in files if file.name == name and not file.holds(self._base)), None):
            return file.refusal_error(file.missing_class(self.noun))
        if astray := next((one for one in misnamed_plugins(REGISTRIES) if self._group and one.name == name), None):
            return misnamed_error(astray, REGISTRIES)
        known = list(self.classes()) if among is None else list(among)
        near = suggest(name, known, cutoff=0.5)
        meant = not near.en.startswith("Use")
        listed = f" Available: {', '.join(known)}.", f"可用的有：{'、'.join(known)}。"
        install = _how_to_install() if self._group and (runs_plugin_files() or not meant) else Text("", "")
        return self._error(
            Text("There is no {noun} {name!r}.", "沒有「{name}」這{noun}。").format(noun=self.noun, name=name[:40]),
            near + (Text(*listed) if meant else Text("", "")) + install,
            field=field,
        )

    def make(self, name: str, settings: Mapping[str, Any], place: str = "", field: str | None = None) -> Kind:
        """The kind of that name with its settings, where kinds are models.

        Arguments:
            place: how errors name the settings, such as `sources[0]`.
            field: how they name the place of the name itself.

        Raises:
            NlpSkillsError: see `get`; or a setting is unknown (the nearest is offered) or does not fit. The value is not
                repeated: it may be a secret.
        """
        kind = self.get(name, field)
        assert issubclass(kind, BaseModel)
        try:
            return kind.model_validate(dict(settings))
        except ValidationError as error:
            raise self.misfit(error, name, settings, place) from None  # it would carry the value

    def misfit(self, error: ValidationError, name: str, settings: Mapping[str, Any], place: str = "") -> NlpSkillsError:
        """What a `ValidationError` of that kind's settings means, as an error of the registry's class."""
        kind: Any = self.classes()[name]
        wrong = misfit_of(error, place)
        within, group = _group(kind, error.errors()[0]["loc"])
        fields, owner = list(group.model_fields), within or name
        strangers = [one for one in settings if one not in kind.model_fields]
        if wrong.cause == "extra_forbidden":
            meant = suggest(wrong.field.rpartition(".")[2], fields, cutoff=0.5)
            meant = meant + SENTENCES if meant.en.startswith("Did") else Text("", "")
        elif strangers:  # one of them may be the one that is missing, by another name
            shown = ", ".join(one[:40] for one in strangers)
            meant = Text(f"Unknown: {shown}. ", f"它沒有 {shown} 這個欄位。")
        else:
            meant = Text("", "")
        listed = ", ".join(fields)
        return self._error(
            Text("{field}: {said}.", "{field}：{said}。").format(field=wrong.field, said=wrong.said),
            meant + Text(f"The fields of {owner} are: {listed}.", f"{owner} 的欄位有：{listed}。")
            if fields
            else Text(f"{owner} has no settings.", f"{owner} 沒有設定。"),
            field=wrong.field,
        )

    def forget(self) -> None:
        """Read everything again when it is next asked for: packages were installed meanwhile."""
        self._loaded, self._instances, self._faults = None, None, {}
        forget_packages()

    def _own_names(self) -> list[str]:
        return [self._written_name(name) for name in names_in(self._package)]

    def _written_name(self, name: str) -> str:
        return name.replace("_", "-") if self._hyphens else name

    def _added_kinds(self) -> list[Plugin | PluginFile]:
        """What stands beside the folder's own, those of packages first."""
        return [*(installed_plugins(self._group) if self._group else ()), *self.files()]

    def _look_again(self) -> None:
        """Packages that were installed meanwhile count, but in a job, which works with those it began with."""
        if self._group and not runs_plugin_files():
            see_new_packages()

    def files(self) -> list[PluginFile]:
        """The workspace's files that hold a kind of this group, by what stands in them."""
        return [file for file in self._all_files() if file.holds(self._base)]

    def _all_files(self) -> list[PluginFile]:
        """Every file of kinds in the workspace, each called as a kind of this group would be."""
        if self._group is None:
            return []
        files = _files_of_workspace()
        return [file._replace(name=self._written_name(file.name)) for file in files] if self._hyphens else files

    def _check_plugin(self, plugin: Plugin | PluginFile, taken: Mapping[str, Any]) -> type[Kind]:
        """The plugin's class, when it is whole and its name is free."""
        if plugin.name in taken:
            raise plugin.refusal_error(Text("the name is taken", "這個名稱已經有了"))
        loaded = (
            plugin.load(self._base, str(self._group), ask_file) if isinstance(plugin, PluginFile) else plugin.load()
        )
        kind = kind_of_module(loaded, self._base) if isinstance(loaded, ModuleType) else loaded
        if not (isinstance(kind, type) and issubclass(kind, self._base)):
            wanted = f"{self._base.__module__}.{self._base.__name__}"
            raise plugin.refusal_error(Text(f"it is not a subclass of {wanted}", f"它不是 {wanted} 的子類別"))
        if not isinstance(getattr(kind, "title", Text("", "")), Text):
            raise plugin.refusal_error(Text("its title is not a Text(en, zh)", "它的 title 不是 Text(en, zh)"))
        if lacking := [*sorted(getattr(kind, "__abstractmethods__", ())), *_unset(kind, self._named)]:
            shown = ", ".join(lacking)
            raise plugin.refusal_error(Text(f"it does not define {shown}", f"它沒有定義 {shown}"))
        return kind


@lru_cache(maxsize=16)
def _usual_workspace(*_told_by: str | None) -> Path:
    return default_workspace()


def _unset(kind: type, named: str | None) -> Iterator[str]:
    """The class attributes that its bases declare and nobody gives a value."""
    for base in reversed(kind.__mro__):
        for name, annotation in inspect.get_annotations(base).items():
            declared = str(annotation).removeprefix("typing.").startswith("ClassVar")
            if declared and name != named and not name.startswith(("_", "model_")) and not hasattr(kind, name):
                yield name


def _how_to_install() -> Text:
    """Where a package has to stand for its kinds to be known."""
    command = f"{sys.executable} -m pip install PACKAGE"
    if runs_plugin_files():
        return Text(
            f" If it comes from a package of yours, install it where jobs run as well: {command}",
            f"如果它來自你安裝的套件，執行工作的環境也要安裝：{command}",
        )
    return Text(
        f" If it comes from a package of yours, install it here: {command}", f"如果它來自你的套件，請先安裝：{command}"
    )


def _group(kind: type[BaseModel], place: Sequence[int | str]) -> tuple[str, type[BaseModel]]:
    """The innermost group of fields on the way to `place` with its dotted name, empty for the kind itself."""
    names: list[str] = []
    for part in place[:-1]:
        field = kind.model_fields.get(str(part))
        annotations = (field.annotation, *get_args(field.annotation)) if field else ()
        inner = next((one for one in annotations if isinstance(one, type) and issubclass(one, BaseModel)), None)
        if inner is None:
            break
        names.append(str(part))
        kind = inner
    return ".".join(names), kind
