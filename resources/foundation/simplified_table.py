"""Makes `simplified.txt` from OpenCC's dictionaries; nothing of it runs in the product.

    pip install opencc==1.4.2
    python -m nlp_skills.resources.foundation.simplified_table

OpenCC (https://github.com/BYVoid/OpenCC) is © Carbo Kuo and contributors, under the Apache License 2.0.
"""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
from pathlib import Path

TABLE = Path(__file__).with_name("simplified.txt")
_HEAD = """\
# Made by simplified_table.py from STCharacters and TSCharacters of OpenCC 1.4.2, changed in form:
# © Carbo Kuo and contributors, Apache License 2.0 (see LICENSE), https://github.com/BYVoid/OpenCC
# First part: characters that Simplified Chinese alone uses. Second: pairs of a Traditional character and the Simplified one.
"""
_LINE = 60
_LAST = "\uffff"  # rarer characters are no part of any text this is about
# Big5's first level, the 5,401 characters of common use in Taiwan.
_LEVEL_1 = (0xA440, 0xC67E)


def is_common_in_taiwan(character: str) -> bool:
    """Whether a character is of Big5's first level."""
    try:
        code = character.encode("cp950")
    except UnicodeEncodeError:
        return False
    return _LEVEL_1[0] <= int.from_bytes(code, "big") <= _LEVEL_1[1]


def table(to_traditional: dict[str, list[str]], to_simplified: dict[str, list[str]]) -> str:
    """The file's text.

    Arguments:
        to_traditional: for each Simplified character what it stands for, itself where Traditional Chinese has it too.
        to_simplified: for each Traditional character its Simplified forms, the usual one first.
    """
    only = "".join(
        sorted(
            theirs
            for theirs, ours in to_traditional.items()
            if theirs not in ours and not is_common_in_taiwan(theirs) and theirs <= _LAST
        )
    )
    same = {ours: theirs for theirs, many in to_traditional.items() for ours in many if ours != theirs}
    same |= {ours: many[0] for ours, many in to_simplified.items() if many[0] != ours}
    pairs = "".join(ours + theirs for ours, theirs in sorted(same.items()) if max(ours, theirs) <= _LAST)
    return f"{_HEAD}\n{_fold_variants(only)}\n\n{_fold_variants(pairs)}\n"


def _fold_variants(text: str) -> str:
    return "\n".join(text[at : at + _LINE] for at in range(0, len(text), _LINE))


def _dictionary(name: str) -> dict[str, list[str]]:
    """One of OpenCC's dictionaries, read with its own program."""
    found = importlib.util.find_spec("opencc")
    if found is None or found.origin is None:
        raise SystemExit("pip install opencc==1.4.2 first")
    folder = Path(found.origin).parent / "clib"
    with tempfile.TemporaryDirectory() as place:
        text = Path(place) / "dictionary.txt"
        subprocess.run(
            [
                folder / "bin" / "opencc_dict",
                "-i",
                folder / "share" / "opencc" / f"{name}.ocd2",
                "-o",
                text,
                "-f",
                "ocd2",
                "-t",
                "text",
            ],
            check=True,
        )
        lines = text.read_text(encoding="utf-8").splitlines()
    return {one: many.split(" ") for one, many in (line.split("\t") for line in lines)}


if __name__ == "__main__":
    TABLE.write_text(table(_dictionary("STCharacters"), _dictionary("TSCharacters")), encoding="utf-8")
