"""Accounts that trade positions at closes, many rules at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from forecasting.series import Dates, Floats
from forecasting.trading_rules.results import CAPITAL, Earnings

#: Fewest bars from which a Sharpe ratio is reckoned.
_LEAST_BARS = 20
_DAYS_A_YEAR = 365.25
_EULER = 0.5772156649015329


@dataclass(frozen=True, eq=False)
class Traded:
    """What came of K rules.

    Attributes
    ----------
    equity : ndarray of float64, shape [K, T]
        Value of all accounts of a rule at each bar, in money.
    costs : ndarray of float64, shape [K]
        Costs paid, in money.
    turnover : ndarray of float64, shape [K]
        Traded value as a multiple of the account at that time, summed.
    trades : ndarray of int64, shape [K]
    exposure : ndarray of float64, shape [K]
        Mean size of the positions as a share of the account.
    """

    equity: Floats
    costs: Floats
    turnover: Floats
    trades: Floats
    exposure: Floats


def trade(close: Floats, targets: Floats, rate: float) -> Traded:
    """Trade positions at the closes at which they are decided: they earn from the next bar on.

    Each series has an equal part of the capital in an account of its own. A position is a number of
    units, bought or sold when the target changes and held until it does again; its value together
    with what trading it costs is the target share of the account, so that nothing is borrowed to be
    long. A turn from long to short closes first. An account that is used up trades no more.

    Parameters
    ----------
    close : ndarray, shape [T, S]
        NaN before the first close of a series.
    targets : ndarray, shape [K, T, S]
        Share of the account from -1 to 1; NaN where nothing is decided.
    rate : float
        Costs as a share of what is traded.
    """
    rules, bars, series = targets.shape
    cash = np.full((rules, series), CAPITAL / series)
    units = np.zeros((rules, series))
    held = np.zeros((rules, series))
    equity = np.empty((rules, bars))
    costs, turnover, trades, exposure = np.zeros((4, rules))
    decided = np.asarray(np.isfinite(targets).any(axis=(0, 2)))
    price = np.ones(series)
    for bar in range(bars):
        price = np.where(np.isfinite(close[bar]), close[bar], price)
        if decided[bar]:
            bought = _ordered(targets[:, bar], held, cash, units, price, rate)
            value = np.abs(bought) * price
            worth = (cash + units * price).sum(axis=1)
            turnover += np.divide(
                value.sum(axis=1), worth, out=np.zeros(rules), where=worth > CAPITAL * 1e-6
            )
            fees = value * rate
            cash -= bought * price + fees
            units += bought
            held = np.where(np.isfinite(targets[:, bar]), targets[:, bar], held)
            costs += fees.sum(axis=1)
            trades += (value > 0).sum(axis=1)
        equity[:, bar] = np.maximum((cash + units * price).sum(axis=1), 0.0)
        exposure += np.abs(held).mean(axis=1)
    return Traded(equity, costs, turnover, trades, exposure / max(bars - 1, 1))


def _ordered(
    targets: Floats, held: Floats, cash: Floats, units: Floats, price: Floats, rate: float
) -> Floats:
    """Return the units to buy, less than zero to sell, so that changed targets are met, [K, S]."""
    changed = np.isfinite(targets) & (targets != held)
    turned = changed & (units * np.nan_to_num(targets) < 0)
    worth = cash + units * price
    worth = np.maximum(np.where(turned, worth - np.abs(units) * price * rate, worth), 0.0)
    desired = np.nan_to_num(targets) * worth / (price * (1 + rate))
    return np.where(changed, desired - units, 0.0)


def earnings(traded: Traded, index: int, ds: Dates, comparisons: int) -> Earnings:
    """Return the figures of one of the rules.

    Parameters
    ----------
    traded : Traded
    index : int
    ds : ndarray of datetime64, shape [T]
    comparisons : int
        Rules and configurations that were tried: the interval of the Sharpe ratio is widened so
        that all of so many hold together in 95 % of all cases (Sidak).
    """
    equity = traded.equity[index]
    a_year = bars_per_year(ds)
    years = max((ds.size - 1) / a_year, 1e-9)
    before = np.maximum(equity[:-1], 1e-12)
    returns = np.diff(np.concatenate([[CAPITAL], equity])) / np.concatenate([[CAPITAL], before])
    sharpe, low, high, deflated = sharpe_interval(returns[1:], a_year, comparisons)
    growth = equity[-1] / CAPITAL
    return Earnings(
        float(equity[-1]),
        float(100 * (growth - 1)),
        float(100 * (growth ** (1 / years) - 1)) if growth > 0 and years >= 0.25 else math.nan,
        100 * float(returns[1:].std(ddof=1)) * math.sqrt(a_year) if returns.size > 2 else math.nan,
        sharpe,
        low,
        high,
        deflated,
        100 * drawdown(equity),
        100 * float(traded.exposure[index]),
        float(traded.turnover[index]) / years,
        int(traded.trades[index]),
        float(traded.costs[index]),
    )


def drawdown(equity: Floats) -> float:
    """Return the largest fall from a peak, as a share of the peak, 0 to 1."""
    path = np.concatenate([[CAPITAL], equity])
    peak = np.maximum.accumulate(path)
    return float((1 - path / peak).max())


def bars_per_year(ds: Dates) -> float:
    """Return how many bars a year has, by the dates at hand."""
    days = float((ds[-1] - ds[0]) / np.timedelta64(1, "s")) / 86400
    return (ds.size - 1) / days * _DAYS_A_YEAR if days > 0 else _DAYS_A_YEAR


def sharpe_interval(
    returns: Floats, a_year: float, comparisons: int
) -> tuple[float, float, float, float]:
    """Return the annual Sharpe ratio, its interval, and its deflated probability.

    The standard error knows skew and fat tails (Mertens 2002). The probability is that of a true
    ratio above the best that ``comparisons`` worthless rules show on average (Bailey & Lopez de
    Prado 2014, The Deflated Sharpe Ratio). NaN for fewer than 20 bars or returns that never differ.
    """
    n = returns.size
    spread = float(returns.std(ddof=1)) if n > 1 else 0.0
    if n < _LEAST_BARS or spread <= 1e-12:
        return (math.nan,) * 4
    ratio = float(returns.mean()) / spread
    scored = (returns - returns.mean()) / spread
    skew, kurtosis = float((scored**3).mean()), float((scored**4).mean())
    variance = max(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2, 1e-12) / (n - 1)
    error, normal = math.sqrt(variance), NormalDist()
    tail = -math.expm1(math.log(0.95) / comparisons) / 2
    reach = -normal.inv_cdf(tail) * error
    luck = best_by_luck(comparisons) / math.sqrt(n - 1)
    scale = math.sqrt(a_year)
    return (
        ratio * scale,
        (ratio - reach) * scale,
        (ratio + reach) * scale,
        normal.cdf((ratio - luck) / error),
    )


def best_by_luck(comparisons: int) -> float:
    """Return about the largest of so many independent standard normal numbers, on average."""
    if comparisons <= 1:
        return 0.0
    normal = NormalDist()
    first = normal.inv_cdf(1 - 1 / comparisons)
    second = normal.inv_cdf(1 - 1 / (comparisons * math.e))
    return (1 - _EULER) * first + _EULER * second
