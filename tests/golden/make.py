"""Write one of every file that users keep, with the program as it is now:
``python tests/golden/make.py tests/golden/NAME``.

What is written is committed and never written again: later versions of the program have to open it.
A new format gets a new folder beside the old ones. ``--figures`` writes only ``figures.json``, what
a run gives by now: do so after a change that is meant to change forecasts, and look at the
difference.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
#: The run: a small network on real prices, the same in every command.
RUN = (
    "--epochs", "3", "--horizon", "3", "--input-size", "12", "--hidden-size", "4", "--val-size", "60", "--test-size", "60",
    "--seed", "7", "--device", "cpu",
)  # fmt: skip
WALK = ("--step-size", "4", "--refit", "8", "--workers", "1")
PRICES = "prices.csv"


def write_prices(path: Path) -> None:
    """Write the last 400 bars of the sample, as a file that a user may have."""
    from forecasting.sources import source

    (series,) = source("sample:sp500").load()
    days = series.ds.astype("datetime64[D]")
    rows = [
        ",".join((str(day), *(f"{value:.2f}" for value in bar)))
        for day, bar in zip(days, series.values, strict=True)
    ]
    path.write_text("\n".join([",".join(("Date", *series.columns)), *rows[-400:], ""]))


def printed(*words: str) -> str:
    """Return what a command prints."""
    from app.cli import main

    text = io.StringIO()
    with redirect_stdout(text):
        status = main(list(words))
    assert status == 0, words
    return text.getvalue()


def write_command_line(home: Path) -> None:
    """Train, judge and test through history from the command line; keep what it prints and what
    it writes.
    """
    prices = str(home / PRICES)
    commands = {
        "inspect": ("inspect", prices),
        "forecast": (
            "forecast", prices, *RUN, "--save", str(home / "model.candlecast"), "--save-training", str(home / "left.training"),
        ),
        "backtest": ("backtest", prices, *RUN, *WALK, "--resume", str(home / "folds")),
        "journal": ("journal",),
        "runs": ("runs", "list"),
    }  # fmt: skip
    for name, words in commands.items():
        (home / f"{name}.json").write_text(printed(*words, "--json").replace(str(home), "."))


def write_cached_ticker() -> None:
    """Put a ticker into the price cache, as a download would."""
    from dataclasses import replace

    from forecasting import store
    from forecasting.series import PriceSeries
    from forecasting.sources import source

    (sample,) = source("sample:sp500").load()
    wanted = source("yahoo:GOLD")
    bars = sample.head(60)
    origin = replace(
        bars.provenance,
        source="yahoo:GOLD",
        adjusted="adjusted",
        retrieved_at="2026-11-29T21:00:00+00:00",
        note="",
    )

    class Downloaded:
        key = wanted.key  # type: ignore[attr-defined]

        def download(self, since: object = None) -> PriceSeries:
            return replace(
                bars,
                symbol="GOLD",
                calendar="XNYS",
                tz="America/New_York",
                currency="USD",
                provenance=origin,
            )

        def finish(self, series: PriceSeries) -> PriceSeries:
            return series

    store.load(Downloaded())  # type: ignore[arg-type]


def write_window(home: Path) -> None:
    """Train in a window, look at it another way than usual, and save the project."""
    sys.path.insert(0, str(TESTS))
    from PySide6.QtWidgets import QApplication
    from window_bench import idle, wait, window

    from app.session import Session

    warm_up = Session.warm_up  # the window of the tests leaves it out
    app = QApplication.instance() or QApplication([])
    assert app is not None
    with window(home, str(home / PRICES)) as bench:
        config = bench.model.config().changed(
            model="gru",
            epochs=2,
            horizon=3,
            input_size=12,
            hidden_size=4,
            val_size=60,
            test_size=60,
            seed=7,
            device="cpu",
        )
        bench.model.show_config(config)
        warm_up(bench.session)
        bench.train()
        wait(lambda: bench.session.state == "idle", 300)
        idle(bench)
        bench.view_controller.set_style("line")
        preferences = bench.project_controller._preferences
        preferences.scale, preferences.span, preferences.theme = "log", "3M", "dark"
        preferences.indicators = ("sma(20)", "rsi(14)")
        preferences.offline = preferences.toured = True
        preferences.hidden = frozenset({"volume"})
        bench.chart.refresh()
        idle(bench)
        assert bench.project_controller.save_to(home / "mine.candleproject")
        bench.session.unsaved = False
        preferences.save()


def write_all(folder: Path) -> None:
    """Write the golden files into a folder that is new."""
    with tempfile.TemporaryDirectory(prefix="golden-") as made:
        home = Path(made)
        os.environ.update(CANDLECAST_HOME=made, QT_QPA_PLATFORM="offscreen")
        write_prices(home / PRICES)
        write_command_line(home)
        write_cached_ticker()
        write_window(home)
        import sqlite3

        with sqlite3.connect(home / "candlecast.sqlite") as db:
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("VACUUM")
        db.close()
        kept = (
            "*.json",
            "*.csv",
            "*.ini",
            "*.candleproject",
            "*.candlecast",
            "*.training",
            "*.sqlite",
            "folds",
        )
        folder.mkdir(parents=True)
        for path in sorted(item for pattern in kept for item in home.glob(pattern)):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, folder / path.name)
        about = {"run": list(RUN), "walk": list(WALK), "prices": PRICES}
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n")


def write_figures(path: Path) -> None:
    """Write what the run gives with the program as it is now."""
    with tempfile.TemporaryDirectory(prefix="golden-") as made:
        os.environ.update(CANDLECAST_HOME=made, QT_QPA_PLATFORM="offscreen")
        prices = str(Path(made) / PRICES)
        write_prices(Path(prices))
        commands = {
            "forecast": ("forecast", prices, *RUN, "--no-journal"),
            "backtest": ("backtest", prices, *RUN, *WALK),
        }
        documents = {
            name: json.loads(printed(*words, "--json")) for name, words in commands.items()
        }
        names = ("forecast", "scores", "calibration")
        figures = {
            name: {part: item[part] for part in names if part in item}
            for name, item in documents.items()
        }
        path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(TESTS.parent))
    if sys.argv[1] == "--figures":
        write_figures(Path(__file__).with_name("figures.json"))
    else:
        write_all(Path(sys.argv[1]))
