"""What each dependency costs to import and on disk, and under which licence it stands; writes the
tables of docs/dependencies.md.

``python benchmarks/imports.py`` prints them, ``--write`` puts them into the page. CPU time and
memory are what importing the one package, and all that it needs, adds to a bare process; the least
of five.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "dependencies.md"

#: Each direct dependency: what is imported, and why it is here.
DIRECT = {
    "arch": (
        "arch",
        "the price files of the samples; in tests, the reference of GARCH and of tests of many "
        "forecasts",
    ),
    "charset-normalizer": ("charset_normalizer", "the encoding of price files that are not UTF-8"),
    "exchange-calendars": (
        "exchange_calendars",
        "the sessions that a forecast is for: holidays and half days of each exchange",
    ),
    "jinja2": ("jinja2", "the pages of reports: one template, in which all text is escaped"),
    "numpy": ("numpy", "arrays"),
    "optuna": (
        "optuna",
        "the search for settings: its tree-structured Parzen estimator, in memory",
    ),
    "pandas": ("pandas", "yfinance and exchange_calendars speak it; dates with time zones"),
    "pandas-ta-classic": ("pandas_ta_classic", "the indicators of the chart; agrees with TA-Lib"),
    "platformdirs": ("platformdirs", "where settings, data and caches belong on each system"),
    "psutil": (
        "psutil",
        "memory and child processes, for the status bar and for ending what was started",
    ),
    "pyarrow": ("pyarrow", "Parquet files, and fast CSV"),
    "pydantic": (
        "pydantic.main",
        "settings with limits and words, from which forms, flags and JSON come",
    ),
    "pyqtgraph": ("pyqtgraph", "charts that follow the mouse over a million bars"),
    "PySide6-Essentials": ("PySide6.QtWidgets", "the window; Qt's own binding for Python"),
    "python-calamine": (
        "python_calamine",
        "Excel and OpenDocument tables, read by a parser in Rust that runs no macro",
    ),
    "rich": ("rich.console", "tables and progress on the command line"),
    "safetensors": ("safetensors.numpy", "weights in files that cannot hold code"),
    "threadpoolctl": (
        "threadpoolctl",
        "one thread of linear algebra for each process of a backtest",
    ),
    "torch": ("torch", "networks and their gradients"),
    "typer": ("typer", "the command line, built from the same settings as the window's forms"),
    "yfinance": (
        "yfinance",
        "prices by ticker, with the cookies and the time zones that this takes",
    ),
}
#: Licences of packages whose metadata do not name one; read in the files that they ship.
UNNAMED = {"peewee": "MIT"}
_SHORT = {
    r"apache|apache software license|apache 2\.0": "Apache-2.0",
    r"mit license": "MIT",
    r"bsd|bsd license|3-clause bsd license|copyright \(c\) 2001-2002 enthought.*": "BSD-3-Clause",
    r"2-clause bsd": "BSD-2-Clause",
    r"isc license.*": "ISC",
    r"mozilla public license 2\.0.*": "MPL-2.0",
}
_MEASURE = """
import os, time
def used():
    try:
        with open("/proc/self/statm") as file:
            size = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import psutil
        size = psutil.Process().memory_info().rss
    return time.process_time(), size / 2**20
before = used()
import {}
after = used()
print(after[0] - before[0], after[1] - before[1])
"""


def locked(lock: str = "requirements.lock") -> dict[str, str]:
    """Return the packages that a lock names, with their versions."""
    pins = re.findall(
        r"^([a-z0-9._-]+)==([^\s;]+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE
    )
    return dict(pins)


def licence(found: Distribution) -> str:
    """Return the licence of a package in few words: its expression, or what its metadata say in
    other fields.
    """
    facts = found.metadata
    said = facts.get("License-Expression") or facts.get("License") or ""
    if not said:
        named = [
            line.rsplit("::", 1)[1].strip()
            for line in facts.get_all("Classifier") or ()
            if line.startswith("License ::")
        ]
        said = ", ".join(item for item in named if item != "DFSG approved")
    said = " ".join(said.split())
    for pattern, short in _SHORT.items():
        if re.fullmatch(pattern, said, re.IGNORECASE):
            return short
    return said[:120] or UNNAMED.get(facts["Name"].lower(), "")


def megabytes(found: Distribution) -> float:
    """Return what a package's own files take on disk."""
    sizes = (Path(str(found.locate_file(item))) for item in found.files or ())
    return sum(path.stat().st_size for path in sizes if path.is_file()) / 2**20


def cost(module: str, repeats: int = 5) -> tuple[float, float]:
    """Return CPU seconds and megabytes that importing a module takes in a process of its own,
    the least of several.
    """
    return min(_measured(module) for _ in range(repeats))


def _measured(module: str) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE.format(module)], capture_output=True, text=True, check=True
    )
    seconds, size = done.stdout.split()
    return float(seconds), float(size)


def direct_table() -> Iterator[str]:
    """Yield the table of what Candlecast itself imports."""
    yield "| package | why | licence | import, CPU ms | import, MB | on disk, MB |"
    yield "| --- | --- | --- | ---: | ---: | ---: |"
    for name, (module, why) in DIRECT.items():
        found = distribution(name)
        seconds, size = cost(module)
        yield (
            f"| {name} {found.version} | {why} | {licence(found)} | {seconds * 1e3:.0f} | "
            f"{size:.0f} | {megabytes(found):.1f} |"
        )


def further_table() -> Iterator[str]:
    """Yield the table of what these bring along."""
    yield "| package | licence | on disk, MB |"
    yield "| --- | --- | ---: |"
    known = {name.lower() for name in DIRECT}
    for name in locked():
        if name in known:
            continue
        try:
            found = distribution(name)
        except ModuleNotFoundError:  # for another system or Python
            continue
        yield f"| {name} {found.version} | {licence(found)} | {megabytes(found):.1f} |"


def main() -> None:
    """Print the tables, or put them between the page's marks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="into docs/dependencies.md")
    wanted = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    for mark, rows in (("direct", direct_table()), ("further", further_table())):
        table = "\n".join(rows)
        print(table, end="\n\n")
        page = re.sub(
            rf"(<!-- {mark} -->\n).*?(<!-- end -->)",
            lambda found, table=table: f"{found[1]}{table}\n{found[2]}",
            page,
            flags=re.S,
        )
    if wanted.write:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
