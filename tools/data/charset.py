"""Which encoding bytes are written in: every candidate's reading is weighed by how plausible its characters are.

A reading costs the negative log-probability of its characters in a plain model of the language an encoding is used for:
frequent characters, the rest of a standard's first level, and what hardly anybody writes; for letters also where they
stand (a capital after a small letter, a sign between two letters). The cheapest reading is right where it is cheaper by
far; else only a person knows.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .frequent_characters import JAPANESE, KOREAN, LATIN, SIMPLIFIED, TRADITIONAL, WESTERN

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE_BYTES = 6 << 10  # of lines that hold more than ASCII: more would not change the order
_ASCII = 3.0  # nats: it counts only where another reading takes the byte for half a character
_DAMAGED = 25.0
_UNHEARD_OF = 16.0
_SURE = 5.0  # nats between the best and the next reading …
_SURE_SHARE = 0.15  # … and this much for each character, or byte beyond ASCII, in which they differ
_PLAUSIBLE = 5.0  # nats for each byte beyond ASCII that real text stays below
_SHOWN_LINES = 3


@dataclass(frozen=True)
class Reading:
    """The sample as one encoding has it; `cost` in nats, `damaged` where a character of it cannot be decoded."""

    encoding: str
    text: str
    cost: float
    damaged: int = 0


@dataclass(frozen=True)
class Verdict:
    """The readings of a sample, the most plausible first.

    `sure`: the first one is it. Otherwise those of `doubtful` are equally possible.
    """

    readings: tuple[Reading, ...]
    sure: bool
    doubtful: tuple[Reading, ...] = ()

    @property
    def encoding(self) -> str:
        return self.readings[0].encoding


class Sampler:
    """Collects the lines of a file that hold more than ASCII, up to `SAMPLE_BYTES`."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._size = 0
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        if self.full:
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > SAMPLE_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        if self.full or line.isascii():
            return
        line = line[:SAMPLE_BYTES]
        self._lines.append(line)
        self._size += len(line)

    @property
    def full(self) -> bool:
        return self._size >= SAMPLE_BYTES

    def sample(self) -> bytes:
        self._take(self._rest)
        self._rest = b""
        return b"\n".join(self._lines)


def sample_of(content: bytes) -> bytes:
    """The lines of `content` that hold more than ASCII."""
    sampler = Sampler()
    sampler.add(content)
    return sampler.sample()


def weigh(sample: bytes, claimed: Iterable[str] = ()) -> Verdict:
    """The readings of `sample` by plausibility.

    Arguments:
        claimed: encodings that a server or a page names; they count a little more.
    """
    claims = {plain_codec(name) for name in claimed}
    beyond = max(1, sum(byte > 0x7F for byte in sample))
    best: dict[str, Reading] = {}
    for candidate in _CANDIDATES:
        reading = candidate.read(sample)
        favour = min(_SURE, 0.3 * beyond) if claims & {plain_codec(name) for name in candidate.encodings} else 0.0
        best.setdefault(reading.text, Reading(reading.encoding, reading.text, reading.cost - favour, reading.damaged))
    readings = tuple(sorted(best.values(), key=lambda reading: reading.cost))
    close = tuple(
        reading
        for reading in readings
        if reading.cost - readings[0].cost < max(_SURE, _SURE_SHARE * _differing(readings[0], reading, beyond))
    )
    plausible = readings[0].cost - _ascii_cost(sample) <= _PLAUSIBLE * beyond + 2 * _SURE
    if len(close) == 1 and plausible:
        return Verdict(readings, True)
    return Verdict(readings, False, close[:4] if len(close) > 1 else readings[:3])


def _differing(one: Reading, other: Reading, beyond: int) -> int:
    """In how many characters two readings differ, 0 where they are the same one; `beyond` where they are not as long."""
    if len(one.text) != len(other.text):
        return beyond
    return sum(here != there for here, there in zip(one.text, other.text, strict=True))


def distinct_lines(readings: Sequence[Reading]) -> list[tuple[str, list[str]]]:
    """Of each reading its encoding and the first lines, of those in which the readings differ."""
    by_reading = [reading.text.splitlines() for reading in readings]
    differing = [place for place, lines in enumerate(zip(*by_reading, strict=False)) if len(set(lines)) > 1]
    places = differing[:_SHOWN_LINES] or range(_SHOWN_LINES)
    return [
        (reading.encoding, [lines[place] for place in places if place < len(lines)])
        for reading, lines in zip(readings, by_reading, strict=True)
    ]


def siblings_of(encoding: str) -> tuple[str, ...]:
    """The encodings of its family, itself first."""
    family = next((one.encodings for one in _CANDIDATES if encoding in one.encodings), ())
    return (encoding, *(other for other in family if other != encoding))


def is_weighed(encoding: str) -> bool:
    """Whether `weigh` knows that encoding."""
    plain = plain_codec(encoding)
    return any(plain_codec(name) == plain for one in _CANDIDATES for name in one.encodings)


def plain_codec(name: str) -> str:
    """The codec's own name; the given one where Python knows none. The names of Big5, of GBK and of Shift JIS as servers
    write them stand for what Windows means by them."""
    try:
        plain = codecs.lookup(name).name.replace("-", "_")
    except LookupError:
        return name.lower()
    return _MEANT.get(plain, plain)


_MEANT = {
    "big5": "cp950",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859_1": "cp1252",
    "ascii": "cp1252",
    "utf_8_sig": "utf_8",
}


@dataclass(frozen=True)
class _Candidate:
    """Encodings of one family, tried in this order, and what their characters cost."""

    encodings: tuple[str, ...]
    costs: tuple[Callable[[str, str], float], ...]
    rare: float = 0.0  # how much less often it is met, in nats

    def read(self, sample: bytes) -> Reading:
        texts = [(name, sample.decode(name, "replace")) for name in self.encodings]
        name, text = min(texts, key=lambda pair: pair[1].count("\ufffd"))
        cost = min(cost(text, name) for cost in self.costs) + self.rare
        return Reading(name, text, cost, text.count("\ufffd"))


def _ascii_cost(sample: bytes) -> float:
    return _ASCII * sum(byte <= 0x7F for byte in sample)


# East Asian: by character alone.

_POINTS = frozenset("，。、！？：；「」『』（）《》…—～・“”‘’【】　·％")


def _east_asian(frequent: frozenset[str], first_level: range) -> Callable[[str, str], float]:
    """The cost of Chinese: its frequent characters, those whose lead byte is of the standard's first level, the rest."""

    def cost(text: str, encoding: str) -> float:
        return _sum_costs(text, lambda character: _chinese(character, encoding, frequent, first_level))

    return cost


def _chinese(character: str, encoding: str, frequent: frozenset[str], first_level: range) -> float:
    if character in frequent:
        return 5.0
    if character in _POINTS:
        return 4.5
    if "\u4e00" <= character <= "\u9fff":
        written = character.encode(encoding, "replace")
        inside = len(written) == 2 and written[0] in first_level and (encoding != "gb18030" or written[1] >= 0xA1)
        return 7.5 if inside else 10.5
    return _sign(character)


def _japanese(text: str, encoding: str) -> float:
    def of(character: str) -> float:
        if "\u3041" <= character <= "\u3096":
            return 3.8
        if "\u30a1" <= character <= "\u30fc":
            return 4.8
        if character in JAPANESE:
            return 5.5
        if character in _POINTS:
            return 4.2
        if "\uff61" <= character <= "\uff9f":
            return 8.0
        if "\u4e00" <= character <= "\u9fff":
            lead = character.encode(encoding, "replace")[0]
            level_one = 0x88 <= lead <= 0x97 if encoding == "cp932" else 0xB0 <= lead <= 0xCF
            return 7.5 if level_one else 10.5
        return _sign(character)

    return _sum_costs(text, of)


def _korean(text: str, encoding: str) -> float:
    def of(character: str) -> float:
        if character in KOREAN:
            return 4.8
        if "\uac00" <= character <= "\ud7a3":
            written = character.encode(encoding, "replace")
            return 6.8 if 0xB0 <= written[0] <= 0xC8 and written[1] >= 0xA1 else 12.0
        return 4.8 if character in _POINTS else 10.5 if "\u4e00" <= character <= "\u9fff" else _sign(character)

    return _sum_costs(text, of)


def _sign(character: str) -> float:
    """What is no writing of the language: other scripts, symbols, private use."""
    if "\uff01" <= character <= "\uff5e":
        return 6.5
    kind = unicodedata.category(character)
    if kind in ("Co", "Cn", "Cc", "Cf", "Cs"):
        return _UNHEARD_OF
    return 9.0 if ord(character) < 0x3400 else 12.0


def _sum_costs(text: str, of: Callable[[str], float]) -> float:
    """The costs of all characters, each looked at once; an ideograph within a Latin word costs more."""
    costs = {
        character: _ASCII if character.isascii() else _DAMAGED if character == "\ufffd" else of(character)
        for character in set(text)
    }
    inside = sum(
        6.0
        for before, character, after in zip(text, text[1:], text[2:], strict=False)
        if character > "\u2e80" and _is_latin(before) and _is_latin(after)
    )
    return sum(map(costs.__getitem__, text)) + inside


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


# Alphabets: by character and by where it stands.

_CONTRACTED_AFTER = frozenset({"s", "t", "d", "m", "ll", "re", "ve", "S", "T", "D"})
_CONTRACTED_BEFORE = frozenset("ldjqcnsmtuLDJQCNSMT")
_ALONE = frozenset("àèéóáíýôçöåoÀÈÉÓÁÍÖÅ")
_QUOTES = {"“": True, "‘": True, "„": True, "”": False, "’": False, "«": True, "»": False}
_ORDINARY = frozenset("€£°½¼¾®©™•·¿¡§\u00a0%")
_FREE = frozenset("–—…")


def _latin(letters: frozenset[str], each: float) -> Callable[[str, str], float]:
    return lambda text, encoding: _spelling_cost(text, lambda character: each if character in letters else 8.5)


def _script(frequent: str, second: str, first: str, last: str) -> Callable[[str, str], float]:
    """The cost of an alphabet: its most frequent letters, those after them, the rest of it."""
    tiers = {**dict.fromkeys(second + second.upper(), 3.8), **dict.fromkeys(frequent + frequent.upper(), 2.7)}
    return lambda text, encoding: _spelling_cost(
        text, lambda character: tiers.get(character, 5.0 if first <= character <= last else 9.0)
    )


_cyrillic = _script("оеаинтсрвлкм", "дпуяыьгзбчй", "Ѐ", "ӿ")


def _spelling_cost(text: str, of: Callable[[str], float]) -> float:
    costs = {character: of(character) for character in set(text)}
    total = 0.0
    for place, character in enumerate(text):
        if character.isascii():
            total += _ASCII
        elif character == "\ufffd":
            total += _DAMAGED
        elif unicodedata.category(character)[0] in "LM":
            total += costs[character] + _misplaced_letter_cost(text, place)
        else:
            total += _misplaced_sign_cost(text, place)
    return total


def _misplaced_letter_cost(text: str, place: int) -> float:
    """What a letter costs more where it stands."""
    character, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    more = 6.0 if character.isupper() and before.islower() else 0.0
    foreign = ord(character) > 0x24F
    neighbours = [one for one in (before, after) if one.isalpha()]
    if foreign:
        more += (
            7.0 * any(one.isascii() for one in neighbours) if neighbours else 2.0
        )  # two scripts in one word; one letter alone
        if unicodedata.category(character) == "Mn" and not (before and ord(before) > 0x24F):
            more += 5.0
        return more + (2.0 if character.isupper() and after.isupper() else 0.0)
    if not neighbours and character not in _ALONE:
        more += 3.0
    more += 1.5 * sum(not one.isascii() for one in neighbours)
    return more + (2.0 if len(neighbours) == 2 and not any(one.isascii() for one in neighbours) else 0.0)


def _misplaced_sign_cost(text: str, place: int) -> float:
    """What a sign costs where it stands."""
    character, before, after = text[place], text[place - 1 : place], text[place + 1 : place + 2]
    within = before.isalpha() and after.isalpha()
    if character in "’´" and within:  # ´ is typed for it
        word = next((end for end in range(place + 1, min(place + 5, len(text))) if not text[end].isalpha()), place + 5)
        begins = not text[place - 2 : place - 1].isalpha() and before in _CONTRACTED_BEFORE
        return 1.5 if begins or text[place + 1 : word] in _CONTRACTED_AFTER else 4.0
    if character in _QUOTES:
        opens, inner, outer = _QUOTES[character], after, before
        if not opens:
            inner, outer = before, after
        return 3.0 if inner and not inner.isspace() and not outer.isalnum() else 8.0
    if character in _FREE:
        return 3.5
    if character == "\u00a0":
        return 5.0
    if character in _ORDINARY:
        return 9.0 if within else 5.0
    if character == "¤" or unicodedata.category(character) in ("Co", "Cn", "Cc", "Cf"):
        return _UNHEARD_OF
    return 12.0 if within else 9.0


def _any_script(text: str, encoding: str) -> float:
    """Of UTF-8, which is told by its form: other encodings do not have it but by accident, and then once or twice."""
    return _ASCII * len(text) + _DAMAGED * text.count("\ufffd") - 2 * _SURE


_LATIN_COSTS = (*(_latin(letters, 3.5) for letters in LATIN), _latin(WESTERN, 5.0))
_CANDIDATES = (
    _Candidate(("utf-8",), (_any_script,)),
    _Candidate(("cp950", "big5hkscs"), (_east_asian(TRADITIONAL, range(0xA4, 0xC7)),)),
    _Candidate(("gb18030",), (_east_asian(SIMPLIFIED, range(0xB0, 0xD8)), _east_asian(TRADITIONAL, range(0x81, 0xFE)))),
    _Candidate(("cp932",), (_japanese,)),
    _Candidate(("cp949",), (_korean,)),
    _Candidate(("cp1252",), _LATIN_COSTS),
    _Candidate(("cp1250",), _LATIN_COSTS, 4.0),
    _Candidate(("cp1254",), _LATIN_COSTS, 4.0),
    _Candidate(("cp1257",), _LATIN_COSTS, 5.0),
    _Candidate(("cp1251",), (_cyrillic,), 1.0),
    _Candidate(("koi8_r",), (_cyrillic,), 3.0),
    _Candidate(("cp1253",), (_script("αοιετσςνηυρπ", "κλμάόέίήύώωγδ", "\u0370", "\u03ff"),), 2.0),
    _Candidate(("cp1255",), (_script("יוהלאתרמבש", "נעדםכפחק", "\u05d0", "\u05ea"),), 2.0),
    _Candidate(("cp1256",), (_script("اليمنرتبوة", "عدسهفكقحج", "\u0620", "\u0652"),), 2.0),
    _Candidate(("cp874",), (_script("านรอกเงมยลวดทตส่้ี", "ะปคหบแพชขใไโัิื", "\u0e01", "\u0e5b"),), 2.0),
    _Candidate(("euc_jp",), (_japanese,), 2.0),
    _Candidate(("mac_roman",), _LATIN_COSTS, 5.0),
    _Candidate(("cp850",), _LATIN_COSTS, 5.0),
    _Candidate(("iso8859_15",), _LATIN_COSTS, 3.0),
    _Candidate(("iso8859_2",), _LATIN_COSTS, 5.0),
    _Candidate(("iso8859_5",), (_cyrillic,), 4.0),
    _Candidate(("cp866",), (_cyrillic,), 4.0),
)
