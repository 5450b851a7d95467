"""The shape of one language's words in the pre-training corpus."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    """A subject people write about: its name, how its things are called, what happens to them."""

    name: str
    suffixes: tuple[str, ...]
    good: tuple[str, ...]
    plain: tuple[str, ...]
    bad: tuple[str, ...]
    welcome: tuple[str, ...]
    """Measures that are good news when they rise."""
    unwelcome: tuple[str, ...]
    """Measures that are bad news when they rise."""


@dataclass(frozen=True)
class Lexicon:
    """Everything the corpus needs to write in one language. `{a}` and `{b}` are things."""

    domains: tuple[Domain, ...]
    name_parts: tuple[str, ...]
    characters: str
    """Letters that made-up names are drawn from, so that every one of them gets trained."""

    good: tuple[str, ...]
    plain: tuple[str, ...]
    bad: tuple[str, ...]
    good_nouns: tuple[str, ...]
    bad_nouns: tuple[str, ...]
    keeping: tuple[str, ...]
    """Verbs that pass their noun's polarity on; each takes a good or a bad noun."""
    gaining: tuple[str, ...]
    """As `keeping`, for good nouns only."""
    suffering: tuple[str, ...]
    """As `keeping`, for bad nouns only."""
    losing: tuple[str, ...]
    """Verbs that make a good noun bad news."""
    escaping: tuple[str, ...]
    """Verbs that make a bad noun good news."""
    rising: tuple[str, ...]
    falling: tuple[str, ...]
    steady: tuple[str, ...]
    changes: tuple[str, ...]
    """`{m}` went from `{x}` to `{y}`, without a verb that says which way."""

    measured: tuple[str, ...]
    """How a thing comes to a measure: `{c}` is the rise or fall."""

    when: tuple[str, ...]
    said: tuple[str, ...]
    contrasts: tuple[str, ...]
    """Two things, two fates: `{p}` is what `{a}` did, `{q}` what `{b}` did."""
    concessions: tuple[str, ...]
    """One thing: `{p}` is granted, `{q}` decides."""
    mentions: tuple[str, ...]
    """`{b}` did `{q}`; `{a}` is only named."""
    full_stop: str
    glue: str

    label_sets: tuple[tuple[str, str, str], ...]
    """Positive, neutral, negative."""
    list_glue: str
    sentiment_orders: tuple[str, ...]
    topic_orders: tuple[str, ...]
    layouts: tuple[str, ...]
    text_layouts: tuple[str, ...]
    direction_orders: tuple[str, ...]
    direction_labels: tuple[str, str, str]
    questions: dict[str, tuple[str, ...]]
    """Wordings of the extraction tasks, by what they ask for."""
    yes_no: tuple[str, str]
