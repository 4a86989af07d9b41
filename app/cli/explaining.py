"""Why a forecast is what it is, in a terminal and as a document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.documents import Document, stamps
from app.cli.progress import finish

if TYPE_CHECKING:
    from rich.table import Table

    from forecasting.attribution import Ablated, Explanation
    from forecasting.series import Panel, PriceSeries
    from forecasting.training import TrainedNetwork

#: Inputs and bars that a terminal shows.
_MOST_ROWS = 10


def explanations(
    panel: Panel, model: Path | TrainedNetwork, device: str = "auto", exog_sources: str = ""
) -> Mapping[str, Explanation]:
    """Explain the forecast of the real future, and return the explanations by symbol."""
    from forecasting import jobs
    from forecasting.attribution import Explained

    job = jobs.explain(panel, model, device, exog_sources=exog_sources)
    return {item.symbol: item for item in finish(job, Explained).explanations}


def ablation(panel: Panel, network: TrainedNetwork) -> Ablated:
    """Measure what each input adds on the test part."""
    from forecasting import jobs
    from forecasting.attribution import Ablated

    return finish(jobs.ablate(panel, network), Ablated)


def ablation_document(found: Ablated) -> list[Document]:
    """Return what each group of inputs adds; ``skill`` is the share of CRPS that it saves."""
    return [
        {
            "group": item.name,
            "inputs": list(item.inputs),
            "skill": item.skill,
            "p_value": item.p_value,
        }
        for item in found.gains
    ]


def show_ablation(found: Ablated) -> None:
    """Print what each group of inputs adds on the test part."""
    from app.cli.console import console, titled_table

    out = console()
    if not found.gains:
        out.print("The network reads no inputs: there is nothing to leave out.")
        return
    if not found.counted:
        out.print(
            "On the validation part the inputs gained nothing, so that none of them counts.",
            soft_wrap=True,
        )
        return
    table = titled_table("What the inputs add on the test part")
    for heading in ("Inputs", "CRPS saved", "p"):
        table.add_column(heading, justify="left" if heading == "Inputs" else "right")
    for item in found.gains:
        p_value = "" if item.p_value != item.p_value else f"{item.p_value:.3f}"
        table.add_row(item.name, f"{item.skill:+.2%}", p_value)
    out.print(table)


def document(explanation: Explanation, series: PriceSeries) -> Document:
    """Return an explanation as JSON; changes are in units of the scale, of the width logs."""
    stamp = stamps(series)
    by_input, by_bar = explanation.by_input(), explanation.by_bar()
    bars = zip(explanation.ds, by_bar, explanation.width.sum(axis=1), strict=True)
    return {
        "step": explanation.step,
        "scale": explanation.scale,
        "start_median": explanation.start_median,
        "start_width": explanation.start_width,
        "median_change": explanation.median_change,
        "width_change": explanation.width_change,
        "residual": explanation.residual,
        "deletion": explanation.deletion,
        "inputs": [
            {"name": name, "median": median, "width": width}
            for name, (median, width) in by_input.items()
        ],
        "bars": [
            {"ds": stamp(ds), "median": float(median), "width": float(width)}
            for ds, median, width in bars
        ],
    }


def show_explanation(explanation: Explanation, series: PriceSeries) -> None:
    """Print the inputs and the bars that moved a forecast most."""
    from app.cli.console import console

    out, stamp = console(), stamps(series)
    out.print(_told(explanation), markup=False, highlight=False, soft_wrap=True)
    if not explanation.median.any() and not explanation.ahead_median.any():
        return
    table = _table("Inputs that moved it most", "Input")
    for name, (median, width) in list(explanation.by_input().items())[:_MOST_ROWS]:
        table.add_row(name, f"{median:+.3f}", f"{width:+.1%}")
    out.print(table)
    sizes = abs(explanation.by_bar())
    order = sorted(range(len(sizes)), key=lambda index: -sizes[index])[:_MOST_ROWS]
    table = _table("Bars that moved it most", "Bar")
    for index in order:
        median, width = explanation.by_bar()[index], explanation.width[index].sum()
        day = stamp(explanation.ds[index]).removesuffix(" 00:00:00")
        table.add_row(day, f"{median:+.3f}", f"{width:+.1%}")
    out.print(table)


def _told(explanation: Explanation) -> str:
    """Return in words what the forecast differs in from that of a usual window."""
    ahead = f"{explanation.step} bar{'s' * (explanation.step > 1)} ahead"
    if not explanation.median.any() and not explanation.ahead_median.any():
        return (
            f"{explanation.symbol}: neither the network nor the inputs count, so that nothing "
            f"read moved the forecast {ahead}."
        )
    ratio = explanation.deletion
    test = f" Without the top tenth it changes {ratio:.1f} times as much as without a random one."
    return (
        f"{explanation.symbol}: beside a usual window the median {ahead} is moved by "
        f"{explanation.median_change:+.3f} usual moves, the width by "
        f"{explanation.width_change:+.1%}.{test if ratio == ratio else ''}"
    )


def _table(title: str, first: str) -> Table:
    from app.cli.console import titled_table

    table = titled_table(title)
    table.add_column(first)
    table.add_column("Median", justify="right")
    table.add_column("Width", justify="right")
    return table
