"""What `evidence.json` holds, as its writers leave it and a diagnosis reads it; a version made earlier may lack any of it."""

from __future__ import annotations

from typing import TypedDict


class AuditSeen(TypedDict, total=False):
    """What the label audit read: rows, tokens of the longest, rows by problem and ids of a few of them."""

    rows: int
    longest: int
    ended: int
    problems: dict[str, int]
    examples: dict[str, list[str]]


class RatesSeen(TypedDict, total=False):
    """The peak learning rate that was used, and what the method would have chosen."""

    peak: float
    usual: float


class LossesSeen(TypedDict, total=False):
    """The first loss, the highest of the last two thirds, the lowest, and the mean of the last tenth."""

    first: float
    highest_later: float
    lowest: float
    last: float


class GradientsSeen(TypedDict, total=False):
    """Norms: the median, the largest, the median of the last tenth, and the share that was scaled down."""

    median: float
    largest: float
    last: float
    scaled_down: float


class PromptSeen(TypedDict):
    """The prompt of one training row, hashed over so many tokens."""

    row: str
    tokens: int
    hash: str


class EpochSeen(TypedDict, total=False):
    """An epoch's mean training loss, and on the validation rows loss, share right and, for labels, mean recall."""

    epoch: int
    train_loss: float
    valid_loss: float
    valid_exact: float
    valid_recall: float


class AnswersSeen(TypedDict, total=False):
    """What the kept model answers to rows it was trained on; `wrong` are ids."""

    rows: int
    right: int
    loss: float
    wrong: list[str]
    wrong_labels: dict[str, int]
    labels: dict[str, int]


class TrainingSeen(TypedDict, total=False):
    """The `training` part; `epochs`, `answers` and `validations` only of methods that leave them."""

    created: str
    audit: AuditSeen
    learning_rate: RatesSeen
    loss: LossesSeen
    gradients: GradientsSeen
    prompt: PromptSeen | None
    epochs: list[EpochSeen]
    answers: AnswersSeen
    validations: list[dict[str, float]]


class SureRows(TypedDict, total=False):
    """Rows a simple model is sure of, and how many of them their label denies."""

    rows: int
    denied: int


class SuspectPair(TypedDict):
    """How many rows of a label look like another."""

    label: str
    likelier: str
    rows: int


class SuspectRow(TypedDict):
    """A row whose label a model that never saw it denies, by its chance for the likelier one."""

    id: str
    label: str
    likelier: str
    chance: float


class LabelSuspects(TypedDict, total=False):
    """Training rows that models which never saw them label otherwise; empty where there are too few to look."""

    rows: int
    found: int
    agreement: float
    sure: SureRows
    pairs: list[SuspectPair]
    examples: list[SuspectRow]
    ids: list[str]


class NearDuplicate(TypedDict):
    """A row of the benchmark and the training row it nearly repeats, by their cosine."""

    id: str
    train: str
    alike: float


class NearDuplicates(TypedDict, total=False):
    """Rows of the benchmark that nearly stand in the training rows."""

    rows: int
    found: int
    ids: list[str]
    examples: list[NearDuplicate]


class CutTexts(TypedDict, total=False):
    """Texts that end in mid-sentence at the very same longest length."""

    rows: int
    characters: int
    found: int
    examples: list[str]


class Sign(TypedDict):
    """A sign in the text that gives a label away, and the rows that have it."""

    sign: str
    label: str
    rows: int


class Giveaways(TypedDict, total=False):
    """Signs that give labels away: the shares of training and test rows that have any, and how often it holds there."""

    signs: list[Sign]
    all: list[str]
    codes: bool
    train: float
    test: float
    holds: float
    rows: list[str]


class SideWords(TypedDict, total=False):
    """Words typical of each side."""

    train: list[str]
    test: list[str]


class ToldApart(TypedDict, total=False):
    """How well a classifier tells training texts from test texts, by the area under the ROC curve."""

    auc: float
    words: SideWords


class SuspectTests(TypedDict, total=False):
    """Test rows whose label a simple model denies though it is sure; `right` is its own score, `likelier` by row id."""

    rows: int
    sure: int
    denied: int
    right: float
    likelier: dict[str, str]
    examples: list[SuspectRow]


class Repeats(TypedDict):
    """A label's rows, and how many different texts they are."""

    rows: int
    different: int


class BetweenSplits(TypedDict, total=False):
    """What lies between the rows learnt from and those tested on; `forms` are shares of each split's texts."""

    forms: dict[str, dict[str, float]]
    giveaways: Giveaways
    told_apart: ToldApart
    test_suspects: SuspectTests
    repeated: dict[str, Repeats]


class DataSeen(TypedDict, total=False):
    """What depends on the data alone."""

    label_suspects: LabelSuspects
    near_duplicates: NearDuplicates
    cut_texts: CutTexts
    between: BetweenSplits


class NotEnded(TypedDict):
    """Free answers that the model did not end by itself."""

    found: int
    examples: list[str]


class SamePrompt(TypedDict):
    """Whether the prompt is written as it was in training; None where nobody can tell."""

    same: bool | None


class AnswersLookedAt(TypedDict, total=False):
    """When the evaluation looked, and at how many answers."""

    created: str
    rows: int
    not_ended: NotEnded


class EvaluationSeen(AnswersLookedAt, DataSeen, total=False):
    """The `evaluation` part, of the benchmark with that hash."""

    benchmark: str
    prompt: SamePrompt
