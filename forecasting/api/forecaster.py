"""One object to train, forecast, test through history and judge: data frames in, data frames
out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecasting.api.evaluation import Evaluation
from forecasting.api.frames import (
    LEVELS,
    check_levels,
    forecast_frame,
    history_frame,
    outcomes_frame,
    tails,
)
from forecasting.api.prices import panel_of, read_options
from forecasting.api.progress import Progress, counting_epochs, finish
from forecasting.config import QUANTILES, BacktestConfig, RunConfig, validated
from forecasting.errors import ConfigError
from forecasting.events import BacktestFinished, ForecastMade, RunFinished
from forecasting.exog import quoted
from forecasting.series import Panel
from forecasting.sources.options import ReadOptions

if TYPE_CHECKING:
    from pandas import DataFrame

    from forecasting.events import RunResult
    from forecasting.training import TrainedNetwork


class Forecaster:
    """A network that learns from price series and forecasts them, with calibrated prediction
    intervals.

    Parameters
    ----------
    model : str, optional
        ``lstm``, ``gru``, ``rnn`` or another network of the registry.
    h : int, optional
        Horizon: bars to forecast.
    config : RunConfig, optional
        Settings to begin with, such as ``RunConfig.from_file("settings.json")``. Without it, series
        that are no daily prices get the defaults that suit them, as in the window and on the
        command line.
    options : ReadOptions or mapping, optional
        How frames and files are read, where that is not to be inferred: date format, calendar, time
        zone, resampling.
    **settings
        Any setting of :class:`RunConfig` by its name: ``input_size=60``, ``epochs=20``,
        ``hidden_size=16``, ``seed=1``. ``hist_exog_list``, ``futr_exog_list`` and
        ``stat_exog_list`` are lists of further columns of the frame that are read: known up to the
        cutoff (with options as ``"cpi:delay=30d"``), known ahead (rows without ``y`` hold their
        future values), and of the whole series.

    Attributes
    ----------
    config : RunConfig
        The settings; once trained those that were trained with.

    Raises
    ------
    ConfigError
        An unknown setting, a value outside its limits, or values that contradict each other.

    Examples
    --------
    >>> forecaster = Forecaster(model="gru", h=5, epochs=10)
    >>> forecaster.fit(df).predict(level=[80, 95])  # df has the columns unique_id, ds, y
    >>> print(forecaster.evaluate())
    """

    def __init__(
        self,
        model: str | None = None,
        h: int | None = None,
        *,
        config: RunConfig | None = None,
        options: ReadOptions | Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        if h is not None and settings.get("horizon", h) != h:
            raise ConfigError(
                f"h = {h} and horizon = {settings['horizon']} are the same setting.",
                "Give one of the two.",
            )
        named = {"model": model, "horizon": h}
        settings = _with_lists(settings)
        self._given = settings | {name: value for name, value in named.items() if value is not None}
        self._suits = config is None
        if config is not None and not isinstance(config, RunConfig):
            raise ConfigError(
                f"config = {config!r}: it is no RunConfig.",
                "Give settings by their names, or RunConfig.from_file(path).",
            )
        self.config = self._asked = (config or RunConfig()).changed(**self._given)
        self._options = read_options(options)
        self._panel: Panel | None = None
        self._result: RunResult | None = None
        self._network: TrainedNetwork | None = None
        self._backtest: BacktestFinished | None = None

    def __repr__(self) -> str:
        """Return the most important settings, and what was trained on."""
        state = "trained" if self._network is not None else "not trained"
        if self._network is not None and self._panel is not None:
            state = f"trained on {len(self._panel)} series"
        task = self.config.task
        return (
            f"Forecaster(model={self.config.model.model!r}, h={task.horizon}, "
            f"input_size={task.input_size}; {state})"
        )

    def fit(
        self,
        data: Any,
        *,
        progress: Progress = None,
        verbose: bool = False,
        accept_findings: bool = False,
    ) -> Forecaster:
        """Train the network, and judge it beside the baselines on the last bars, which it does not
        train on.

        Parameters
        ----------
        data : DataFrame, PriceSeries, Panel, str or Path
            Long (``unique_id, ds, y``), OHLCV, or one column a series; dates are a column or the
            index. Also a file, ``yahoo:TICKER`` or ``sample:NAME``, or a list of these. Several
            series train one network.
        progress : callable, optional
            ``progress(done, total, message)``, in epochs, or ``tqdm.tqdm``.
        verbose : bool
            Print one line an epoch.
        accept_findings : bool
            Go on with data that has errors, such as a high below its low.

        Returns
        -------
        Forecaster
            Itself. Interrupted (Ctrl-C), or refused, it stays as it was.

        Raises
        ------
        CandlecastError
            No dates or prices, too few bars, or data with errors.
        """
        from forecasting import jobs

        panel = panel_of(data, self._reading(), accept_findings=accept_findings)
        config = self._suited(panel)
        finished = finish(
            counting_epochs(jobs.train(panel, config)), RunFinished, progress, verbose
        )
        self.config, self._panel, self._result = config, finished.result.panel, finished.result
        self._network, self._backtest = finished.forecaster, None  # type: ignore[assignment]
        return self

    def predict(
        self,
        data: Any = None,
        *,
        level: float | Iterable[float] = LEVELS,
        calibrated: bool = True,
        progress: Progress = None,
    ) -> DataFrame:
        """Forecast the bars after the last one of each series.

        Parameters
        ----------
        data : DataFrame, PriceSeries, Panel, str or Path, optional
            Prices up to now, of these or other series; those that were trained on where it is left
            out. Nothing is trained.
        level : float or iterable of float
            Prediction intervals in percent.
        calibrated : bool
            Whether intervals learn from their own past misses, as in the window; otherwise as the
            network gives them.
        progress : callable, optional
            As of :meth:`fit`.

        Returns
        -------
        DataFrame, S x H rows
            ``unique_id, ds, LSTM-median, LSTM-lo-80, LSTM-hi-80, ...``, in price units; dates are
            real sessions.

        Raises
        ------
        CandlecastError
            It was not trained, or the prices do not suit it.
        """
        from forecasting import jobs

        levels, network = check_levels(level), self._trained()
        panel = self._panel if data is None else panel_of(data, self._reading())
        if panel is None:
            raise ConfigError(
                "A model file holds no prices to forecast from.", "Give them: predict(df)."
            )
        quantiles = tails(levels)
        if self._result is not None and data is None and calibrated and _are_there(quantiles):
            forecasts = self._result.forecasts
        else:
            job = jobs.predict(panel, network, quantiles=quantiles, calibrated=calibrated)
            forecasts = finish(job, ForecastMade, progress).forecasts
        return forecast_frame(forecasts, panel, levels)

    def simulate(
        self,
        n_paths: int = 1000,
        data: Any = None,
        *,
        seed: int = 0,
        dependence: str = "history",
        progress: Progress = None,
    ) -> DataFrame:
        """Draw joint paths of the bars after the last one, whose quantiles are the calibrated ones.

        Parameters
        ----------
        n_paths : int
        data : DataFrame, PriceSeries, Panel, str or Path, optional
            As of :meth:`predict`.
        seed : int
            The same numbers give the same paths.
        dependence : str
            ``history`` draws dates of the past again, ``gaussian`` is a copula with shrunk
            correlation.
        progress : callable, optional
            As of :meth:`fit`.

        Returns
        -------
        DataFrame, S x n_paths x H rows
            ``unique_id, ds, sample, y``, in price units; sample k is one joint future of all
            series.

        Raises
        ------
        CandlecastError
            It was not trained, the prices do not suit it, or there are too many paths.
        """
        from forecasting.api.simulation import simulated
        from forecasting.jobs import PathsPlan

        network = self._trained()
        panel = self._panel if data is None else panel_of(data, self._reading())
        if panel is None:
            raise ConfigError(
                "A model file holds no prices to draw paths from.", "Give them: simulate(data=df)."
            )
        plan = PathsPlan(network=network, n_paths=n_paths, seed=seed, dependence=dependence)  # type: ignore[arg-type]
        return simulated(panel, self.config, plan, progress)

    def cross_validation(
        self,
        data: Any = None,
        *,
        n_windows: int | None = None,
        step_size: int = 1,
        refit: bool | int = False,
        level: float | Iterable[float] = LEVELS,
        workers: int = 1,
        progress: Progress = None,
        accept_findings: bool = False,
    ) -> DataFrame:
        """Test the settings through history: train on the past, forecast what was then the future,
        beside the baselines.

        The network of :meth:`fit` is not used, and stays as it is.

        Parameters
        ----------
        data : as of :meth:`fit`, optional
            What was trained on where it is left out.
        n_windows : int, optional
            Cutoffs, the last of them ``h`` bars before the end; the test part of the settings (15 %
            of the history) where it is left out.
        step_size : int
            Bars between one cutoff and the next.
        refit : bool or int
            Train anew at every cutoff (True) or every so many; otherwise once, before the first.
        level : float or iterable of float
            Prediction intervals in percent.
        workers : int
            Processes for the trainings; 0 takes as many as pay. A script that asks for more than
            one needs ``if __name__ == "__main__":`` around what it does; a notebook does not.
        progress, accept_findings
            As of :meth:`fit`.

        Returns
        -------
        DataFrame
            One row a series, cutoff and bar ahead: ``unique_id, ds, cutoff, y``, then for the
            network and each baseline ``LSTM-median, LSTM-lo-80, LSTM-hi-80, ...``. :meth:`evaluate`
            judges it.

        Raises
        ------
        CandlecastError
            No prices, too few bars, or data with errors.
        """
        from forecasting import jobs

        levels = check_levels(level)
        if not isinstance(workers, int) or workers < 0:
            raise ConfigError(
                f"workers = {workers!r}: a whole number is needed.", "Write 0 for as many as pay."
            )
        if data is None and self._panel is None:
            raise ConfigError("There are no prices to test on.", "Give them: cross_validation(df).")
        panel = (
            self._panel
            if data is None
            else panel_of(data, self._reading(), accept_findings=accept_findings)
        )
        assert panel is not None
        plan = validated(BacktestConfig, {"step_size": step_size, "refit": int(refit)})
        config = self._suited(panel)
        if n_windows is not None:
            config = config.changed(
                test_size=_bars_of(n_windows, config.task.horizon, plan.step_size)
            )
        job = jobs.backtest(panel, config, plan, workers=workers, also=tails(levels))
        finished = finish(job, BacktestFinished, progress)
        self._backtest = finished
        return outcomes_frame(finished.outcomes, panel, levels)

    def evaluate(self) -> Evaluation:
        """Judge the network beside the baselines: the verdict in one sentence, and the scores.

        Returns
        -------
        Evaluation
            Of the last :meth:`cross_validation`; where there was none since :meth:`fit`, of the
            test part of that.

        Raises
        ------
        ConfigError
            Neither was called: a model file holds no scores.
        """
        judged = self._backtest or self._result
        if judged is None:
            raise ConfigError(
                "There is nothing to judge yet.", "Call fit or cross_validation first."
            )
        return Evaluation.of(judged.verdict, judged.scores, judged.outcomes)

    @property
    def history(self) -> DataFrame:
        """Losses, learning rate and gradient norm by epoch; ConfigError where it was not trained
        here.
        """
        if self._result is None:
            raise ConfigError("There is no training to tell of.", "Call fit first.")
        return history_frame(self._result.history)

    def save(self, path: str | Path) -> None:
        """Write a model file (``.candlecast``), which the window and the command line open too; it
        holds no code and no prices.

        Raises
        ------
        CandlecastError
            It was not trained, or the file cannot be written.
        """
        self._trained().save(path)

    @classmethod
    def load(
        cls, path: str | Path, *, device: str = "auto", options: ReadOptions | None = None
    ) -> Forecaster:
        """Read a model file that this class, the window or the command line wrote; nothing in it is
        executed.

        Raises
        ------
        ModelFileError
            The file is damaged, foreign, or its parts contradict each other.
        """
        from forecasting.training import TrainedNetwork

        network = TrainedNetwork.load(path, device)
        forecaster = cls(config=network.config, options=options)
        forecaster._network = network
        return forecaster

    def _trained(self) -> TrainedNetwork:
        if self._network is None:
            raise ConfigError(
                "This forecaster was not trained.", "Call fit(df) first, or Forecaster.load(path)."
            )
        return self._network

    def _reading(self) -> ReadOptions | None:
        """Return how frames are read: columns that are inputs are not taken for series."""
        names = [item for spec in self.config.inputs.exog for item in (spec.name, spec.released)]
        if not names:
            return self._options
        text = ",".join(quoted(name) for name in names if name)
        return (self._options or ReadOptions()).model_copy(update={"exog": text})

    def _suited(self, panel: Panel) -> RunConfig:
        """Return the settings, with the defaults that suit a panel where they were left open."""
        from forecasting import jobs

        return jobs.suited(panel, self._asked, self._given)[0] if self._suits else self._asked


def _with_lists(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with lists of inputs as the settings that hold them."""
    found = dict(settings)
    for name in ("hist_exog", "futr_exog", "stat_exog"):
        named = found.pop(f"{name}_list", None)
        if named is not None:
            found[name] = named if isinstance(named, str) else ",".join(map(str, named))
    return found


def _are_there(quantiles: Iterable[float]) -> bool:
    """Tell whether every forecast has these quantiles."""
    return all(any(abs(q - have) < 1e-9 for have in QUANTILES) for q in quantiles)


def _bars_of(n_windows: int, horizon: int, step_size: int) -> int:
    """Return the bars of a test part with so many cutoffs."""
    if isinstance(n_windows, bool) or not isinstance(n_windows, int) or n_windows < 1:
        raise ConfigError(
            f"n_windows = {n_windows!r}: a whole number of at least 1 is needed.",
            "Write n_windows=10.",
        )
    return horizon + (n_windows - 1) * step_size
