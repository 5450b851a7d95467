"""The yes before a model is asked outside this machine and its network: such an endpoint may charge for its answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from ...resources.foundation.errors import EvaluationError
from ...resources.foundation.language import Text, several
from ..data.expense import host_of, is_here
from .tried import Model


def require_yes(models: Sequence[Model], rows: int, confirm: bool) -> None:
    """Nothing, where the person has agreed or nobody can charge for it.

    Arguments:
        rows: how many texts each model is asked about, one request each.

    Raises:
        EvaluationError: the question, with how much is asked of whom; its field is `confirm`.
    """
    outside = [model for model in models if model.url and not _is_inside(model.url)]
    if confirm or not outside:
        return
    en = "; ".join(f"{model.source} ({host_of(model.url)}): {several(rows, 'request')}" for model in outside)
    zh = "；".join(f"{model.source}（{host_of(model.url)}）{rows} 次請求" for model in outside)
    raise EvaluationError(
        Text(
            f"This may cost money, at a price that is not known here: {en}, and the texts of the rows are sent there.",
            f"這可能會產生費用，價格不明：{zh}，資料的文字也會送到那裡。",
        ),
        Text(
            "If the person agrees, call the same tool again with confirm=True. A model on this machine or at an address of "
            "its own network needs no confirmation.",
            "使用者同意的話，請加上 confirm=True 再呼叫同一個工具。這台機器上的模型，或內部網路位址的模型，不必同意。",
        ),
        field="confirm",
        details={"requests": rows * len(outside)},
    )


def _is_inside(url: str) -> bool:
    """Whether the address is this machine's or, written as numbers, one of a private network; names are not looked up."""
    try:
        return is_here(url) or ipaddress.ip_address(urlsplit(url).hostname or "").is_private
    except ValueError:
        return False
