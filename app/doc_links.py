"""Which page of the documentation explains a setting, and where the pages are."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parent

#: Page and section by the settings class that a field belongs to.
_CLASSES: dict[str, str] = {
    "TaskConfig": "honesty.md#the-rules-that-no-setting-can-switch-off",
    "InputConfig": "verdicts.md#what-the-inputs-add",
    "ModelConfig": "networks.md#options",
    "TrainConfig": "networks.md#steps",
    "BacktestConfig": "honesty.md#the-scores",
    "TickerOptions": "data.md#what-can-be-opened",
    "ReadOptions": "data.md#how-a-file-is-understood",
}

#: Page and section by the name of a setting, where another one than that of its class fits better.
_SETTINGS: dict[str, str] = {
    "input_size": "networks.md#shapes-how-inputs-become-outputs",
    "horizon": "networks.md#shapes-how-inputs-become-outputs",
    "shape": "networks.md#shapes-how-inputs-become-outputs",
    "decoding": "networks.md#shapes-how-inputs-become-outputs",
    "calibration": "honesty.md#the-calibration",
    "target": "honesty.md#what-is-learned",
    "season": "honesty.md#what-is-learned",
    "dates": "honesty.md#what-is-learned",
    "baselines": "honesty.md#the-baselines",
    "point": "honesty.md#the-scores",
    "memory": "networks.md#why-plain-rnns-forget",
    "activation": "networks.md#why-plain-rnns-forget",
    "sequences": "networks.md#sequences-instead-of-windows",
    "epochs": "networks.md#cut-short-and-going-on",
    "patience": "networks.md#cut-short-and-going-on",
}


def doc_link(settings: str, name: str) -> str:
    """Return page and section that explain a setting, such as ``networks.md#options``.

    Parameters
    ----------
    settings : str
        Name of the settings class.
    name : str
        Name of the setting.

    Returns
    -------
    str
        "" where no page explains it.
    """
    own = _CLASSES.get(settings, "")
    return _SETTINGS.get(name, own) if own else ""


def doc_page(name: str) -> Path:
    """Return the file of a page, in a checkout and in an installed wheel.

    Raises
    ------
    FileNotFoundError
        There is no such page.
    """
    for folder in (_ROOT / "docs", _ROOT.parent / "docs"):
        path = folder / name
        if Path(name).name == name and path.is_file():
            return path
    raise FileNotFoundError(f"page {name} of the documentation is missing from the installation")


def anchor(heading: str) -> str:
    """Return what a link calls a section: its heading as GitHub writes it."""
    kept = (letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).strip().replace(" ", "-")
