"""Whether to train at all: prompting, retrieval, rules, TF-IDF or more data where one of them is the better cure."""

from __future__ import annotations

from ...resources.figures import figure
from ...resources.foundation.language import Text, number_of, several
from ..evaluate.baseline import baseline_title, fitted_title
from .analysis import Result
from .answer import DecisionDue, Question
from .texts.reading import Texts

_text = Texts("choosing")


def decision(
    what: Text, options: list[Text], recommendation: Text, reasons: list[Text], changes_if: Text
) -> DecisionDue:
    """A decision in the spoken language."""
    return DecisionDue(
        what=str(what),
        options=list(map(str, options)),
        recommendation=str(recommendation),
        reasons=list(map(str, reasons)),
        changes_if=str(changes_if),
    )


def retrieval_decision() -> DecisionDue:
    """Facts that live in documents are looked up, not trained in."""
    return decision(
        _text("retrieval_decision.train_model_look"),
        [_text("options.look_up"), _text("options.prompt"), _text("options.train")],
        _text("retrieval_decision.retrieval_do_not"),
        [_text("retrieval_decision.training_teaches_form"), _text("retrieval_decision.looked_up_answer")],
        _text("retrieval_decision.if_work_decide"),
    )


def retrieval_question() -> Question:
    return _text.question("retrieval_question.question", field="goal")


def rules_decision(result: Result | None = None) -> DecisionDue:
    """A keyword that settles it needs no model; how often it does can be counted."""
    counted = _text("rules_decision.can_counted_before")
    measured = (
        [_text("rules_decision.own_benchmark_reaches", version=result.version.name, value=result.value)]
        if result
        else []
    )
    first = _text("rules_decision.count_same_rows") if result else _text("options.rules")
    return decision(
        _text("rules_decision.train_model_write"),
        [first, *([_text("options.rules")] if result else []), _text("options.tf_idf"), _text("options.train")],
        first,
        [_text("rules_decision.where_few_words"), counted, *measured],
        _text("rules_decision.negation_irony_misspellings"),
    )


def few_rows(rows: int | None) -> DecisionDue | None:
    """With very few rows: rather prompt, or collect, than train."""
    least = figure("rows_to_start")
    if rows is None or rows >= least:
        return None
    return decision(
        _text("few_rows.train_now_not"),
        [_text("options.prompt"), _text("options.collect"), _text("few_rows.train_anyway")],
        _text("few_rows.collect_rows_prompt"),
        [
            _text(
                "few_rows.supervised_fine_tuning",
                rows=Text(several(rows, "row"), f"只有 {rows} 筆") if rows else _text("few_rows.no_labelled_rows"),
                least=least,
            ),
            _text("few_rows.what_prompt_gets"),
        ],
        _text("few_rows.about_rows_first", rows_typical=figure("rows_typical")),
    )


def whether_to_train(rows: int | None = None, result: Result | None = None) -> DecisionDue:
    """All the cures side by side, the recommendation from what is measured, else from how much there is to learn from.

    Arguments:
        rows: how many labelled rows there are; None where nobody said.
        result: the best evaluated version, whose evaluation measured the simple methods beside it.
    """
    if result is not None and result.simplest is not None:
        return _decision_by_result(result)
    if few := few_rows(rows):
        return few
    known = (
        _text("whether_to_train.rows_enough_measure", rows=rows)
        if rows
        else _text(
            "whether_to_train.depends_first_rows",
            rows_to_start=figure("rows_to_start"),
            rows_typical=figure("rows_typical"),
        )
    )
    return decision(
        _text("whether_to_train.which_cure_prompt"),
        [
            _text("options.prompt"),
            _text("options.look_up"),
            _text("options.rules"),
            _text("options.tf_idf"),
            _text("options.train"),
        ],
        _text("whether_to_train.measure_train_one") if rows else _text("whether_to_train.count_labelled_rows"),
        [known, _text("whether_to_train.facts_change_retrieval"), _text("whether_to_train.if_tf_idf")],
        _text("whether_to_train.answers_must_written"),
    )


def _method(name: str) -> Text:
    title = baseline_title(name)
    return _text("method.use", title=title)


def _decision_by_result(result: Result) -> DecisionDue:
    assert result.simplest is not None
    name, value, outcome = result.simplest.name, result.simplest.value, result.simplest.outcome
    simple = {"tfidf": _text("options.tf_idf"), "majority": _text("decision_by_result.always_give_most")}.get(
        name
    ) or _method(name)
    tuned = _text("decision_by_result.keep", version=result.version.name)
    fitted = fitted_title(name, result.simplest.fitted_on)
    figures = _text(
        "decision_by_result.measured_same_baselines",
        rows=number_of(result.rows, "row"),
        version=result.version.name,
        value=result.value,
        fitted=fitted,
        value_2=value,
    )
    why = {
        "wins": _text("decision_by_result.simple_method_least"),
        "ties": _text("decision_by_result.difference_not_shown"),
        "loses": _text("decision_by_result.model_ahead_more")
        if result.simplest.ahead
        else _text("decision_by_result.model_ahead_these"),
    }[outcome]
    return decision(
        _text("decision_by_result.training_worth"),
        [simple, tuned, _text("options.collect")],
        tuned if outcome == "loses" else simple,
        [figures, why],
        _text("decision_by_result.new_kinds_texts"),
    )
