"""``candlecast mcp``: a server of the Model Context Protocol on stdin and stdout."""

from __future__ import annotations

from app.cli.terminal import say
from forecasting.errors import ConfigError


def mcp() -> int:
    """Serve inspect, forecast, backtest, odds, judge and journal to an assistant, by the Model
    Context Protocol on stdin and stdout; no port is opened. Each answer carries verdict and base
    rate.
    """
    try:
        from app.cli.mcp_server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "anyio"):
            raise
        raise ConfigError(
            "candlecast mcp needs the package mcp, 2.0 or later, which is not installed.",
            "pip install 'candlecast[mcp]'",
        ) from error
    except ImportError as error:
        raise ConfigError(
            f"The installed package mcp does not suit: {error}.", "pip install 'mcp>=2.0'"
        ) from error
    say("Candlecast serves the Model Context Protocol on stdin and stdout; Ctrl-C ends it.")
    serve()
    return 0
