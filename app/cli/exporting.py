"""What ``--export`` writes, which files it makes, and how its pictures look."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import Field

from app.charts.registry import PLOTS
from app.cli.flags import given
from app.cli.terminal import say
from app.export import EXPORTERS, PICTURES, Look, write
from app.export.figure import read_size
from forecasting.config import Settings
from forecasting.errors import CandlecastError, ExportError
from forecasting.files.atomic import data_folder

if TYPE_CHECKING:
    from forecasting.events import Prediction, RunResult, Saveable
    from forecasting.series import Panel

ResultT = TypeVar("ResultT")
_NOT_IN_NAMES = re.compile(r"[^\w.=^-]")
_ALL = "all"
#: Most bytes of the name of a file on the usual file systems.
_LONGEST_NAME = 255


class ExportOptions(Settings):
    """How pictures of ``--export`` look; tables and reports heed none of it."""

    plot: str = Field(
        "price", description=f"Plots to draw, parted by commas: {', '.join(PLOTS)}; or all."
    )
    size: str = Field(
        "10x6in", description="Size of pictures: 1920x1080 (pixels), 10x6in, 25x15cm or 250x150mm."
    )
    dpi: int = Field(
        0,
        description="Pixels an inch of PNG; 0 takes 300, or 96 where the size is in pixels.",
        ge=0,
        le=2400,
    )
    theme: Literal["light", "dark"] = Field("light", description="Colours of pictures.")
    transparent: bool = Field(False, description="Leave the ground of pictures out.")
    footer: bool = Field(
        True, description="Write verdict, source, dates, model and seed below pictures."
    )

    def look(self) -> Look:
        """Return the look of pictures; ExportError for a size that cannot be read or drawn."""
        size, dpi = read_size(self.size, self.dpi or None)
        return Look(size, dpi, self.theme, self.transparent, self.footer)

    def kinds(self) -> tuple[str, ...]:
        """Return the plots to draw; ExportError for one that there is not."""
        names = (
            tuple(PLOTS)
            if self.plot == _ALL
            else tuple(dict.fromkeys(word.strip() for word in self.plot.split(",")))
        )
        bad = next((name for name in names if name not in PLOTS), None)
        if bad is not None:
            raise ExportError(
                f"--plot: there is no plot '{bad}'.", f"Possible are {', '.join(PLOTS)} and {_ALL}."
            )
        return names


def options_from(settings: Mapping[str, Any], targets: Sequence[Path]) -> ExportOptions:
    """Return how to export, with everything checked before the work rather than after it.

    Raises
    ------
    ExportError
        A size, plot or format that there is not, or export settings without ``--export``.
    """
    chosen = given(settings, ExportOptions)
    if chosen and not targets:
        raise ExportError(f"--{next(iter(chosen))} has nothing to act on.", "Add --export FILE.")
    options = ExportOptions(**chosen)
    options.look()
    options.kinds()
    check_suffixes(targets, EXPORTERS)
    return options


def export(targets: Sequence[Path], result: RunResult | Prediction, options: ExportOptions) -> None:
    """Write the exports; a file that fails does not keep the others from being written."""
    look = options.look()

    def make(path: Path, symbol: str | None, kind: str) -> None:
        write(path, result, symbol=symbol, kind=kind, look=look)
        say(f"Wrote {path}")

    with each_attempted() as attempt:
        for target in targets:
            attempt(partial(_export_one, target, result, options, make))


def _export_one(
    target: Path,
    result: RunResult | Prediction,
    options: ExportOptions,
    make: Callable[[Path, str | None, str], None],
) -> None:
    """Write all files of one ``--export``."""
    with each_attempted() as attempt:
        for part in _parts(target, result, options):
            attempt(partial(make, *part))


@contextlib.contextmanager
def each_attempted() -> Iterator[Callable[[Callable[[], ResultT]], ResultT | None]]:
    """Hand out what tries something: whatever fails keeps nothing else from being tried, and is
    told in the end.

    Raises
    ------
    Exception
        The first failure, once all others were told.
    """
    failed: list[Exception] = []

    def attempt(do: Callable[[], ResultT]) -> ResultT | None:
        try:
            return do()
        except Exception as error:  # whatever it is, it must not cost the other files
            failed.append(error)
            return None

    yield attempt
    for error in failed[1:]:
        say(f"Error: {said(error)}")
    if failed:
        raise failed[0]


def said(error: Exception) -> str:
    """Return what a failure says: message and hint, or kind and message of a fault of the
    program.
    """
    return str(error) if isinstance(error, CandlecastError) else f"{type(error).__name__}: {error}"


def save_network(forecaster: Saveable, path: Path) -> None:
    """Write a trained network; where that fails it is kept in the program's own folder, and the
    error says where.

    Raises
    ------
    ExportError
        It could not be written where it was wanted.
    """
    try:
        forecaster.save(path)
    except ExportError as error:
        kept = data_folder() / "rescued" / f"{path.stem}-{secrets.token_hex(4)}.candlecast"
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            forecaster.save(kept)
        except (OSError, CandlecastError):
            raise error from None
        raise ExportError(
            error.message, f"{error.hint}\nThe network is not lost: it was kept as {kept}."
        ) from error
    say(f"Wrote {path}")


def check_suffixes(
    targets: Sequence[Path], known: Mapping[str, Any], flag: str = "--export"
) -> None:
    """Refuse a format that nothing writes, before the work rather than after it."""
    bad = next((path for path in targets if path.suffix.lower() not in known), None)
    if bad is not None:
        raise ExportError(
            f"{flag} {bad}: there is no format '{bad.suffix}'.",
            f"Possible are {', '.join(known)}.",
        )


def check_judged(targets: Sequence[Path]) -> None:
    """Refuse a report on what will not be judged, before the work rather than after it."""
    report = next((path for path in targets if path.suffix.lower() == ".html"), None)
    if report is not None:
        raise ExportError(
            f"--export {report}: a forecast by a saved network is not judged, so there is "
            "nothing to report on.",
            "Export .svg or .csv instead.",
        )


def check_drawable(options: ExportOptions) -> None:
    """Refuse plots of a training where there is none, before the work rather than after it.

    Raises
    ------
    ExportError
    """
    bad = next(
        (kind for kind in options.kinds() if options.plot != _ALL and PLOTS[kind].predict is None),
        None,
    )
    if bad is not None:
        raise ExportError(
            f"--plot {bad}: a forecast by a saved network has no such plot, since nothing is "
            "trained or judged.",
            f"Possible are {', '.join(kind for kind, spec in PLOTS.items() if spec.predict)}.",
        )


def check_folders(targets: Sequence[Path]) -> None:
    """Refuse targets that cannot be written, before the work rather than after it.

    Raises
    ------
    ExportError
        No such folder, no permission, a folder in the place of the file, or a name that is too
        long.
    """
    for path in targets:
        folder = path.absolute().parent
        _check_length(path)
        if not folder.is_dir():
            raise ExportError(
                f"{path}: the folder {folder} does not exist.", "Make it first, or choose another."
            )
        if path.is_dir() or not os.access(folder, os.W_OK):
            raise ExportError(f"{path} cannot be written.", "Choose another name or folder.")


def check_targets(targets: Sequence[Path], sources: Sequence[str]) -> None:
    """Refuse targets that cannot be written, that are named twice, or that are among the files that
    are read.

    Raises
    ------
    ExportError
    """
    check_folders(targets)
    read = {Path(source).resolve() for source in sources if Path(source).is_file()}
    taken: set[Path] = set()
    for path in targets:
        whole = path.resolve()
        if whole in read:
            raise ExportError(
                f"{path} is read: writing it would destroy what it holds.",
                "Choose another name.",
            )
        if whole in taken:
            raise ExportError(
                f"{path} is named twice: the second file would replace the first.",
                "Choose another name.",
            )
        taken.add(whole)


def check_names(targets: Sequence[Path], panel: Panel, options: ExportOptions) -> None:
    """Refuse targets whose names become too long with the symbols of a panel, before the work
    rather than after it.

    Raises
    ------
    ExportError
    """
    for target in targets:
        if target.suffix.lower() in PICTURES:
            for kind in options.kinds():
                for symbol in panel.symbols if PLOTS[kind].per_series else ():
                    _check_length(
                        _named(target, kind, symbol, options.kinds()[0], panel.symbols[0])
                    )


def _check_length(path: Path) -> None:
    length = len(os.fsencode(path.name))
    if length > _LONGEST_NAME:
        raise ExportError(
            f"The name {path.name[:40]}… has {length} bytes; file systems allow {_LONGEST_NAME}.",
            "Choose a shorter name.",
        )


def _named(target: Path, kind: str, symbol: str, first_kind: str, first_symbol: str) -> Path:
    """Return the file of one plot of one series."""
    words = [
        *([] if kind == first_kind else [kind]),
        *([] if symbol == first_symbol else [_NOT_IN_NAMES.sub("_", symbol)]),
    ]
    return target.with_stem("-".join([target.stem, *words]))


def _parts(
    target: Path, result: RunResult | Prediction, options: ExportOptions
) -> Iterator[tuple[Path, str | None, str]]:
    """Find the files that an export makes, with what each shows.

    A table and a report hold the whole panel. A picture shows one plot, of prices for one series:
    the first is ``f.png``, the others ``f-BBB.png``, ``f-loss.png``, ``f-past-BBB.png``.
    """
    if target.suffix.lower() not in PICTURES:
        yield target, None, "price"
        return
    kinds = options.kinds()
    forecast = [item.symbol for item in result.forecasts] or list(result.panel.symbols)
    for kind in kinds:
        symbols = forecast if PLOTS[kind].per_series else forecast[:1]
        for symbol in symbols:
            if options.plot == _ALL and not _drawable(kind, result, symbol):
                continue
            yield _named(target, kind, symbol, kinds[0], forecast[0]), symbol, kind


def _drawable(kind: str, result: RunResult | Prediction, symbol: str) -> bool:
    """Tell whether a run has something of a kind."""
    from app.charts.registry import build
    from app.export.page import need_application

    need_application()
    return build(kind, result, symbol) is not None
