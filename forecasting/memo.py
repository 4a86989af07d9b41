"""Results that are kept for as long as the panel they belong to."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from forecasting.series import Panel

ParamsT = ParamSpec("ParamsT")
ResultT = TypeVar("ResultT")
#: Results that are kept of each panel; the oldest goes first.
_MOST = 64


def per_panel(
    function: Callable[Concatenate[Panel, ParamsT], ResultT],
) -> Callable[Concatenate[Panel, ParamsT], ResultT]:
    """Keep the results of a function of a panel, and of values that can be hashed, while the panel
    lives: several trainings on one panel compute them once.
    """
    cache: WeakKeyDictionary[Panel, dict[Hashable, ResultT]] = WeakKeyDictionary()

    @wraps(function)
    def remembered(panel: Panel, /, *args: ParamsT.args, **kwargs: ParamsT.kwargs) -> ResultT:
        mine = cache.setdefault(panel, {})
        key = (args, tuple(sorted(kwargs.items())))
        if key in mine:
            return mine[key]
        found = mine[key] = function(panel, *args, **kwargs)
        if len(mine) > _MOST:
            mine.pop(next(iter([*mine])), None)
        return found

    return remembered
