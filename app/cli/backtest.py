"""``candlecast backtest``: walk forward through the test part, and judge from each origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.arguments import AsJson, BySteps, KeepRun, SourceArguments
from app.cli.exporting import check_suffixes, check_targets, each_attempted
from app.cli.flags import HEADINGS, backtest_plan, flagged, input_files, quantile_levels, run_config
from app.cli.loading import Loaded, prepared
from app.cli.outcomes import WRITERS, write_outcomes
from app.cli.progress import Stopper, finish
from app.cli.runs import keep_backtest
from app.cli.terminal import say, show
from app.cli.trading_rules import judged_rules, rule_options, show_rules, write_rules
from forecasting.config import GROUPS, QUANTILES, BacktestConfig
from forecasting.sources.options import ReadOptions, TickerOptions
from forecasting.trading_rules import RuleOptions

if TYPE_CHECKING:
    from forecasting.events import BacktestFinished
    from forecasting.series import Panel
    from forecasting.trading_rules import RulesJudged


@dataclass(frozen=True, kw_only=True)
class BacktestArguments:
    """How a backtest is run, and what is written and shown of it."""

    quantiles: Annotated[
        str | None,
        typer.Option(
            metavar="LEVELS",
            help="Levels to forecast: 0.1,0.5,0.9 or first:last:step, as 0.01:0.99:0.01.",
        ),
    ] = None
    export: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write every forecast beside what happened (.parquet, .csv), or the judgement "
            "as a page (.html). Repeatable.",
        ),
    ] = None
    rules: Annotated[
        bool,
        typer.Option("--rules", help="Say what three fixed trading rules would have earned."),
    ] = False
    rules_export: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write position and value of each rule at every bar (.csv, .parquet). Repeatable.",
            rich_help_panel=HEADINGS["RuleOptions"],
        ),
    ] = None
    as_json: AsJson = False
    by_step: BySteps = False
    workers: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Processes for the folds; 0 takes as many as pay."),
    ] = 0
    cluster: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Dask scheduler that gets the folds instead: tcp://host:8786."
        ),
    ] = ""
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Keep finished folds there, and do not run them again."
        ),
    ] = None
    keep_it: KeepRun = True


@flagged(BacktestConfig, RuleOptions, *GROUPS.values(), ReadOptions, TickerOptions)
def backtest(source: SourceArguments, chosen: BacktestArguments, **settings: Any) -> int:
    """Walk forward through the test part and judge the network and the baselines from the same
    origins.
    """
    from forecasting import jobs
    from forecasting.events import BacktestFinished

    experiment, plan = run_config(source.config, settings), backtest_plan(settings)
    levels = quantile_levels(chosen.quantiles) if chosen.quantiles else QUANTILES
    targets, tables = chosen.export or [], chosen.rules_export or []
    trading = rule_options(chosen.rules, tables, settings, experiment)
    check_suffixes(targets, {**WRITERS, ".html": None})
    check_suffixes(tables, WRITERS, "--rules-export")
    check_targets([*targets, *tables], [*source.sources, *input_files(settings)])
    experiment, loaded = prepared(source, settings, experiment)
    with Stopper().listening() as stopper:
        job = jobs.backtest(
            loaded.panel,
            experiment,
            plan,
            levels,
            stopper,
            workers=chosen.workers,
            cluster=chosen.cluster,
            resume=chosen.resume,
        )
        finished = finish(stopper.following(job), BacktestFinished)
        with each_attempted() as attempt:
            if chosen.keep_it:
                keep_backtest(finished, loaded.panel, settings)
            earned = attempt(partial(judged_rules, finished, trading)) if trading else None
            for path in targets:
                attempt(partial(_write, path, finished, loaded.panel, levels, earned))
            if earned:
                for path in tables:
                    attempt(partial(write_rules, path, earned))
            attempt(lambda: _show(finished, plan, loaded, chosen, earned))
    return stopper.exit_status


def _show(
    finished: BacktestFinished,
    plan: BacktestConfig,
    loaded: Loaded,
    chosen: BacktestArguments,
    earned: RulesJudged | None,
) -> None:
    if chosen.as_json:
        from app.cli import documents
        from forecasting.trading_rules import document as rules_document

        found = documents.backtest(finished, plan, loaded.refused, chosen.by_step)
        panel = {
            "findings": documents.findings_of_all(loaded.panel),
            "left_out": documents.left_out({**loaded.left_out, **finished.left_out}),
        }
        rules = {"rules": rules_document(earned)} if earned else {}
        show(documents.to_json(found | panel | rules))
        return
    from app.cli.tables import show_findings, show_judgement, show_left_out
    from forecasting.metrics import profile

    show_findings(loaded.panel)
    levels = next(iter(finished.outcomes.values())).scored_levels
    steps = None
    if chosen.by_step:
        steps = {name: profile(item) for name, item in finished.outcomes.items()}
    show_judgement(finished.scores, finished.verdict, steps, levels)
    show_left_out({**loaded.left_out, **finished.left_out})
    if earned:
        show_rules(earned)


def _write(
    path: Path,
    finished: BacktestFinished,
    panel: Panel,
    levels: Sequence[float],
    earned: RulesJudged | None,
) -> None:
    """Write the judgement as a page, or the forecasts beside what happened as a table."""
    if path.suffix.lower() != ".html":
        write_outcomes(path, finished.outcomes, levels)
        return
    from app.export.backtest_report import write_backtest_report

    write_backtest_report(path, finished, panel, earned)
    say(f"Wrote {path}")
