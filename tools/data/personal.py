"""Personal data in a text, told by form and, where there is one, by checksum: kinds are counted, nothing is quoted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .rows import narrow

# Letters of a Taiwan ID number in the order of their values, 10 (A) to 35 (O): Ministry of the Interior's rule.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
_WEIGHTS = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
_ANY = re.compile("[0-9@]")
_ID = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][1289A-Da-d][0-9]{8}(?![A-Za-z0-9])")
_MOBILE = re.compile(r"(?<![0-9])(?:\+886[- ]?\(?0?\)?|0)9[0-9]{2}[- .]?[0-9]{3}[- .]?[0-9]{3}(?![0-9])")
_LANDLINE = re.compile(
    r"(?<![0-9-])(?:\+886[- ]?(?P<abroad>[2-8][0-9]{0,2})[- ]|\(0(?P<bracketed>[2-8][0-9]{0,2})\)[- ]?"
    r"|0(?P<area>[2-8][0-9]{0,2})[- ])(?P<local>[2-9][0-9]{1,3}[- ]?[0-9]{3,4})(?![0-9-])"
)
_LOCAL_DIGITS = {
    "2": (8,),
    "3": (7,),
    "37": (6,),
    "4": (7, 8),
    "49": (7,),
    "5": (7,),
    "6": (7,),
    "7": (7,),
    "8": (7,),
    "82": (6,),
    "826": (5,),
    "836": (5,),
    "89": (6,),
}
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}(?![A-Za-z0-9-])"
)
_CARD = re.compile(r"(?<![0-9])(?<![0-9][ -])[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}(?![ -]?[0-9])")
_ISSUERS = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]"
    r"|720)[0-9]{12}|3[47][0-9]{13}|35[0-9]{14}|6(?:011|5[0-9]{2})[0-9]{12}|62[0-9]{14,17}"
)


def kinds_of(text: str) -> list[str]:
    """The kinds of personal data in `text`: `id_number`, `card`, `mobile`, `landline`, `email`."""
    plain = narrow(text)
    if not _ANY.search(plain):
        return []
    return [kind for kind, found in _KINDS.items() if any(found(plain))]


def is_id_number(number: str) -> bool:
    """Whether the check digit of a Taiwan ID or resident certificate number holds."""
    letter, second, *rest = list(number.upper())
    value = _LETTERS.index(letter) + 10
    middle = int(second) if second.isdigit() else (_LETTERS.index(second) + 10) % 10
    digits = (value // 10, value % 10, middle, *map(int, rest))
    return sum(digit * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 10 == 0


def is_card_number(digits: str) -> bool:
    """Whether an issuer's prefix and length fit and the Luhn check digit (ISO/IEC 7812-1) holds."""
    doubled = [sum(divmod(int(digit) * (1 + at % 2), 10)) for at, digit in enumerate(reversed(digits))]
    return _ISSUERS.fullmatch(digits) is not None and sum(doubled) % 10 == 0


def _id_numbers(text: str) -> Iterator[str]:
    return (found[0] for found in _ID.finditer(text) if is_id_number(found[0]))


def _cards(text: str) -> Iterator[str]:
    return (found[0] for found in _CARD.finditer(text) if is_card_number(re.sub("[ -]", "", found[0])))


def _landlines(text: str) -> Iterator[str]:
    for found in _LANDLINE.finditer(text):
        area = found["abroad"] or found["bracketed"] or found["area"]
        if len(re.sub("[ -]", "", found["local"])) in _LOCAL_DIGITS.get(area, ()):
            yield found[0]


_KINDS: dict[str, Callable[[str], Iterator[object]]] = {
    "id_number": _id_numbers,
    "card": _cards,
    "mobile": _MOBILE.finditer,
    "landline": _landlines,
    "email": _EMAIL.finditer,
}
