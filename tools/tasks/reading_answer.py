"""One page of a resource, or what a search of the knowledge found, as `read_resource` answers it."""

from __future__ import annotations

from ...resources.answer import NextStep
from ...resources.browsing import reading
from ...resources.foundation.language import Text, several
from ...resources.workspace import Workspace
from .answers import Passage, ReadingAnswer

PAGE_CHARACTERS = 6000
_FOUND = 5


def read_page(workspace: Workspace, uri: str, offset: int) -> ReadingAnswer:
    """One page of a resource.

    Arguments:
        uri: its address, with or without the scheme.
        offset: the character to begin with.

    Raises:
        UnknownResource: there is none at that address.
    """
    address = uri if "://" in uri else reading.SCHEME + uri.lstrip("/")
    found = reading.read(workspace, address)
    text, following = reading.page(found.text, offset, PAGE_CHARACTERS)
    more = following is not None
    message = Text(
        f"{address}, characters {offset} to {offset + len(text)} of {len(found.text)}.",
        f"{address} 第 {offset} 到 {offset + len(text)} 個字元，共 {len(found.text)} 個。",
    )
    say = Text("Read on.", "請繼續讀下一頁。") if more else Text("That is all of it; carry on.", "已讀完，可以繼續。")
    return ReadingAnswer(
        message=str(message),
        uri=address,
        mime_type=found.mime_type,
        text=text,
        characters=len(found.text),
        next_offset=following,
        next_step=NextStep(
            say=str(say),
            tool="read_resource" if more else None,
            arguments={"uri": address, "offset": following} if more else {},
        ),
    )


def search_knowledge(query: str, offset: int) -> ReadingAnswer:
    """The pages of the knowledge that hold these words, the best first, from the `offset`-th on."""
    from ...resources.browsing import searching

    found, total = searching.search(query, _FOUND, offset)
    following = offset + len(found) if offset + len(found) < total else None
    if not found:
        said = Text(
            "No page answers that." if not total else "There are no more.",
            "沒有頁面符合。" if not total else "沒有更多了。",
        )
        say = Text("Use other words, or see all pages.", "請換個說法，或查看所有頁面。")
        step = NextStep(say=str(say), tool="read_resource", arguments={"uri": f"{reading.SCHEME}skills"})
        return ReadingAnswer(message=str(said), next_step=step)
    said = Text(
        f"{several(total, 'page holds', 'pages hold')} these words, the best first.",
        f"有 {total} 頁符合，最相關的在前。",
    )
    say = Text(
        f"Read the first whole, if it is about what they ask; it says where its claims come from: {found[0].title}.",
        f"如果第一頁切題，請讀全文（裡面有出處）：{found[0].title}。",
    )
    return ReadingAnswer(
        message=str(said),
        next_offset=following,
        found=[Passage(uri=one.uri, title=one.title, passage=one.passage, language=one.language) for one in found],
        next_step=NextStep(
            say=str(say), tool="read_resource", arguments={"uri": f"{found[0].uri}?language={found[0].language}"}
        ),
    )
