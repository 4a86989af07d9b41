"""The searches of the store in a terminal: listed, shown and deleted."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.arguments import AsJson
from app.cli.search import in_words
from app.cli.terminal import say, show

if TYPE_CHECKING:
    from forecasting.store import SearchStore, StoredSearch, StoredTrial

searches_cli = typer.Typer(
    no_args_is_help=True,
    help="The searches for settings that were stored, those that were cut short among them.",
)
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="A search, by the first letters of its key.")
]


@searches_cli.command("list")
def show_list(as_json: AsJson = False) -> None:
    """List the searches, latest first."""
    from forecasting.store import SearchStore

    with SearchStore() as store:
        found = [_brief(store, search) for search in store.searches()]
        _say_findings(store)
    if as_json:
        show(json.dumps(found, indent=2))
    elif not found:
        show("No searches: candlecast search SOURCE begins one.")
    else:
        for row in found:
            show(
                f"{row['key']}  {row['made_at'][:16].replace('T', ' ')}  {row['state']:8}  "
                f"{row['trials']:4d} trials  {', '.join(row['symbols'][:3])}"
            )


@searches_cli.command("show")
def show_search(key: Key, as_json: AsJson = False) -> None:
    """Show the trials of a search and what it came to."""
    from forecasting.store import SearchStore

    with SearchStore() as store:
        search = store.find(key)
        trials = store.trials(search.key)
        brief = _brief(store, search)
        _say_findings(store)
    if as_json:
        full = brief | {
            "description": search.description,
            "result": search.result,
            "trials": [trial.record.model_dump(mode="json") for trial in trials],
        }
        show(json.dumps(full, indent=2))
        return
    show(f"{search.key}  {search.made_at[:16].replace('T', ' ')}  {_state(search)}")
    verdict = search.result.get("verdict", {})
    if isinstance(verdict, dict) and verdict.get("sentence"):
        show(str(verdict["sentence"]))
    for trial in sorted(trials, key=_order):
        record = trial.record
        loss = f"{record.running_loss[-1]:.4f}" if record.running_loss else "-"
        show(f"  {record.number:4d}  {record.state:8}  {loss:>10}  {in_words(record.values)}")


@searches_cli.command("delete")
def delete(
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Searches to delete.")],
) -> None:
    """Delete searches with their trials; runs stay."""
    from forecasting.store import SearchStore

    with SearchStore() as store:
        found = [store.find(key).key for key in keys]
        store.delete(found)
    show(f"Deleted: {', '.join(found)}.")


def _brief(store: SearchStore, search: StoredSearch) -> dict[str, Any]:
    symbols = search.description.get("symbols", [])
    return {
        "key": search.key,
        "made_at": search.made_at,
        "state": _state(search),
        "seconds": round(search.seconds, 3),
        "trials": sum(t.record.state != "running" for t in store.trials(search.key)),
        "symbols": [str(symbol) for symbol in symbols] if isinstance(symbols, list) else [],
    }


def _state(search: StoredSearch) -> str:
    """Return ``unfinished`` of a search that was cut short or still runs."""
    return "finished" if search.state == "finished" else "unfinished"


def _order(trial: StoredTrial) -> tuple[int, float]:
    """Order trials of more blocks first, then by their loss."""
    losses = trial.record.running_loss
    return -len(losses), losses[-1] if losses else math.inf


def _say_findings(store: SearchStore) -> None:
    for finding in store.findings:
        say(f"Note: {finding.message}")
