"""The synthetic corpus the offline base model is pre-trained on.

Short chats about restaurants, hotels, phones, films, … in Traditional Chinese and English: judge a thing, name the
topic, extract, copy, compare numbers. Never finance: the demo fine-tunes on that, so the base must not know it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from .corpus_en import EN
from .corpus_lexicon import Domain, Lexicon
from .corpus_zh import ZH_TW

Message = dict[str, str]
Chat = list[Message]

LEXICONS = (ZH_TW, EN)
POSITIVE, NEUTRAL, NEGATIVE = 0, 1, 2

DRILLS = (0.2, 0.45)
"""Up to the first share of the corpus there are only drills of events, up to the second also drills of names."""


@dataclass(frozen=True)
class Fate:
    """What the text says of one thing."""

    thing: str
    polarity: int
    event: str


@dataclass(frozen=True)
class Passage:
    """A few sentences, all of one domain, and what they say of each thing."""

    domain: Domain
    text: str
    fates: tuple[Fate, ...]


def write_chats(count: int, seed: int) -> Iterator[Chat]:
    """Yield `count` chats, the same ones for the same seed."""
    rng = random.Random(seed)
    writers = [_Writer(lexicon, rng) for lexicon in LEXICONS]
    for number in range(count):
        yield writers[number % len(writers)].chat(number / count)


def plain_text() -> list[str]:
    """One letter or character a line, for the tokenizer: every script the model will meet."""
    return [character for lexicon in LEXICONS for character in dict.fromkeys(lexicon.characters)]


class _Writer:
    """Writes chats in one language."""

    def __init__(self, lexicon: Lexicon, rng: random.Random) -> None:
        self.words = lexicon
        self.rng = rng
        self.pick = rng.choice
        self.letters = tuple(dict.fromkeys(lexicon.characters))

    def chat(self, progress: float) -> Chat:
        """Easy ones first: what is good or bad is learned before to whom it happened."""
        events_until, names_until = DRILLS
        if progress < events_until:
            return self.drill()
        if progress < names_until:
            return self.pick((self.drill, self.drill_names, self.drill_names))()
        tasks = (self.drill, self.sentiment, self.extraction, self.topic, self.direction, self.copying)
        return self.rng.choices(tasks, (10, 70, 8, 6, 4, 2))[0]()

    # -- tasks

    def drill(self) -> Chat:
        """Bare statements, bare labels, many in a row: the cheapest way to learn what is good and what is bad."""
        labels = self.words.label_sets[0]
        polarities = [self.rng.randrange(3) for _ in range(self.rng.randint(6, 10))]
        events = [self.event(self.pick(self.words.domains), polarity).removeprefix("'s ") for polarity in polarities]
        return _turns([(event, labels[polarity]) for event, polarity in zip(events, polarities, strict=True)])

    def drill_names(self) -> Chat:
        """The same sentence, asked once for each of its things: only the name decides."""
        labels = self.words.label_sets[0]
        layout = self.words.layouts[0]
        contrasts = [self.contrast(self.pick(self.words.domains)) for _ in range(self.rng.randint(2, 4))]
        return _turns(
            [
                (layout.format(thing=fate.thing, text=text), labels[fate.polarity])
                for text, fates in contrasts
                for fate in self.rng.sample(fates, 2)
            ]
        )

    def labels(self) -> tuple[str, str, str]:
        """Mostly the usual names: the meaning has to be learned before the renaming of it."""
        return self.words.label_sets[0] if self.rng.random() < 0.75 else self.pick(self.words.label_sets)

    def sentiment(self) -> Chat:
        labels = self.labels()
        order = self.pick(self.words.sentiment_orders).format(labels=self.list_labels(labels))
        layout = self.pick(self.words.layouts)
        turns = [
            (layout.format(thing=fate.thing, text=passage.text), labels[fate.polarity])
            for passage in [self.passage() for _ in range(self.rng.choice((1, 2, 3, 4)))]
            for fate in self.rng.sample(passage.fates, min(2, len(passage.fates)))
        ]
        return self.dialogue(order, turns)

    def topic(self) -> Chat:
        labels = tuple(domain.name for domain in self.rng.sample(self.words.domains, self.rng.randint(3, 6)))
        order = self.pick(self.words.topic_orders).format(labels=self.list_labels(labels))
        layout = self.pick(self.words.text_layouts)
        domains = [domain for domain in self.words.domains if domain.name in labels]
        passages = [self.passage(self.pick(domains)) for _ in range(2)]
        return self.dialogue(order, [(layout.format(text=passage.text), passage.domain.name) for passage in passages])

    def direction(self) -> Chat:
        domain = self.pick(self.words.domains)
        labels = self.words.direction_labels
        thing = self.thing(domain)
        way = self.rng.randrange(3)
        clause = self.change(self.pick(domain.welcome + domain.unwelcome), way)
        order = self.pick(self.words.direction_orders).format(thing=thing, labels=self.list_labels(labels))
        return self.dialogue(order, [(self.sentence(thing, self.pace_clause(clause)), labels[way])])

    def extraction(self) -> Chat:
        passage = self.passage()
        fate = self.pick(passage.fates)
        in_order = sorted((fate.thing for fate in passage.fates), key=passage.text.find)
        asked, thing, answer = self.pick(
            [
                ("names", "", self.words.list_glue.join(in_order)),
                ("event", fate.thing, fate.event.removeprefix("'s ")),
                ("mentioned", fate.thing, self.words.yes_no[0]),
                ("mentioned", self.thing(passage.domain), self.words.yes_no[1]),
                *self.only(passage, "praised", POSITIVE),
                *self.only(passage, "blamed", NEGATIVE),
            ]
        )
        order = self.pick(self.words.questions[asked]).format(thing=thing)
        return self.dialogue(order, [(self.pick(self.words.text_layouts).format(text=passage.text), answer)])

    def only(self, passage: Passage, asked: str, polarity: int) -> list[tuple[str, str, str]]:
        """The question for the one thing of that polarity, where there is exactly one."""
        found = [fate.thing for fate in passage.fates if fate.polarity == polarity]
        return [(asked, "", found[0])] if len(found) == 1 else []

    def copying(self) -> Chat:
        order = self.pick(self.words.questions["copy"])
        line = self.words.glue.join(self.made_up_name() for _ in range(self.rng.randint(2, 5)))
        return self.dialogue(order, [(line, line)])

    def dialogue(self, order: str, turns: list[tuple[str, str]]) -> Chat:
        """The order stands in the system prompt, or before or after every text."""
        place = self.rng.random()
        if place < 0.7:
            return [{"role": "system", "content": order}, *_turns(turns)]
        layout = "{order}\n\n{question}" if place < 0.85 else "{question}\n\n{order}"
        return _turns([(layout.format(order=order, question=question), answer) for question, answer in turns])

    # -- passages

    def passage(self, domain: Domain | None = None) -> Passage:
        domain = domain or self.pick(self.words.domains)
        kinds = (self.single, self.contrast, self.concession, self.mention, self.separate)
        kind = self.rng.choices(kinds, (32, 34, 8, 10, 16))[0]
        text, fates = kind(domain)
        return Passage(domain, text, tuple(fates))

    def single(self, domain: Domain) -> tuple[str, list[Fate]]:
        fate = self.fate(domain)
        return self.sentence(fate.thing, fate.event), [fate]

    def separate(self, domain: Domain) -> tuple[str, list[Fate]]:
        """Several sentences, each about a thing of its own."""
        fates = [self.fate(domain) for _ in range(self.rng.choice((2, 2, 3)))]
        return self.words.glue.join(self.sentence(fate.thing, fate.event) for fate in fates), fates

    def contrast(self, domain: Domain) -> tuple[str, list[Fate]]:
        a, b = self.fate(domain), self.fate(domain)
        while a.polarity == b.polarity:
            b = self.fate(domain)
        text = self.pick(self.words.contrasts).format(a=a.thing, p=a.event, b=b.thing, q=b.event)
        return self.dress_statement(text), [a, b]

    def concession(self, domain: Domain) -> tuple[str, list[Fate]]:
        polarity = self.pick((POSITIVE, NEGATIVE))
        granted, decides = self.event(domain, NEGATIVE - polarity), self.event(domain, polarity)
        thing = self.thing(domain)
        text = self.pick(self.words.concessions).format(a=thing, p=granted, q=decides)
        return self.dress_statement(text), [Fate(thing, polarity, decides)]

    def mention(self, domain: Domain) -> tuple[str, list[Fate]]:
        fate = self.fate(domain)
        bystander = self.thing(domain)
        text = self.pick(self.words.mentions).format(a=bystander, b=fate.thing, q=fate.event)
        return self.dress_statement(text), [fate, Fate(bystander, NEUTRAL, fate.event)]

    # -- sentences

    def fate(self, domain: Domain) -> Fate:
        polarity = self.rng.randrange(3)
        return Fate(self.thing(domain), polarity, self.event(domain, polarity))

    def event(self, domain: Domain, polarity: int) -> str:
        words = self.words
        roll = self.rng.random()
        if roll < 0.3:
            return self.pick((domain.good, domain.plain, domain.bad)[polarity])
        if roll < 0.6 or (polarity == NEUTRAL and roll < 0.8):
            return self.pick((words.good, words.plain, words.bad)[polarity])
        if roll < 0.8:
            return self.verb_and_noun(polarity)
        welcome = polarity == NEUTRAL or self.rng.random() < 0.6
        way = polarity if welcome else NEGATIVE - polarity
        return self.pace_clause(self.change(self.pick(domain.welcome if welcome else domain.unwelcome), way))

    def verb_and_noun(self, polarity: int) -> str:
        """`won praise`, `avoided a fine`: the verb keeps or turns the noun's polarity."""
        words = self.words
        straight = self.rng.random() < 0.5
        if polarity == POSITIVE:
            verbs, nouns = (
                (words.gaining + words.keeping, words.good_nouns) if straight else (words.escaping, words.bad_nouns)
            )
        else:
            verbs, nouns = (
                (words.suffering + words.keeping, words.bad_nouns) if straight else (words.losing, words.good_nouns)
            )
        return f"{self.pick(verbs)}{words.glue}{self.pick(nouns)}"

    def change(self, measure: str, way: int) -> str:
        """A measure that rises (0), stays (1) or falls (2)."""
        low = self.rng.choice((self.rng.randint(2, 20), self.rng.randint(10, 900)))
        high = low + self.rng.randint(1, max(2, low))
        start, end = (low, high) if way == 0 else (high, low)
        if way != 1 and self.rng.random() < 0.2:
            return self.pick(self.words.changes).format(m=measure, x=start, y=end)
        phrases = (self.words.rising, self.words.steady, self.words.falling)[way]
        share = self.rng.choice((self.rng.randint(2, 60), round(self.rng.uniform(0.1, 30), 1)))
        return self.pick(phrases).format(m=measure, x=low, y=high, n=share, k=self.rng.randint(2, 9))

    def pace_clause(self, clause: str) -> str:
        return self.pick(self.words.measured).format(c=clause)

    def sentence(self, thing: str, event: str) -> str:
        return self.dress_statement(f"{thing}{self.words.glue}{event}")

    def dress_statement(self, text: str) -> str:
        """Dress a bare statement the way people pass it on."""
        # English measures belong to their thing: "Blue Fox 's ratings" -> "Blue Fox's ratings".
        text = text.replace(" it 's", " its").replace(" 's", "'s")
        if self.rng.random() < 0.3:
            when = self.pick(self.words.when)
            text = f"{when}{text}" if not self.words.glue else f"{text} {when}"
        if self.rng.random() < 0.25:
            text = self.pick(self.words.said).format(s=text)
        return text + self.words.full_stop if self.rng.random() < 0.8 else text

    # -- names

    def thing(self, domain: Domain) -> str:
        roll = self.rng.random()
        if roll < 0.5:
            return f"{self.coined_name()}{self.words.glue}{self.pick(domain.suffixes)}"
        return self.coined_name() if roll < 0.7 else self.made_up_name()

    def coined_name(self) -> str:
        return self.words.glue.join(self.rng.sample(self.words.name_parts, self.rng.choice((1, 2, 2))))

    def made_up_name(self) -> str:
        """A name never seen before: what the model must learn is to look it up, not to know it."""
        name = "".join(self.rng.choices(self.letters, k=self.rng.randint(2, 4)))
        if not self.letters[0].isascii():
            return name
        name += "".join(self.rng.choices("aeiou", k=1)) + "".join(
            self.rng.choices(self.letters, k=self.rng.randint(0, 4))
        )
        return name.upper()[:3] if self.rng.random() < 0.2 else name.title()

    def list_labels(self, labels: tuple[str, ...]) -> str:
        return self.words.list_glue.join(self.rng.sample(labels, len(labels)))


def _turns(exchanges: list[tuple[str, str]]) -> Chat:
    return [
        {"role": role, "content": content}
        for exchange in exchanges
        for role, content in zip(("user", "assistant"), exchange, strict=True)
    ]
