"""Serialize projects as JSON: watchlist, settings, selected runs and views; the file holds no code
and no prices.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from app.charts.drawing import LARGEST_PRICE, Drawings
from app.features.odds.lines import OddsLines
from app.features.portfolio.holding import Holding
from app.preferences import Scale, Style
from app.watchlist import MOST_ROWS, Row, SeriesPreview, Watchlist
from forecasting.config import RunConfig, Settings
from forecasting.errors import CandlecastError
from forecasting.files.atomic import atomic_write, remove_stale
from forecasting.files.bounded_read import read_regular_file
from forecasting.series import PriceSeries
from forecasting.sources.options import Request
from forecasting.store.runs import LONGEST_NOTE, Curves, RunRecord, StoredRun, packed, unpacked

SUFFIX = ".candleproject"
#: Version of the file; a newer one is refused, and never overwritten.
VERSION = 1
#: Most bytes of a project file.
MOST_BYTES = 32 * 2**20
#: Most runs that are selected for comparison.
MOST_COMPARED = 100
#: Longest key of an entry of the legend.
LONGEST_KEY = 100
_HINT = (
    "Choose a project that Candlecast saved; its recovery copy, if there is one, is offered "
    "at the next start."
)


class ProjectError(CandlecastError):
    """A project file that is missing, damaged, too large or of a newer version."""


class NewerProjectError(ProjectError):
    """A project of a later version of the program."""


Finite = Annotated[float, Field(ge=-LARGEST_PRICE, le=LARGEST_PRICE, allow_inf_nan=False)]


class ProjectRow(Settings):
    """A row of the watchlist; ``fingerprint`` is that of its bars when it was saved, "" where
    they were not loaded.
    """

    request: Request
    symbol: str = Field(min_length=1, max_length=400)
    checked: bool = False
    glimpse: SeriesPreview | None = None
    fingerprint: str = Field("", max_length=200)


class ProjectView(Settings):
    """How it looks. ``bars`` and ``prices`` are what the user moved to; None while the chart
    follows its span.

    ``interval`` is the distance of the bars in the chart, "" as loaded; ``overlays`` are the
    symbols of the series that it is compared with; ``cells`` those of the charts beside it, of
    ``charts`` in all.

    ``theme`` is that of the window that wrote it; a window that opens it keeps its own.
    """

    style: Style = "candles"
    scale: Scale = "linear"
    span: str = Field("1Y", max_length=10)
    theme: Literal["system", "light", "dark"] = "system"
    bars: tuple[Finite, Finite] | None = None
    prices: tuple[Finite, Finite] | None = None
    layout: str = Field("", max_length=2**20)
    indicators: tuple[Annotated[str, Field(max_length=100)], ...] = Field((), max_length=100)
    hidden: tuple[Annotated[str, Field(max_length=LONGEST_KEY)], ...] = Field((), max_length=100)
    interval: str = Field("", max_length=10)
    overlays: tuple[Annotated[str, Field(max_length=400)], ...] = Field((), max_length=100)
    charts: Literal[1, 2, 4] = 1
    cells: tuple[Annotated[str, Field(max_length=400)], ...] = Field((), max_length=3)

    @model_validator(mode="after")
    def _ranges_rise(self) -> ProjectView:
        for limits in (self.bars, self.prices):
            if limits is not None and not limits[0] < limits[1]:
                raise ValueError("a range has to rise")
        return self


class ProjectRun(Settings):
    """A run with all that shows it again; ``curves`` are packed numbers in base64, ``candles``
    says whether its forecast is drawn as whole candles.
    """

    record: RunRecord
    curves: str = Field("", max_length=MOST_BYTES)
    key: str = Field(max_length=100)
    notes: str = Field("", max_length=LONGEST_NOTE)
    candles: bool = False

    @classmethod
    def of(cls, run: StoredRun, curves: Curves) -> ProjectRun:
        """Return a run of the store as a project holds it."""
        return cls(
            record=run.record,
            curves=base64.b64encode(packed(curves)).decode(),
            key=run.key,
            notes=run.notes,
            candles=run.candles,
        )

    def unpack(self) -> tuple[StoredRun, Curves]:
        """Return the run and its curves; DataError where they are damaged."""
        try:
            data = base64.b64decode(self.curves, validate=True)
        except binascii.Error:
            data = b""
        run = StoredRun(self.key, self.record, self.notes, candles=self.candles)
        return run, unpacked(self.record, data)


class Project(Settings):
    """Everything in a project file.

    Attributes
    ----------
    rows : tuple of ProjectRow
        The watchlist.
    selected : int
        Place of the shown row.
    config : dict
        The form, for ``RunConfig.model_validate``; empty for the defaults.
    compared : tuple of str
        Keys of the runs in the store that are drawn for comparison.
    shown : ProjectRun or None
        The run that was shown last.
    odds : OddsLines
        Lines over the forecasts.
    drawings : Drawings
        Lines, rectangles and notes on the charts.
    portfolio : Holding
        What is held, and how it is looked at.
    view : ProjectView
    path : str
        In a recovery copy only: the project that it belongs to, "" for one without a file.
    """

    candleproject: Literal[1]
    saved_at: str = Field("", max_length=40)
    rows: tuple[ProjectRow, ...] = Field((), max_length=MOST_ROWS)
    selected: int = Field(0, ge=0)
    config: dict[str, Any] = Field({}, max_length=20)
    compared: tuple[Annotated[str, Field(max_length=100)], ...] = Field(
        (), max_length=MOST_COMPARED
    )
    shown: ProjectRun | None = None
    odds: OddsLines = OddsLines()
    drawings: Drawings = Drawings()
    portfolio: Holding = Holding()
    view: ProjectView = ProjectView()
    path: str = Field("", max_length=4096)

    @property
    def watchlist(self) -> Watchlist:
        """The rows, none of them loaded yet."""
        return Watchlist(
            tuple(
                Row(item.request, item.symbol, item.checked, glimpse=item.glimpse)
                for item in self.rows
            )
        )

    @property
    def run_config(self) -> RunConfig:
        """The form; ConfigError where this program does not know it."""
        return RunConfig.from_json(_json(self.config))

    @property
    def content(self) -> tuple[object, ...]:
        """What makes two projects differ to a person who is asked whether to save: neither view
        nor glimpses nor time.
        """
        return content_of(
            self.rows,
            self.config,
            self.compared,
            self.shown.key if self.shown else "",
            self.odds,
            self.portfolio,
            self.drawings,
        )

    def moved(self, folder: Path, *, inwards: bool) -> Project:
        """Return the project with the files at or below a folder named from there
        (``./prices/a.csv``), or the other way round.
        """
        rename = _within if inwards else _from
        rows = [
            row.model_copy(update={"request": rename(row.request, folder)}) for row in self.rows
        ]
        return self.model_copy(update={"rows": tuple(rows)})


def content_of(
    rows: Iterable[Row | ProjectRow],
    config: dict[str, Any],
    compared: tuple[str, ...],
    shown: str,
    odds: OddsLines,
    portfolio: Holding,
    drawings: Drawings,
) -> tuple[object, ...]:
    """Return what :attr:`Project.content` is made of, without making a project; one run alone is
    selected, not compared.
    """
    several = compared if len(compared) > 1 else ()
    return (
        tuple((row.request, row.symbol, row.checked) for row in rows),
        _json(config),
        several,
        shown,
        odds,
        portfolio,
        drawings,
    )


def rows_of(
    watchlist: Watchlist, fingerprint: Callable[[PriceSeries], str]
) -> tuple[ProjectRow, ...]:
    """Return the rows of a list as a project holds them; ``fingerprint`` tells that of a series."""
    return tuple(
        ProjectRow(
            request=row.request,
            symbol=row.symbol,
            checked=row.checked,
            glimpse=row.glimpse,
            fingerprint=fingerprint(row.series) if row.series is not None else "",
        )
        for row in watchlist.rows[:MOST_ROWS]
    )


def write_project(path: Path, project: Project) -> None:
    """Write a project in one step; files beside it are named from its folder.

    Raises
    ------
    ExportError
        The folder or the disk does not allow it; a file that was there stays as it was.
    """
    stamped = project.model_copy(
        update={"saved_at": datetime.now(UTC).isoformat(timespec="seconds")}
    )
    atomic_write(
        path,
        stamped.moved(path.parent, inwards=True)
        .model_dump_json(exclude_defaults=True, indent=1)
        .encode(),
    )


def read_project(path: Path) -> Project:
    """Read a project; nothing of it is loaded yet, and nothing in it is executed.

    Raises
    ------
    ProjectError
        Says what is wrong with the file, and where in it.
    """
    remove_stale(path.parent, path.name)
    try:
        data = read_regular_file(path, MOST_BYTES)
    except FileNotFoundError as error:
        raise ProjectError(
            f"There is no project {path}.", "It may have been moved or renamed."
        ) from error
    except OSError as error:
        raise ProjectError(
            f"{path} cannot be read: {error.strerror or error}.",
            "Check the path and your permissions.",
        ) from error
    try:
        project = Project.model_validate_json(data)
    except ValidationError as error:
        raise _explained(path, error) from error
    return project.moved(path.absolute().parent, inwards=False)


def is_project(reference: str) -> bool:
    """Tell whether a reference names a project rather than prices."""
    return PurePath(reference).suffix.lower() == SUFFIX


def _explained(path: Path, error: ValidationError) -> ProjectError:
    first = error.errors(include_url=False)[0]
    index = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return ProjectError(
            f"{path.name} is no project: it is not JSON, or only a part of it ({first['msg']}).",
            _HINT,
        )
    if index == "candleproject":
        found = first.get("input")
        if isinstance(found, int) and found > VERSION:
            return NewerProjectError(
                f"{path.name} was saved by a newer Candlecast (version {found}).",
                "Update Candlecast, then open it again.",
            )
    value = repr(first.get("input"))
    shown = value if len(value) <= 80 else f"{value[:77]}..."
    return ProjectError(
        f"{path.name} is damaged at {index or 'its beginning'}: {first['msg'].lower()}, not "
        f"{shown}.",
        _HINT,
    )


def _within(request: Request, folder: Path) -> Request:
    """Name a file at or below a folder from there."""
    if not request.spec.is_path:
        return request
    path = Path(request.reference).absolute()
    inside = path.is_relative_to(folder.absolute())
    return request.model_copy(
        update={
            "reference": f"./{path.relative_to(folder.absolute()).as_posix()}"
            if inside
            else str(path)
        }
    )


def _from(request: Request, folder: Path) -> Request:
    """Undo :func:`_within`; a name that leads out of the folder stays as it is."""
    if (
        not request.spec.is_path
        or not request.reference.startswith("./")
        or ".." in PurePath(request.reference).parts
    ):
        return request
    return request.model_copy(update={"reference": str(folder / request.reference[2:])})


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)
