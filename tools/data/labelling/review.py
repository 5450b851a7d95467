"""Decisions given in chat: checked against the row, the labels and what stands, then recorded together or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ....resources.foundation.errors import ConflictError, DataError
from ....resources.foundation.language import CLAUSES, Text
from ....resources.foundation.wording import nearest
from ..cells import as_text
from ..rows import Row, normalise
from ..task_kind import Unfit
from .decisions import Decision, record
from .standing import Labelling

_ENOUGH_REVIEWED = 20  # rows of a proposer that people looked at before the rest is accepted without review
_NAMED = 5


def pick(here: Labelling, which: str, reviewer: str) -> list[str]:
    """The ids to look at: `open` ones, ones a `second` reviewer has not seen, or `disputed` ones.

    Raises:
        DataError: `which` is none of these.
    """
    if which == "open":
        return here.open
    if which == "disputed":
        return here.disputed
    if which == "second":
        return [
            number
            for number, row in sorted(here.decided.items())
            if reviewer not in {line.reviewer for line in row.lines}
        ]
    raise DataError(
        Text(f"{which[:40]!r} is not a valid value of which.", f"沒有「{which[:40]}」這種列。"),
        Text(
            "Use which: open, second (rows another reviewer decided) or disputed.",
            "which 可以是 open、second（其他人審過的列）或 disputed（意見不同的列）。",
        ),
        field="settings.which",
    )


def row_of(here: Labelling, number: str) -> Row | None:
    """The row of that id: waiting, or decided on before."""
    if number in here.pool.rows:
        return here.pool.rows[number]
    if number in here.decided:
        last = here.decided[number].lines[-1].to_dict()
        return {key: last[key] for key in ("id", "text", "entity", "source", "provenance") if key in last}
    return None


def decide(
    here: Labelling,
    given: Sequence[Mapping[str, Any]],
    reviewer: str,
    *,
    via: str = "chat",
    confirm: bool = False,
    settling: bool = True,
    names: Sequence[str] | None = None,
    rows: Mapping[str, Row] | None = None,
) -> dict[str, int]:
    """Record what a reviewer decided.

    Arguments:
        given: `{id, label?, entity?}` each (`spans`, `output` for tasks of those types): without it the proposed one is
            accepted, None leaves the row out.
        confirm: replace what the same reviewer decided otherwise before.
        settling: decisions about disputed rows settle them.
        names: how errors name each decision; its place in the list if left out.
        rows: rows known from elsewhere (a sheet written earlier).

    Returns:
        how many were accepted as proposed, changed, labelled without a proposal, left out, and already so.

    Raises:
        DataError: an id or a label is unknown, or there is nothing to accept; names the first few. Nothing is recorded.
        ConflictError: the reviewer decided otherwise before.
    """
    wrong: list[Text] = []
    decisions: list[Decision] = []
    differing: list[str] = []
    counted = {"accepted": 0, "changed": 0, "labelled": 0, "left_out": 0, "already": 0}
    for place, one in enumerate(given):
        named = names[place] if names else f"examples[{place}]"
        found = _decision(here, one, named, rows or {})
        if isinstance(found, Text):
            wrong.append(found)
            continue
        number, before = found.row["id"], here.decided.get(found.row["id"])
        own = before.latest.get(reviewer) if before else None
        if own and (own.label, own.entity) == (found.label, found.entity or found.row.get("entity")):
            counted["already"] += 1
            continue
        if own and not (settling and before and before.standing == "disputed"):
            differing.append(f"{number} ({own.label or '-'} → {found.label or '-'})")
        proposal = here.proposals.get(number)
        counted[
            "left_out"
            if found.label is None
            else "labelled"
            if proposal is None
            else "accepted"
            if proposal.label == found.label
            else "changed"
        ] += 1
        decisions.append(found)
    _refuse(wrong, len(given), here.pool.kind.key)
    if differing and not confirm:
        shown = ", ".join(differing[:_NAMED])
        raise ConflictError(
            Text(
                f"{reviewer} decided {len(differing)} of these rows otherwise before: {shown}.",
                f"{reviewer} 先前對其中 {len(differing)} 列的決定不同：{shown}。",
            ),
            Text(
                "Ask which decision holds. If the new ones do, repeat the call with confirm=true; nothing was recorded.",
                "請問以哪一個為準；若以新的為準，帶 confirm=true 再呼叫一次。目前什麼都沒有記錄。",
            ),
            field="confirm",
        )
    if decisions:
        record(here.folder, decisions, reviewer, via, here.proposals, settling=settling)
    return counted


def accept_rest(here: Labelling, by: str, reviewer: str, confirm: bool, least: float) -> tuple[int, dict[str, Any]]:
    """Accept what a proposer proposes for open rows, unseen one by one.

    Arguments:
        by: the proposer; the only one there is if left out.
        least: confidence from which a proposal is taken.

    Returns:
        how many there are (recorded only with `confirm`), and how well the proposer agreed with people so far.

    Raises:
        DataError: too few of its proposals were reviewed to know how good they are.
    """
    agreed = here.figures().get("agreement", {}).get("proposers", {})
    taken = [
        number
        for number in here.proposed
        if by in ("", here.proposals[number].by)
        and not here.proposals[number].rivals
        and (here.proposals[number].confidence or 0.0) >= least
    ]
    whose = {here.proposals[number].by for number in taken}
    unknown = sorted(who for who in whose if agreed.get(who, {}).get("rows", 0) < _ENOUGH_REVIEWED)
    if unknown:
        raise DataError(
            Text(
                f"Of what {unknown[0]} proposed, {agreed.get(unknown[0], {}).get('rows', 0)} rows were reviewed: too few to "
                "accept the rest without review.",
                f"{unknown[0]} 的提案只審過 {agreed.get(unknown[0], {}).get('rows', 0)} 列，不足以直接接受其餘的。",
            ),
            Text(
                f"Review at least {_ENOUGH_REVIEWED} of them first (action='review').",
                f"請先審閱至少 {_ENOUGH_REVIEWED} 列（action='review'）。",
            ),
            field="action",
        )
    if confirm and taken:
        rows = [
            Decision(here.pool.rows[number], here.proposals[number].label, here.proposals[number].entity)
            for number in taken
        ]
        record(here.folder, rows, reviewer, "bulk", here.proposals, in_bulk=True)
    return len(taken), {who: agreed[who] for who in sorted(whose)}


def _decision(here: Labelling, one: Mapping[str, Any], named: str, rows: Mapping[str, Row]) -> Decision | Text:
    """The decision, or what is wrong with it."""
    number = as_text(one.get("id"))
    row = row_of(here, number) or rows.get(number)
    if row is None:
        return Text(
            f"{named}: no row to label has the id {number[:24] or '(empty)'!r}",
            f"{named}：沒有編號「{number[:24] or '（空白）'}」的待標列",
        )
    kind = here.pool.kind
    label, entity = one.get(kind.key, one.get("label", ...)), as_text(one.get("entity")) or None
    proposal = here.proposals.get(number)
    if label is ...:
        if proposal is None:
            return Text(
                f"{named}: row {number} has no proposal to accept; give its {kind.key}",
                f"{named}：{number} 沒有提案可以接受，請給 {kind.key}",
            )
        label, entity = proposal.label, entity or proposal.entity
    if label is None:
        return Decision(row, None)
    try:
        label = kind.accept_answer(row["text"], label, here.pool.task.labels)
    except Unfit as unfit:
        if kind.one_label:
            return _unknown_label(here, named, as_text(label))
        why = kind.wrong(unfit.code)
        return Text("{named}: {why}", "{named}：{why}").format(named=named, why=why)
    entity = entity if not row.get("entity") else None
    if (
        here.pool.needs_entity
        and not row.get("entity")
        and (entity is None or normalise(entity).casefold() not in normalise(row["text"]).casefold())
    ):
        return Text(
            f"{named}: row {number} needs an entity that appears in its text",
            f"{named}：{number} 需要 entity，而且要出現在文字裡",
        )
    return Decision(row, label, entity)


def _unknown_label(here: Labelling, named: str, label: str) -> Text:
    labels = here.pool.task.labels
    near = nearest(label, labels, cutoff=0.5)
    return Text(
        f"{named}: {label[:40]!r} is not a label of this task" + (f" (did you mean {near[0]!r}?)" if near else ""),
        f"{named}：「{label[:40]}」不是這個任務的標籤" + (f"（是不是「{near[0]}」？）" if near else ""),
    )


def _refuse(wrong: Sequence[Text], given: int, key: str) -> None:
    if not given:
        raise DataError(
            Text("There is no decision in it.", "裡面沒有任何決定。"),
            Text(f"Give {{id, {key}}} for each row.", f"請對每一列給 {{id, {key}}}。"),
            field="examples",
        )
    if not wrong:
        return
    more = (
        Text(f" (and {len(wrong) - _NAMED} more)", f"（另有 {len(wrong) - _NAMED} 處）")
        if len(wrong) > _NAMED
        else Text("", "")
    )
    raise DataError(
        CLAUSES.join(wrong[:_NAMED]) + more + Text(". Nothing was recorded.", "。什麼都沒有記錄。"),
        Text(
            f"Correct these and give all of them again. {key}: as the task wants it; null leaves the row out; left out it "
            "accepts the proposal.",
            f"請修正後整批再給一次。{key} 要符合任務的規定；null 表示不採用這一列；省略表示接受提案。",
        ),
        field="examples",
    )
