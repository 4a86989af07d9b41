"""Arguments that several commands share."""

from __future__ import annotations

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
