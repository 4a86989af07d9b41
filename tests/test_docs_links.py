"""Help texts lead to the documentation: each link has its page and section, and opens there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QWhatsThisClickedEvent
from PySide6.QtWidgets import QApplication
from window_bench import price_file, window

from app.doc_links import anchor, doc_link, doc_page
from app.window.workbench import Workbench
from forecasting.config import GROUPS, BacktestConfig
from forecasting.sources.options import ReadOptions, TickerOptions

CLASSES = (*GROUPS.values(), BacktestConfig, ReadOptions, TickerOptions)
LINKS = {name: doc_link(cls.__name__, name) for cls in CLASSES for name in cls.model_fields}


@pytest.fixture
def bench(tmp_path: Path, qapp: QApplication) -> Iterator[Workbench]:
    with window(tmp_path, price_file(tmp_path / "start.csv")) as shown:
        yield shown
        if shown.help_controller.docs is not None:
            shown.help_controller.docs.close()


def test_each_setting_leads_to_a_section_that_is_there() -> None:
    for name, link in LINKS.items():
        page, _, section = link.partition("#")
        lines = doc_page(page).read_text(encoding="utf-8").splitlines()
        headings = {anchor(line.lstrip("# ")) for line in lines if line.startswith("#")}
        assert section in headings, f"{name} leads to {link}"


def _sources_of(paths: list[str]) -> str:
    """Return the code of files, and of all files in folders."""
    files = [
        file
        for path in map(Path, paths)
        for file in (path.rglob("*.*") if path.is_dir() else [path])
        if file.suffix in (".py", ".h", ".c")
    ]
    return "".join(file.read_text(encoding="utf-8") for file in files)


def test_the_walks_through_the_house_name_what_is_there() -> None:
    page = Path("docs/architecture.md").read_text(encoding="utf-8")
    for line in page[page.index("## One price series") :].splitlines():
        quoted = re.findall("`([^`]+)`", line)
        paths = [
            item for item in quoted if re.fullmatch(r"(app|forecasting|tests|docs)/[\w./]+", item)
        ]
        paths = [path for path in paths if "NAME" not in path]
        missing = [path for path in paths if not Path(path).exists()]
        assert missing == [], line
        code = _sources_of(paths)
        if line.startswith("|") and code:
            named = [name for name in quoted if re.fullmatch(r"[A-Z]\w*\.\w+", name)]
            parts = [part for name in named for part in name.split(".")]
            assert [part for part in parts if part not in code] == [], line


def test_a_page_that_is_none_is_refused() -> None:
    for name in ("../README.md", "nothing.md"):
        with pytest.raises(FileNotFoundError):
            doc_page(name)


def test_the_wheel_holds_what_its_pages_show_and_lead_to() -> None:
    root = Path(__file__).resolve().parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    pages = [name for name in included if name.endswith(".md")]
    assert len(pages) > 20
    for page in pages:
        text = (root / page).read_text(encoding="utf-8")
        named = re.findall(r"\]\((images/[\w.-]+|[\w-]+\.md)", text)
        absent = {f"docs/{name}" for name in named} - {*included, "docs/gallery.md"}
        assert absent == set(), f"{page} names what the wheel lacks"


@pytest.mark.slow
def test_the_link_of_a_help_text_opens_the_page_at_its_section(bench: Workbench) -> None:
    for link in sorted(set(LINKS.values())):
        QApplication.sendEvent(bench.window, QWhatsThisClickedEvent(link))
        docs = bench.help_controller.docs
        assert docs is not None
        assert docs.isVisible()
        assert (docs.page, anchor(docs.section)) == tuple(link.split("#"))
    bench.actions["docs"].trigger()
    assert docs.page == "window.md"
