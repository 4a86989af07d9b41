"""The HTML report: whole, safe, light, in both themes, and enough to do it again."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fabricated import SENTENCE, run, walk
from PySide6.QtWidgets import QApplication

from app import export
from app.charts.registry import PLOTS
from app.cli.flags import run_config
from app.export.drawing import Palette
from app.export.figure import day
from app.export.report import command
from app.theme import DARK, LIGHT
from forecasting.errors import ExportError
from forecasting.events import Prediction, RunResult
from forecasting.series import Finding, Panel

NASTY = "<script>alert('x')</script>&\"=1"


@pytest.fixture(scope="module")
def result() -> RunResult:
    return run(walk("ACME"), walk("OTHER", seed=1))


@pytest.fixture(scope="module")
def page(qapp: QApplication, result: RunResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "r.html"
    export.write(path, result)
    return path.read_text(encoding="utf-8")


def parsed(page: str) -> ElementTree.Element:
    assert page.startswith("<!DOCTYPE html>")
    return ElementTree.fromstring(page.partition("\n")[2])


def test_it_has_all_parts_the_verdict_first(page: str, result: RunResult) -> None:
    body = parsed(page).find("body")
    assert body is not None
    text = " ".join("".join(body.itertext()).split())
    indices = [
        text.index(part)
        for part in (
            "ACME, OTHER – GRU forecast",
            "TIES",
            SENTENCE,
            "Scores on the test part",
            "SHA-256",
            "How to come",
        )
    ]
    assert indices == sorted(indices)
    for part in (
        "The 80 % band held 79 %.",
        "Random walk",
        "3 sessions are missing.",
        "abab",
        "prices.csv",
        "seed 42",
        "torch",
        "2.6",
    ):
        assert part in text, part
    titles = [heading.text for heading in body.iter("h2")]
    for kind in ("past", "loss", "steps", "step_coverage", "calibration"):
        assert PLOTS[kind].title in titles
    assert len(body.findall(".//figure")) == len(list(body.iter("figure")))
    assert sum(title.endswith("prices and forecast") for title in titles if title) == 2


def test_it_runs_nothing_and_loads_nothing(page: str) -> None:
    root = parsed(page)
    assert not list(root.iter("script"))
    assert "default-src 'none'" in page
    for node in root.iter():
        for name, value in node.attrib.items():
            assert not name.startswith("on"), name
            assert name not in ("src", "href", "srcset", "{http://www.w3.org/1999/xlink}href"), (
                value
            )
    assert not re.search(r"@import|url\((?!#)", page)


def test_what_others_wrote_stays_text(
    qapp: QApplication, result: RunResult, tmp_path: Path
) -> None:
    series = replace(
        result.panel[0],
        findings=(Finding("x", NASTY),),
        provenance=replace(result.panel[0].provenance, note=NASTY),
    )
    forged = replace(
        run(replace(series, symbol=NASTY)),
        verdict=replace(result.verdict, sentence=NASTY, notes=(NASTY,)),
    )
    export.write(tmp_path / "r.html", forged)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not list(parsed(page).iter("script"))
    assert "<script" not in page
    assert "".join(parsed(page).itertext()).count(NASTY) >= 5


@pytest.mark.slow
def test_it_is_light_and_whole_for_a_large_panel(qapp: QApplication, tmp_path: Path) -> None:
    export.write(tmp_path / "r.html", run(*(walk(f"S{n}", 300, n) for n in range(40))))
    assert (tmp_path / "r.html").stat().st_size < 1_000_000
    assert "more series are in the table" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_plots_follow_the_reader_s_theme(page: str) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    rules = dict(
        re.findall(
            r'svg \[(?:fill|stroke)="(#[0-9a-f]{6})"\]\{(?:fill|stroke):(#[0-9a-f]{6})\}', page
        )
    )
    used = set(re.findall(r'="(#[0-9a-fA-F]{6})"', drawings))
    assert used <= set(rules)
    for name in ("surface", "forecast", "price", "text", "muted"):
        light, dark = getattr(LIGHT, name).lower(), getattr(DARK, name).lower()
        assert light in used, name
        assert rules[light] == dark, name


def test_two_colours_that_only_dark_tells_apart_stay_two() -> None:
    palette = Palette()
    pairs = [
        ("#FFFFFF", "#0F1217"),
        ("#FFFFFF", "#222222"),
        ("#ffffff", "#0f1217"),
        ("#000000", "#FFFFFF"),
        ("#000000", "#111111"),
    ]
    light = [palette.color(*pair) for pair in pairs]
    assert light[0] == light[2] == "#ffffff"
    assert len(set(light)) == 4
    assert all(
        abs(int(item[1:], 16) - int(pair[0][1:], 16)) <= 1
        for item, pair in zip(light, pairs, strict=True)
    )


def test_clips_of_one_plot_are_not_those_of_another(page: str) -> None:
    names = re.findall(r'id="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) <= set(names)


def test_its_command_makes_the_same_settings(result: RunResult) -> None:
    asked = result.config.changed(epochs=7, bidirectional=True, volume=False, learning_rate=0.003)
    words = shlex.split(command(replace(result, config=asked)))
    assert words[:3] == ["candlecast", "forecast", "prices.csv"]
    flags = words[3:]
    settings: dict[str, object] = {}
    while flags:
        name = flags.pop(0).removeprefix("--").replace("-", "_")
        settings[name.removeprefix("no_")] = (
            flags.pop(0) if flags and not flags[0].startswith("--") else not name.startswith("no_")
        )
    assert run_config(None, settings) == asked


def test_its_command_joins_bars_where_they_were_joined(result: RunResult) -> None:
    weekly = [
        replace(item, freq="1W", findings=(Finding("resampled", "Joined.", 1, "info", "joined"),))
        for item in result.panel
    ]
    words = shlex.split(command(replace(result, panel=Panel(tuple(weekly)))))
    assert words[words.index("--resample") + 1] == "1W"
    assert "--resample" not in command(result)


def test_times_are_written_as_people_do() -> None:
    assert [
        day(np.datetime64(ds, "us"))
        for ds in ("2024-03-01", "2024-03-01T10:00", "2024-03-01T10:00:30")
    ] == [*("2024-03-01", "2024-03-01 10:00", "2024-03-01 10:00:30")]


def test_it_names_no_folder_of_this_machine(page: str) -> None:
    assert "someone" not in page


def test_every_tag_is_closed_as_browsers_read_it(page: str) -> None:
    open_tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            pass

    Reader().feed(page)
    assert open_tags == []


def test_without_a_judgement_there_is_no_report(result: RunResult, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="not judged"):
        export.write(tmp_path / "r.html", Prediction(result.config, result.panel, result.forecasts))
    assert not list(tmp_path.iterdir())
