"""The tools that an assistant may call, and the server that offers them on stdin and stdout.

Each tool is a command of the program, run in a process of its own. None writes a file that a client
names; forecasts are entered in the journal and runs are kept, as from the command line.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Annotated, Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from app.cli.mcp_call import RUNNING, CommandError, Document, answer, flags, run_command
from app.interrupts import SIGNALS, end
from forecasting import __version__
from forecasting.config import GROUPS, BacktestConfig
from forecasting.imported_forecasts.options import ForecastOptions
from forecasting.sources.options import ReadOptions, TickerOptions

INSTRUCTIONS = """Forecasts of price series, judged against simple baselines. Prices alone hardly
ever allow a forecast that is better than no change: say so, and quote the verdict and the base rate
of each answer beside any number. An answer without a verdict that says "beats" is no reason to
trade. Sources are paths of files (CSV, Excel, Parquet), yahoo:TICKER or sample:NAME (sample:sp500).
Begin with inspect. Training takes from seconds to minutes and reports progress."""

Source = Annotated[
    str, Field(description="A file of prices, yahoo:TICKER or sample:NAME such as sample:sp500.")
]
Sources = Annotated[
    list[str],
    Field(
        min_length=1,
        max_length=500,
        description="What to load: files of prices, yahoo:TICKER or sample:NAME; several make a "
        "panel.",
    ),
]
Value = str | int | float | bool
Settings = Annotated[
    dict[str, Value],
    Field(
        description="Further settings of the command line by name: model (lstm, gru, rnn, "
        "transformer), epochs, hidden_size, input_size, seed, sheet, columns, ... "
        "A wrong name is answered with the list."
    ),
]
Offline = Annotated[
    bool, Field(description="Take tickers from the price cache as they are, without a request.")
]
Horizon = Annotated[int, Field(ge=0, le=1000, description="Bars ahead; 0 for the default.")]

_READING = (ReadOptions, TickerOptions)


def serve() -> None:
    """Serve until stdin ends; a signal ends the running commands first."""
    for signum in SIGNALS:
        signal.signal(signum, _end)
    server().run("stdio")


def server() -> MCPServer[Any]:
    """Return the server with its tools."""
    made: MCPServer[Any] = MCPServer(
        "candlecast", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    for tool in (inspect, forecast, backtest, odds, portfolio, search, judge, journal):
        made.add_tool(tool)
    return made


def _end(signum: int, frame: FrameType | None = None) -> None:
    for process in RUNNING:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    end(signum, frame)


async def inspect(
    sources: Sources,
    context: Context,
    settings: Settings | None = None,
    offline: Offline = False,
) -> Document:
    """Say how prices are understood: bars, dates, columns, calendar, findings about their quality,
    and columns that may serve as inputs. The base rate is the share of bars that closed higher.
    """
    options = [*_flags(settings, *_READING), "--base-rate"]
    found, notes = await _run(context, "inspect", options, sources, offline)
    faults = sum(len(item["findings"]) for item in found)
    sentence = (
        "Nothing is forecast here, so nothing is judged. "
        f"{faults or 'No'} finding{'' if faults == 1 else 's'} about the quality of the data."
    )
    return answer(found, notes, {"sentence": sentence}, _rates(found))


async def forecast(
    sources: Sources,
    context: Context,
    horizon: Horizon = 0,
    model_file: Annotated[
        str, Field(description="A saved model to forecast with instead of training.")
    ] = "",
    settings: Settings | None = None,
    accept_findings: Annotated[
        bool, Field(description="Go on with data that has errors; inspect names them.")
    ] = False,
    offline: Offline = False,
) -> Document:
    """Train a network on the prices and forecast the next bars with bands, judged on the last part
    of the history against the best simple baseline. The forecast is entered in the journal.
    """
    options = _flags(settings, *GROUPS.values(), *_READING)
    options += _optional(horizon=horizon, model_file=model_file, accept_findings=accept_findings)
    found, notes = await _run(context, "forecast", [*options, "--base-rate"], sources, offline)
    verdict = found[0].get("verdict") or {
        "sentence": "Not judged here: a saved model forecasts without a test part. Call backtest, "
        "or look at the verdict of its training."
    }
    return answer(found, notes, verdict, _rates(found))


async def backtest(
    sources: Sources,
    context: Context,
    horizon: Horizon = 0,
    step_size: Annotated[int, Field(ge=0, description="Bars between origins; 0: default.")] = 0,
    refit: Annotated[int, Field(ge=0, description="Origins between trainings; 0: train once.")] = 0,
    settings: Settings | None = None,
    accept_findings: bool = False,
    offline: Offline = False,
) -> Document:
    """Walk forward through the last part of the history and judge the network and the baselines
    from the same origins. The base rate is the share of outcomes above the last price.
    """
    options = _flags(settings, BacktestConfig, *GROUPS.values(), *_READING)
    options += _optional(
        horizon=horizon, step_size=step_size, refit=refit, accept_findings=accept_findings
    )
    found, notes = await _run(context, "backtest", options, sources, offline)
    return answer(found, notes, found[0]["verdict"], found[0]["base_rate"])


async def odds(
    source: Source,
    levels: Annotated[
        list[str],
        Field(min_length=1, max_length=20, description="Prices, or changes such as +5% or -3%."),
    ],
    context: Context,
    horizon: Horizon = 0,
    by: Annotated[str, Field(description="Last day that counts, as 2026-12-12.")] = "",
    baseline: Annotated[
        str, Field(description="Baseline that the odds come from; '' trains a network.")
    ] = "har",
    model_file: Annotated[str, Field(description="A saved model instead of the baseline.")] = "",
    settings: Settings | None = None,
    offline: Offline = False,
) -> Document:
    """Say how likely the price closes above a level and touches it, by each of the next bars. The
    verdict judges such odds from past cutoffs against the base rate: the share of past stretches
    in which such a change came.
    """
    options = _flags(settings, *GROUPS.values(), *_READING)
    options += [f"--level={level}" for level in levels]
    options += _optional(horizon=horizon, by=by, model_file=model_file)
    options += _optional(**{"with": "" if model_file else baseline})
    found, notes = await _run(context, "odds", [*options, "--backtest"], [source], offline)
    verdicts = {f"{item['level']:g}": item["verdict"] for item in found}
    rates = {f"{item['level']:g}": item["base_rate"] for item in found}
    return answer(found, notes, verdicts, rates)


async def portfolio(
    sources: Sources,
    context: Context,
    weights: Annotated[
        str, Field(description="Shares in the order of the sources, 0.6,0.4, or SYMBOL=SHARE.")
    ] = "",
    horizon: Horizon = 0,
    baseline: Annotated[
        str, Field(description="Baseline that the forecast comes from; '' trains a network.")
    ] = "har",
    suppose: Annotated[
        str, Field(description="Only paths on which something changes so: market=-10%.")
    ] = "",
    settings: Settings | None = None,
    offline: Offline = False,
) -> Document:
    """Say what several series held together may be worth: distribution, value at risk, expected
    shortfall, contributions. The verdict judges such forecasts from past cutoffs; the base rate is
    the share of past stretches in which these holdings gained.
    """
    options = _flags(settings, *GROUPS.values(), *_READING)
    options += _optional(weights=weights, horizon=horizon, suppose=suppose)
    options += [*_optional(**{"with": baseline}), "--backtest", "--base-rate"]
    found, notes = await _run(context, "portfolio", options, sources, offline)
    return answer(found, notes, found[0]["verdict"], found[0]["base_rate"])


async def search(
    sources: Sources,
    context: Context,
    trials: Annotated[int, Field(ge=1, le=1000, description="Trainings that are tried.")] = 20,
    minutes: Annotated[float, Field(ge=0, le=600, description="Most minutes; 0: no limit.")] = 10,
    only: Annotated[
        str, Field(description="Settings that are searched, with commas: input_size,model.")
    ] = "",
    horizon: Horizon = 0,
    settings: Settings | None = None,
    accept_findings: bool = False,
    offline: Offline = False,
) -> Document:
    """Search for settings on the bars before the test part, then look at that once. The verdict
    says whether they are better than the defaults, with a p-value corrected for the search; the
    base rate is the share of past stretches that ended higher.
    """
    options = _flags(settings, *GROUPS.values(), *_READING)
    options += _optional(
        trials=trials, minutes=minutes, only=only, horizon=horizon, accept_findings=accept_findings
    )
    found, notes = await _run(context, "search", [*options, "--base-rate"], sources, offline)
    return answer(found, notes, found[0]["verdict"], found[0]["base_rate"])


async def judge(
    forecasts: Annotated[str, Field(description="File of forecasts: CSV, JSON, Excel, Parquet.")],
    context: Context,
    prices: Annotated[
        list[str], Field(max_length=500, description="What they are about; default: their own.")
    ] = [],  # noqa: B006 - a default that the protocol shows; never changed
    baselines: Annotated[str, Field(description="auto, all, or names with commas.")] = "auto",
    settings: Settings | None = None,
    offline: Offline = False,
) -> Document:
    """Judge forecasts that others made, of any model in any usual layout: against baselines from
    the same bars, with significance, calibration, copy and leak checks.
    """
    options = _flags(settings, ForecastOptions, TickerOptions)
    options += [*_optional(baselines=baselines), "--base-rate"]
    found, notes = await _run(context, "judge", options, [forecasts, *prices], offline)
    models = found[0]["models"]
    verdicts = {name: item["verdict"] for name, item in models.items()}
    rates = {name: item["base_rate"] for name, item in models.items()}
    return answer(found, notes, verdicts, rates)


async def journal(
    context: Context,
    sources: Annotated[list[str], Field(max_length=500, description="Prices to load first.")] = [],  # noqa: B006 - a default that the protocol shows; never changed
    update: Annotated[
        bool, Field(description="Load the sources of all forecasts that are open.")
    ] = False,
    show: Annotated[Literal["all", "open"], Field(description="Which entries to return.")] = "all",
    offline: Offline = False,
) -> Document:
    """Return the forecasts that were made, what came of them, and how often the bands held: the
    verdict is the realised coverage, the base rate the share of outcomes above the last price.
    """
    options = ["--update"] if update else []
    found, notes = await _run(context, "journal", options, sources, offline)
    document = found[0]
    if show == "open":
        document["entries"] = [item for item in document["entries"] if item["state"] == "open"]
    return answer([document], notes, document["verdict"], document["base_rate"])


async def _run(
    context: Context,
    command: str,
    options: Sequence[str],
    sources: Sequence[str],
    offline: bool,
) -> tuple[list[Document], list[str]]:
    async def report(done: float, total: float | None, message: str) -> None:
        await context.report_progress(done, total, message)

    try:
        return await run_command(
            command, [*options, *(["--offline"] if offline else [])], sources, report
        )
    except CommandError as error:
        raise ToolError(str(error)) from error


def _flags(settings: Mapping[str, Value] | None, *groups: type) -> list[str]:
    allowed = {name: cls for cls in groups for name in cls.model_fields}  # type: ignore[attr-defined]
    try:
        return flags(settings or {}, allowed)
    except CommandError as error:
        raise ToolError(str(error)) from error


def _optional(**options: Value) -> list[str]:
    """Return options that are given as flags; what is empty, 0 or False is left out."""
    found = []
    for name, value in options.items():
        dashed = name.replace("_", "-")
        if value is True:
            found.append(f"--{dashed}")
        elif value:
            found.append(f"--{dashed}={value}")
    return found


def _rates(found: Sequence[Document]) -> Document:
    """Return the base rate of each series by its symbol; of one alone as it is."""
    rates = {str(item["symbol"]): item["base_rate"] for item in found}
    return next(iter(rates.values())) if len(rates) == 1 else rates
