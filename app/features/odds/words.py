"""Odds in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from app.charts.legend import words
from app.charts.plot import Columns
from app.number_format import number, price_decimals
from forecasting.series import Floats

if TYPE_CHECKING:
    from forecasting.paths import LevelOdds, Paths


def day(ds: np.datetime64) -> str:
    """Return a date as people read it, with the time where there is one."""
    text = str(ds.astype("datetime64[m]")).replace("T", " ")
    return text.removesuffix(" 00:00")


def level_sentence(odds: LevelOdds, name: str = "") -> str:
    """Return what is said at a line: chance to close beyond it, to touch it, likeliest date."""
    from forecasting.paths.events import chance_in_words

    level = float(odds.level[-1])
    upward = float(odds.level[0]) >= odds.y0
    beyond = odds.p_above[-1] if upward else 1 - odds.p_above[-1]
    side = words("above") if upward else words("below")
    decimals = price_decimals(odds.y0)
    texts = [
        words("{chance} to close {side} {level} on {day}").format(
            chance=chance_in_words(float(beyond), odds.n_paths),
            side=side,
            level=number(level, decimals),
            day=day(odds.ds[-1]),
        ),
        words("{chance} to touch it by then").format(
            chance=chance_in_words(float(odds.p_touch[-1]), odds.n_paths)
        ),
    ]
    if odds.likeliest_touch is not None:
        texts.append(
            words("likeliest first touch {day}").format(day=day(odds.ds[odds.likeliest_touch - 1]))
        )
    text = "; ".join(texts)
    return f"{name}: {text}" if name else text


def level_label(odds: LevelOdds, name: str) -> str:
    """Return what is written at a line in the chart, which has little room: chances to close
    beyond it and to touch it.
    """
    from forecasting.paths.events import chance_in_words

    upward = float(odds.level[0]) >= odds.y0
    beyond = odds.p_above[-1] if upward else 1 - odds.p_above[-1]
    side = words("above") if upward else words("below")
    return words("{name}: {beyond} {side} {level}, {touch} to touch").format(
        name=name,
        beyond=chance_in_words(float(beyond), odds.n_paths),
        side=side,
        level=number(float(odds.level[-1]), price_decimals(odds.y0)),
        touch=chance_in_words(float(odds.p_touch[-1]), odds.n_paths),
    )


def corridor_sentence(paths: Paths, low: Floats, high: Floats) -> str:
    """Return the chance that all closes stay between two lines [H]."""
    from forecasting.paths.events import chance_in_words, corridor

    chance = float(corridor(paths.samples[0], low, high)[-1])
    return words("{chance} that every close stays between the outer two lines to {day}").format(
        chance=chance_in_words(chance, paths.n_paths), day=day(paths.ds[0, -1])
    )


def price_odds(paths: Paths, step: int, price: float) -> str:
    """Return the odds of a price at one step, for the read-out at the pointer."""
    from forecasting.paths.events import chance_in_words

    above = float((paths.samples[0, step - 1] > price).mean())
    return words("{chance} to close above {price}").format(
        chance=chance_in_words(above, paths.n_paths),
        price=number(price, price_decimals(float(paths.y0[0]))),
    )


def odds_table(found: Sequence[LevelOdds], names: Sequence[str]) -> Columns:
    """Return one row a level, chances in percent."""
    if not found:
        return {}
    first = [
        "" if odds.likeliest_touch is None else day(odds.ds[odds.likeliest_touch - 1])
        for odds in found
    ]
    level = np.array([float(odds.level[-1]) for odds in found])
    y0 = found[0].y0
    columns: dict[str, object] = {words("Line"): list(names), words("Level"): level}
    if y0 > 0:
        columns[words("Change %")] = 100 * (level / y0 - 1)
    columns |= {
        words("Close above %"): np.array([100 * float(odds.p_above[-1]) for odds in found]),
        words("Close below %"): np.array([100 * (1 - float(odds.p_above[-1])) for odds in found]),
        words("Touch %"): np.array([100 * float(odds.p_touch[-1]) for odds in found]),
        words("Likeliest first touch"): first,
    }
    return columns  # type: ignore[return-value]
