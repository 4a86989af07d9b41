"""Passes of the watch in processes of their own, forked from one that has imported all; each is
killed after the seconds that are asked for.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
NAMES = ("ACME", "GONE", "SPLT")


def one_pass(port: int, model: Path, moment: str) -> int:
    """Do one pass on the server of a port; return the exit status."""
    import numpy as np
    from yahoo_server import YahooServer

    from forecasting import jobs
    from forecasting.sources.options import ReadOptions, Request
    from forecasting.sources.yahoo import YahooSource, bounded_session
    from forecasting.watch import Subject, WatchFinished

    server = YahooServer(port=port)
    YahooSource.session_factory = staticmethod(lambda: bounded_session(server.transport()))
    read = ReadOptions(trading_calendar="XNYS")
    subjects = [Subject(Request(reference=f"yahoo:{name}", read=read), model) for name in NAMES]
    events = jobs.watch(subjects, moment=np.datetime64(moment, "us"), wait_s=60)
    return 0 if any(isinstance(event, WatchFinished) for event in events) else 1


def warm_up(model: Path) -> None:
    """Do a pass on a file, so that all is imported before the first fork."""
    import numpy as np

    from forecasting import jobs
    from forecasting.sources.options import ReadOptions, Request
    from forecasting.watch import Subject

    read = ReadOptions(trading_calendar="XNYS")
    prices = model.with_name("prices.csv")
    subjects = [Subject(Request(reference=str(prices), read=read), model)]
    for day in ("2017-11-06", "2017-11-07"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "warm.sqlite"
            list(jobs.watch(subjects, moment=np.datetime64(f"{day}T22:00", "us"), path=path))


def main() -> None:
    """Answer each line of the input, a moment and seconds, with the exit status of a pass."""
    import torch
    import yfinance  # noqa: F401

    torch.set_num_threads(1)
    port, model = int(sys.argv[1]), Path(sys.argv[2])
    warm_up(model)
    for line in sys.stdin:
        moment, seconds = line.split()
        pid = os.fork()
        if not pid:
            os._exit(one_pass(port, model, moment))
        if float(seconds) > 0:
            time.sleep(float(seconds))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
