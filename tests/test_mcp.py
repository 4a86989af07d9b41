"""The server of the Model Context Protocol, by a real client in front of a real process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from forecasting.base_rates import held_rate
from forecasting.series import PriceSeries

if TYPE_CHECKING:
    from mcp import Client

pytestmark = pytest.mark.skipif(find_spec("mcp") is None, reason="mcp is not installed")

ROOT = Path(__file__).resolve().parents[1]
TOOLS = {
    *("inspect", "forecast", "backtest", "odds"),
    *("portfolio", "search", "judge", "journal"),
}


def _talk(script: Callable[[Client], Any], folder: Path) -> Any:
    """Start the server in a folder as an assistant does, and let a script talk to it."""
    import anyio
    from mcp import Client, StdioServerParameters, stdio_client

    async def main() -> Any:
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-P", "-m", "app", "mcp"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=folder,
        )
        async with Client(stdio_client(parameters)) as client:
            return await script(client)

    return anyio.run(main)


async def _call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content[0].text
    assert found.structured_content is not None
    return dict(found.structured_content)


def _forecasts(path: Path) -> Path:
    """Write forecasts of one bar that copy the last price of a random walk."""
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 400)))
    days = np.busday_offset("2022-01-03", np.arange(closes.size))
    rows = [f"X,{days[n]},{days[n - 1]},{closes[n]},{closes[n - 1]}" for n in range(1, closes.size)]
    path.write_text("\n".join(["unique_id,ds,cutoff,y,Copier", *rows]))
    return path


@pytest.mark.slow
def test_a_client_sees_the_tools_reads_prices_and_hears_of_faults(tmp_path: Path) -> None:
    async def script(client: Client) -> dict[str, Any]:
        tools = await client.list_tools()
        assert {tool.name for tool in tools.tools} == TOOLS
        assert all(tool.description and tool.input_schema for tool in tools.tools)
        wrong = await client.call_tool("inspect", {"sources": ["sample:none"]})
        flag = await client.call_tool("inspect", {"sources": ["--help"]})
        setting = await client.call_tool(
            "forecast", {"sources": ["sample:sp500"], "settings": {"export": "x.csv"}}
        )
        assert wrong.is_error
        assert flag.is_error
        assert setting.is_error
        assert "There is no sample 'none'" in wrong.content[0].text
        assert "There is no setting 'export'" in setting.content[0].text
        return await _call(client, "inspect", sources=["sample:sp500"])

    found = _talk(script, tmp_path)
    assert found["verdict"]["sentence"].startswith("Nothing is forecast here")
    assert found["result"]["symbol"] == "sp500"
    assert 0.5 < found["base_rate"]["rises"] < 0.6


@pytest.mark.slow
def test_a_client_asks_for_odds_a_judgement_and_the_journal(tmp_path: Path) -> None:
    path = _forecasts(tmp_path / "forecasts.csv")

    async def script(client: Client) -> dict[str, Any]:
        return {
            "odds": await _call(
                client, "odds", source="sample:sp500", levels=["+2%", "-3%"], horizon=5
            ),
            "portfolio": await _call(
                client,
                "portfolio",
                sources=["sample:sp500", "sample:nasdaq"],
                weights="0.7,0.3",
                horizon=3,
            ),
            "search": await _call(
                client,
                "search",
                sources=["sample:sp500"],
                trials=2,
                only="input_size",
                horizon=2,
                settings={"epochs": 1, "hidden_size": 4},
            ),
            "judge": await _call(client, "judge", forecasts=str(path)),
            "journal": await _call(client, "journal"),
        }

    found = _talk(script, tmp_path)
    for name, item in found.items():
        assert item["verdict"], name
        assert item["base_rate"], name
    assert found["portfolio"]["result"]["weights"] == {"sp500": 0.7, "nasdaq": 0.3}
    assert 0.5 < found["portfolio"]["base_rate"]["rises"] < 0.7
    assert len(found["search"]["result"]["trials"]) == 3, "the defaults, and two more"
    odds = found["odds"]
    assert len(odds["result"]) == 2
    for level, verdict in odds["verdict"].items():
        assert verdict["cutoffs"] > 100
        assert 0 < odds["base_rate"][level]["p_touch"][-1] < 1
    assert any(
        "repeats the last value" in note for note in found["judge"]["verdict"]["Copier"]["notes"]
    )
    assert found["journal"]["result"]["entries"] == []


def test_the_protocol_alone_is_on_stdout_and_no_port_is_opened(tmp_path: Path) -> None:
    """Without the SDK: one line in, one line out, and the process ends with its input."""
    ask = (
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05",'
        b'"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "app", "mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(ask)
        process.stdin.flush()
        assert b'"serverInfo"' in process.stdout.readline()
        if Path("/proc/self/fd").exists():
            folder = Path(f"/proc/{process.pid}/fd")
            links = [os.readlink(item) for item in folder.iterdir() if item.is_symlink()]
            inodes = {link[8:-1] for link in links if link.startswith("socket:")}
            table = Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]
            listening = {row.split()[9] for row in table if row.split()[3] == "0A"}
            assert not inodes & listening
        process.stdin.close()
        assert process.wait(30) == 0
        assert process.stdout.read() == b""
    finally:
        guard.cancel()
        process.kill()
        process.stdout.close()
        process.wait()


@pytest.mark.slow
def test_a_client_trains_with_progress_and_gives_up(tmp_path: Path) -> None:
    settings = {"epochs": 2, "hidden_size": 4, "input_size": 20}

    import anyio

    async def script(client: Client) -> dict[str, Any]:
        heard: list[str] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            heard.append(message or "")

        made = await client.call_tool(
            "forecast",
            {"sources": ["sample:sp500"], "horizon": 3, "settings": settings},
            progress_callback=progress,
        )
        assert not made.is_error, made.content[0].text
        tested = await _call(
            client, "backtest", sources=["sample:sp500"], horizon=3, settings=settings
        )
        with anyio.move_on_after(8):
            long = {"sources": ["sample:sp500"], "settings": {"epochs": 500}}
            await client.call_tool("forecast", long)
        journal = await _call(client, "journal")
        return {
            "heard": heard,
            "forecast": made.structured_content,
            "backtest": tested,
            "journal": journal,
        }

    found = _talk(script, tmp_path)
    assert found["heard"]
    for name in ("forecast", "backtest"):
        assert found[name]["verdict"]["sentence"]
        assert 0 < found[name]["base_rate"]["rises"] < 1
    assert len(found["forecast"]["result"]["forecast"]) == 3
    assert len(found["journal"]["result"]["entries"]) == 1


def test_the_base_rate_of_holdings_is_how_often_they_gained_together() -> None:
    days = np.arange("2024-01-01", "2024-01-07", dtype="datetime64[D]").astype("datetime64[us]")
    up = PriceSeries("A", days, ("close",), np.array([[10.0], [11], [12], [13], [14], [15]]))
    down = PriceSeries("B", days[1:], ("close",), np.array([[10.0], [9], [10], [9], [10]]))
    alone = held_rate([up], [1.0], 1)
    assert (alone.rises, alone.windows) == (1.0, 5)
    both = held_rate([up, down], [0.5, 0.5], 1)
    assert (both.rises, both.windows) == (0.5, 4)
    assert held_rate([up], [1.0], 9).windows == 0
