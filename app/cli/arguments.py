"""Arguments that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from forecasting.source_registry import examples

Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE", help=f"What to load: {examples()}; several make a panel."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings saved as JSON; flags override them."),
]
Refresh = Annotated[
    bool | None,
    typer.Option(
        "--refresh/--offline",
        help="Bring tickers in the price cache up to date, or take them as they are there. "
        "Default: what is older than 15 minutes.",
        show_default=False,
        rich_help_panel="Tickers",
    ),
]
KeepRun = Annotated[
    bool,
    typer.Option(
        "--keep-run/--no-keep-run", help="Keep the run in the store: see candlecast runs."
    ),
]
AcceptFindings = Annotated[
    bool,
    typer.Option(
        "--accept-findings",
        help="Go on with data that has errors (see inspect); without it they end the command.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else.")
]
BaseRate = Annotated[
    bool,
    typer.Option(
        "--base-rate", help="Say how often the price ended higher by itself over as many bars, too."
    ),
]
ExportFiles = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Write the result; the suffix decides. Repeatable."),
]
KeepInJournal = Annotated[
    bool, typer.Option(help="Enter the forecast in the journal, to be compared with what happens.")
]
BySteps = Annotated[
    bool,
    typer.Option(
        "--by-step", help="Show the scores for each bar ahead too, and every band's coverage."
    ),
]


@dataclass(frozen=True, kw_only=True)
class SourceArguments:
    """What a command loads, and with which settings it begins."""

    sources: Sources
    config: ConfigFile = None
    accept_findings: AcceptFindings = False
    refresh: Refresh = None
