"""What is asked of a machine and what it answers: JSON objects with these keys; and the files it writes for itself."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Nothing(TypedDict):
    """No answer but that it is done."""


class ProbeRequest(TypedDict):
    """`key` names the worker environment, `python` the person's interpreter instead, `libraries` what to look up."""

    key: str
    python: str | None
    libraries: list[str]


class MemorySeen(TypedDict):
    """Bytes, of a container's limit where there is one."""

    memory: int
    free_memory: int


class MachineSeen(MemorySeen):
    """Bytes and cores; `gpus` as nvidia-smi writes them. `worker` is the interpreter that can train, with the versions of
    its libraries: None where it cannot be run."""

    system: str
    version: str
    cores: int
    load: float
    disk_free: int
    gpus: str
    uv: str | None
    worker: str | None
    libraries: dict[str, str | None] | None


class HaveRequest(TypedDict):
    """`blobs`: `[[sha256, size], …]`."""

    blobs: list[tuple[str, int]]


class MissingBlobs(TypedDict):
    """`missing`: by SHA-256, the bytes that have arrived."""

    missing: dict[str, int]
    disk_free: int


class SealRequest(TypedDict):
    sha256: str


class Sealed(TypedDict):
    sealed: bool


class DeliverRequest(TypedDict):
    """`contents`: `{sha256: base64}`."""

    contents: dict[str, str]


class LayRequest(TypedDict):
    """`files`: by place below the run's folder, the blob; `package`: the blob of our wheel."""

    run: str
    files: dict[str, str]
    package: str


class LaidRun(TypedDict):
    """Where the run, its job folder and our package stand."""

    run: str
    job: str
    package: str


class StartRequest(TypedDict):
    """`attempt` is new for each try; with `attended` an attending process begins it."""

    run: str
    attempt: str
    command: list[str]
    environment: dict[str, str]
    note: NotRequired[object]
    attended: NotRequired[bool]


class AttendRequest(TypedDict):
    run: str
    seconds: float


class RunRequest(TypedDict):
    run: str


class LookRequest(TypedDict):
    """`events`, `log`: the byte offsets that were read to."""

    run: str
    events: int
    log: int


class ManifestRequest(TypedDict):
    """`patterns`: globs below the run's folder."""

    run: str
    patterns: list[str]


class Manifest(TypedDict):
    """`files`: `(place, bytes, sha256)` of each, below `run`."""

    files: list[tuple[str, int, str]]
    run: str


class RunState(TypedDict):
    """As resources/job.py has it; `absent` where it was never started."""

    state: str


class Problem(TypedDict):
    """`NlpSkillsError.to_dict()` of resources/foundation/errors.py."""

    code: str
    field: str | None
    problem: dict[str, str]
    fix: dict[str, str]
    details: dict[str, object]


class Ended(TypedDict):
    """`exit.json`: how the run ended; `result` is what a job gave, `python` and `installer` are of an environment that was built."""

    state: str
    error: NotRequired[Problem | None]
    said: NotRequired[str]
    python: NotRequired[str]
    installer: NotRequired[str]
    result: NotRequired[dict[str, object]]


class RunSeen(TypedDict):
    """The run's state, and what its events and its log hold from those byte offsets on (whole lines, base64)."""

    state: str
    exit: Ended | None
    events: str
    attended: bool
    asked: bool
    log: str
    more: bool


class Attended(TypedDict):
    attended: bool
    code: NotRequired[int]


class Failure(TypedDict):
    """Instead of an answer: `full`, `forbidden` or `system`, and what the system said."""

    error: str
    said: str


class Identity(TypedDict):
    """The file `pid`: a pid alone is reused, so with its start in ticks since boot, and which boot."""

    pid: int
    started: float
    ticks: NotRequired[int]
    boot: NotRequired[str]
    status: NotRequired[str]
    ready: NotRequired[bool]


class Asked(TypedDict):
    """The file `asked.json`: what an attending process is to begin."""

    command: list[str]
    environment: dict[str, str]


class BuildNote(TypedDict):
    """`note.json` of a build: `check` are modules, `constraints` their text; `download` and `disk` in bytes, where known."""

    key: str
    wheel: str
    extra: str
    check: list[str]
    flavour: str
    constraints: NotRequired[str]
    download: NotRequired[int]
    disk: NotRequired[int]
