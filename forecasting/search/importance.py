"""How much each searched setting matters for the validation loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecasting.series import Floats

#: Fewest trials from which anything is said.
LEAST = 6
#: Groups that the values of a range are cut into.
_GROUPS = 3


def importance(values: Sequence[Mapping[str, Any]], losses: Sequence[float]) -> dict[str, float]:
    """Return the share of the differences between trials that each setting explains by itself.

    Losses are ranked, so that one failed network does not decide; the share is epsilon squared
    (Kelley 1935), the variance between groups of equal values less what as many random groups
    would show. Values of a range are cut into thirds. Shares need not add up to 1.

    Parameters
    ----------
    values : sequence of mapping
        Settings of each trial.
    losses : sequence of float
        Of the same trials, on the same dates; those that are not finite are left out.

    Returns
    -------
    dict of str to float
        From 0 to 1 by setting, the largest first; empty for fewer than :data:`LEAST` trials.
    """
    loss = np.asarray(losses, np.float64)
    known = [int(index) for index in np.flatnonzero(np.isfinite(loss))]
    if len(known) < LEAST:
        return {}
    ranks = np.argsort(np.argsort(loss[known], kind="stable"), kind="stable").astype(np.float64)
    names = values[0].keys() if values else ()
    shares = {
        name: _share(ranks, _grouped([values[index].get(name) for index in known]))
        for name in names
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _grouped(values: Sequence[Any]) -> Floats:
    """Return the number of a group for each value, [N]."""
    texts = [str(value) for value in values]
    kinds = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if numbers and len(kinds) > 2 * _GROUPS:
        order = np.argsort(np.argsort(np.array(values, np.float64), kind="stable"))
        return np.floor(order * _GROUPS / len(values))
    return np.array([kinds[text] for text in texts], np.float64)


def _share(ranks: Floats, groups: Floats) -> float:
    n, kinds = ranks.size, np.unique(groups)
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if kinds.size < 2 or n <= kinds.size or total <= 0:
        return 0.0
    parts = [ranks[groups == kind] for kind in kinds]
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in parts)
    chance = (kinds.size - 1) * within / (n - kinds.size)
    return min(max((total - within - chance) / total, 0.0), 1.0)
