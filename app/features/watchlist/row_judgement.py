"""What a run says of each of its series: the mark, the skill and the coverage of a row."""

from __future__ import annotations

from collections.abc import Mapping

from app.watchlist import RowJudgement
from forecasting.series import Outcomes


def judgements_of(outcomes: Mapping[str, Outcomes], reference: str) -> dict[str, RowJudgement]:
    """Return the judgement of each series, by symbol.

    The network is compared with the baseline that was the best over all series, on each series
    alone, so that no row picks the rival that suits it.

    Parameters
    ----------
    outcomes : mapping of str to Outcomes
        The network first; its test part.
    reference : str
        The baseline.
    """
    from forecasting import metrics
    from forecasting.verdict import compare

    model = next(iter(outcomes), "")
    if not model or reference not in outcomes:
        return {}
    rivals = outcomes[reference].by_symbol()
    found = {}
    for symbol, ours in outcomes[model].by_symbol().items():
        theirs = rivals.get(symbol)
        if theirs is None:
            continue
        test = compare(ours, theirs)
        found[symbol] = RowJudgement(
            outcome=test.result if test.enough else "few",
            skill=_finite(100 * test.skill),
            held=_finite(metrics.coverage_share(ours, 80).percent),
            model=model,
            reference=reference,
        )
    return found


def _finite(value: float) -> float | None:
    return float(value) if abs(value) < float("inf") else None
