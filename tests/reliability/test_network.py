"""Whatever a server does, a ticker ends in time, in prices or in words, and leaves nothing
behind that hinders the next attempt.
"""

from __future__ import annotations

import contextlib
import re
import resource
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from window_bench import idle, price_file, wait, window
from yahoo_server import Market, YahooServer, forget_yfinance, serving

from app.cli import main
from forecasting import store
from forecasting.errors import SourceError
from forecasting.sources import http, yahoo
from forecasting.sources.http import Pause, bounded_session
from forecasting.sources.yahoo import YahooSource

pytestmark = pytest.mark.slow

DEADLINE_S, LATE_S = 2.0, 0.5
#: The deadline bounds waiting, not work: reading 20 MB that came in time takes a second or more of
#: the processor.
READING_S = 10.0
NONSENSE = r"Yahoo's reply for AAPL makes no sense"
LEADS = r"Yahoo's address leads elsewhere"
BUSY = r"Yahoo takes no more requests for now \(status 429\)"

#: What the server does, and the words in which that is told; "" where the prices come all the same.
BEHAVIOURS: dict[str, str] = {
    "ok": "",
    "out of order": "",
    "slow": "",
    "200,000 rows": "",
    "a stamp twice": "",
    "no currency": "",
    "infinite": "",
    "one infinite close": "",
    "a long name": "",
    "404": r"does not know the ticker AAPL, or it was delisted",
    "429": BUSY,
    "429 for 5 minutes": BUSY,
    "401": r"Yahoo refuses to answer \(status 401\)",
    "403": r"Yahoo refuses to answer \(status 403\)",
    "422": r"refuses AAPL with status 422: 1m data not available",
    "500": r"out of order \(status 500\)",
    "503": r"out of order \(status 503\)",
    "html": NONSENSE + r" \(a web page instead of prices\)",
    "junk": NONSENSE + r" \(damaged data\)",
    "null": NONSENSE,
    "deep": NONSENSE,
    "latin": NONSENSE,
    "blank": NONSENSE + r" \(it is empty\)",
    "thin": NONSENSE + r" \(parts of the prices are missing\)",
    "ragged": NONSENSE,
    "no quotes": NONSENSE,
    "stamps beyond time": NONSENSE,
    "words for prices": NONSENSE,
    "no such zone": NONSENSE,
    "a zone that is a path": NONSENSE,
    "empty": r"Yahoo has no 1D prices for AAPL",
    "all null": r"Yahoo has no 1D prices for AAPL",
    "another symbol": r"the prices of MSFT instead of AAPL",
    "half": r"The connection to Yahoo was cut",
    "reset": r"The connection to Yahoo was cut",
    "midway": r"The connection to Yahoo was cut",
    "not gzip": NONSENSE,
    "silent": r"Yahoo did not answer within 2 s",
    "drip": r"Yahoo did not answer within 2 s",
    "bomb": NONSENSE + r" \(it is longer than 32 MB\)",
    "endless": NONSENSE + r" \(it is longer than 32 MB\)",
    "flood": r"The connection to Yahoo was cut.*Too large response headers",
    "loop": LEADS,
    "elsewhere": LEADS + r".*http://prices\.example\.com",
    "yahoo in the clear": LEADS + r".*http://query2\.finance\.yahoo\.com",
    "a look-alike": LEADS + r".*https://notyahoo\.com",
    "a file": LEADS + r".*file://",
    "into the house": LEADS + r".*https://127\.0\.0\.1",
}
#: Behaviours of the requests that come before the prices, which can be had without them.
CRUMBS = ("429", "html", "silent")


@dataclass
class Seen:
    """What one download came to."""

    seconds: float
    requests: int
    charts: int
    error: SourceError | None
    bars: int = 0


@pytest.fixture
def server(own_folders: Path) -> Iterator[YahooServer]:
    with serving(AAPL=Market.made(300), MSFT=Market.made(30)) as running:
        YahooSource(
            "MSFT"
        ).load()  # the second and more that importing yfinance takes is not the server's
        running.requests.clear()
        yield running


@pytest.fixture
def cold(server: YahooServer) -> YahooServer:
    """A server that this process has not talked to yet."""
    forget_yfinance()
    return server


def seen(server: YahooServer, path: Path | None = None, deadline_s: float = DEADLINE_S) -> Seen:
    """Load a ticker through the store, and look at what comes."""
    sent, charts, start = len(server.requests), len(server.charts), time.monotonic()
    bars, error = 0, None
    try:
        (series,) = store.load(
            YahooSource("AAPL", period="max", deadline_s=deadline_s), "always", path
        )
    except SourceError as told:
        error = told
    else:
        bars = len(series)
        assert not np.isinf(series.values).any(), "nothing infinite"
        assert np.isfinite(series["close"]).all()
        assert len(series.provenance.note) < 200
        assert series.provenance.note.isprintable()
        assert series.currency in ("", "USD")
    return Seen(
        time.monotonic() - start,
        len(server.requests) - sent,
        len(server.charts) - charts,
        error,
        bars,
    )


def ends_well(server: YahooServer, behaviour: str, told: str, path: Path) -> Seen:
    """Check one behaviour: time, words, number of requests, nothing kept of a bad reply, and
    that a healthy server is heard again.
    """
    server.behaviours = [behaviour]
    server.prepare(behaviour, "AAPL")
    deadline_s = READING_S if behaviour == "200,000 rows" else DEADLINE_S
    first = seen(server, path, deadline_s)
    assert first.seconds <= deadline_s + LATE_S, f"{behaviour}: {first.seconds:.2f} s"
    assert first.requests <= (6 if behaviour == "ok" else 16), (
        f"{behaviour}: {first.requests} requests"
    )
    if told:
        assert first.error is not None, f"{behaviour}: {first.bars} bars came"
        assert re.search(told, first.error.message), f"{behaviour}: {first.error.message}"
        assert first.error.hint
        assert len(first.error.message) < 300
        with store.PriceStore(path) as kept:
            assert kept.held() == (), f"{behaviour}: something of a bad reply was kept"
    else:
        assert first.error is None, f"{behaviour}: {first.error}"
    Pause.end()
    server.behaviours = ["ok"]
    again = seen(server, path.with_suffix(".again.sqlite"))
    assert again.error is None, f"after {behaviour}: {again.error}"
    assert again.bars == 300
    return first


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_every_behaviour_ends_in_time_and_in_words_and_is_forgotten(
    server: YahooServer, tmp_path: Path, behaviour: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ends_well(server, behaviour, BEHAVIOURS[behaviour], tmp_path / "prices.sqlite")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 256, f"{behaviour}: {grown:.0f} MB more"


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_first_request_of_a_process_is_no_worse(
    cold: YahooServer, tmp_path: Path, behaviour: str
) -> None:
    first = ends_well(cold, behaviour, BEHAVIOURS[behaviour], tmp_path / "prices.sqlite")
    print(
        f"{behaviour}: {first.seconds:.2f} s of {DEADLINE_S + LATE_S:g}, {first.requests} requests"
    )


@pytest.mark.parametrize("crumb", CRUMBS)
def test_prices_come_without_a_crumb(cold: YahooServer, tmp_path: Path, crumb: str) -> None:
    cold.crumb = crumb
    ends_well(cold, "ok" if crumb == "429" else "slow", "", tmp_path / "prices.sqlite")


def test_a_server_that_is_out_of_order_for_a_moment_is_asked_once_more(server: YahooServer) -> None:
    server.behaviours = ["503", "503", "ok"]  # yfinance asks twice each time
    assert seen(server).bars == 300


def test_prices_kept_before_are_shown_whatever_the_server_does(
    server: YahooServer, tmp_path: Path
) -> None:
    path = tmp_path / "prices.sqlite"
    assert seen(server, path).bars == 300
    for behaviour, told in BEHAVIOURS.items():
        if told:
            server.behaviours = [behaviour]
            server.prepare(behaviour, "AAPL")
            (kept,) = store.load(
                YahooSource("AAPL", period="max", deadline_s=DEADLINE_S), "always", path
            )
            assert len(kept) == 300, behaviour
            assert any(
                finding.code == "outdated" and re.search(told, finding.message)
                for finding in kept.findings
            ), behaviour
            Pause.end()


class Clock:
    """Time that passes when it is told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def requests_of_an_hour(server: YahooServer, clock: Clock) -> list[float]:
    """Try every second for an hour while the server says 429; return when it was asked."""
    asked = []
    server.behaviours = ["429"]
    for _ in range(3600):
        found = seen(server)
        assert found.error is not None
        asked += [clock.now] * (
            found.requests if asked else found.charts
        )  # a cookie was asked for before it had enough
        clock.now += 1
    return asked


def test_a_server_that_has_had_enough_is_asked_at_most_once_a_minute(
    server: YahooServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(http, "time", clock)
    monkeypatch.setattr(yahoo, "time", clock)
    asked = requests_of_an_hour(server, clock)
    gaps = np.diff(asked)
    assert (gaps >= 60).all(), f"asked again after {gaps.min():.0f} s"
    assert gaps.tolist() == [60, 120, 240, 480, 960], (
        "each pause is twice as long as the one before"
    )
    server.behaviours = ["ok"]
    clock.now += 3600
    assert seen(server).bars == 300, "in the end it answers"
    assert Pause.length == 0


def test_without_the_pause_it_would_be_asked_more_often(
    server: YahooServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pause, "begin", lambda *_: None)
    server.behaviours = ["429"]
    assert seen(server).requests + seen(server).requests > 2


@pytest.mark.parametrize(
    ("said", "seconds"), [("300", 300), ("999999999999", 3600), ("7", 60), ("soon", 60), ("-5", 60)]
)
def test_the_wish_of_a_server_is_followed_up_to_an_hour(said: str, seconds: float) -> None:
    reply = type("Reply", (), {"headers": {"retry-after": said}})
    Pause.begin(http._retry_after(reply))
    left = Pause.left()
    Pause.end()
    assert left == pytest.approx(seconds, abs=1)


def test_a_date_to_come_back_at_is_read() -> None:
    reply = type(
        "Reply",
        (),
        {
            "headers": {
                "retry-after": format_datetime(
                    datetime.now(UTC) + timedelta(minutes=5), usegmt=True
                )
            }
        },
    )
    assert http._retry_after(reply) == pytest.approx(300, abs=2)


# Lines that are no HTTP


@contextmanager
def talking_to(port: int, scheme: str = "http") -> Iterator[YahooServer]:
    """Point the Yahoo source at a port."""
    nobody = YahooServer(port=port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            YahooSource,
            "session_factory",
            staticmethod(lambda: bounded_session(nobody.transport(scheme))),
        )
        forget_yfinance()
        yield nobody
        forget_yfinance()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate that nobody vouches for."""
    tool = shutil.which("openssl")
    if tool is None:
        pytest.skip("no openssl here to make a certificate with")
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=query2.finance.yahoo.com",
    ]
    subprocess.run(
        [tool, *words, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True
    )
    return files


def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving(AAPL=Market.made(300), tls=context) as server, talking_to(server.port, "https"):
        found = seen(server, tmp_path / "prices.sqlite")
    assert found.error is not None
    assert "The certificate of" in found.error.message
    assert found.seconds <= DEADLINE_S + LATE_S
    assert server.requests == []


def test_a_server_that_does_not_speak_tls_is_refused(server: YahooServer, tmp_path: Path) -> None:
    with talking_to(server.port, "https"):
        found = seen(server, tmp_path / "prices.sqlite")
    assert found.error is not None
    assert "No secure connection to Yahoo can be made" in found.error.message


@pytest.mark.parametrize("backlog", [16, 0])
def test_a_line_into_nothing_ends_in_time(own_folders: Path, tmp_path: Path, backlog: int) -> None:
    """A server that accepts and never answers; with a full queue, one that does not even accept."""
    with socket.socket() as hole, contextlib.ExitStack() as queue:
        hole.bind(("127.0.0.1", 0))
        hole.listen(backlog)
        for _ in range(0 if backlog else 3):
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(hole.getsockname())
        with talking_to(hole.getsockname()[1]) as nobody:
            found = seen(nobody, tmp_path / "prices.sqlite")
    assert found.error is not None
    assert "did not answer within 2 s" in found.error.message
    assert found.seconds <= DEADLINE_S + LATE_S + (2.0 if backlog else 0), (
        "the first also imports yfinance"
    )


def test_two_downloads_at_once_both_end_in_time(server: YahooServer) -> None:
    server.behaviours = ["silent"]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: seen(server), range(4)))
    print("4 at once on a silent server:", *(f"{item.seconds:.2f} s" for item in found))
    assert all(item.error is not None for item in found)
    assert max(item.seconds for item in found) <= 2 * DEADLINE_S + LATE_S, (
        "one deadline to wait for the others, one for itself"
    )


def test_cookies_that_another_program_holds_are_said(
    cold: YahooServer, own_folders: Path, tmp_path: Path
) -> None:
    assert seen(cold).bars == 300
    held = sqlite3.connect(own_folders / "cache" / "yfinance" / "tkr-tz.db", isolation_level=None)
    held.execute("BEGIN EXCLUSIVE")
    forget_yfinance()
    found = seen(cold)
    held.execute("ROLLBACK")
    held.close()
    print(f"a cache that another program holds: {found.seconds:.2f} s, {found.error}")
    assert found.error is None or "The cookies in" in found.error.message
    forget_yfinance()
    assert seen(cold).bars == 300


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100])
def test_a_damaged_folder_of_cookies_is_said(
    cold: YahooServer, own_folders: Path, damage: bytes
) -> None:
    folder = own_folders / "cache" / "yfinance"
    assert seen(cold).bars == 300
    forget_yfinance()
    for file in folder.glob("*.db"):
        file.write_bytes(damage)
    found = seen(cold)
    assert found.error is None or "The cookies in" in found.error.message, found.error


# The same as people meet it


@pytest.mark.parametrize(
    "behaviour", ["404", "429", "500", "html", "reset", "silent", "bomb", "elsewhere"]
)
def test_the_command_line_ends_in_words(
    server: YahooServer,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
) -> None:
    def impatient(ticker: str, _read: Any, _wanted: Any) -> YahooSource:
        return YahooSource(ticker, deadline_s=DEADLINE_S)

    monkeypatch.setattr(yahoo, "from_request", impatient)
    server.behaviours = [behaviour]
    start = time.monotonic()
    status = main(["inspect", "yahoo:AAPL"])
    assert time.monotonic() - start < DEADLINE_S + 2
    out, err = capfd.readouterr()
    assert (status, out) == (2, "")
    assert re.search(BEHAVIOURS[behaviour], " ".join(err.split())), err
    assert "Traceback" not in err
    server.behaviours = ["ok"]
    Pause.end()
    assert main(["inspect", "yahoo:AAPL"]) == 0


@pytest.mark.parametrize("behaviour", ["404", "429", "500", "drip", "bomb"])
def test_the_window_stays_usable_and_says_what_happened(
    qapp: Any, server: YahooServer, tmp_path: Path, behaviour: str
) -> None:
    with window(tmp_path, price_file(tmp_path / "start.csv")) as bench:
        server.behaviours = [behaviour]
        bench.actions.ticker_field.setText("AAPL")
        QTest.keyClick(bench.actions.ticker_field, Qt.Key.Key_Return)
        if behaviour == "drip":
            wait(lambda: len(server.charts) > 0)
            bench.actions["cancel"].trigger()
            assert bench.session.state == "idle", "it can be given up"
            server.closing.set()
        idle(bench)
        if behaviour != "drip":
            assert re.search(BEHAVIOURS[behaviour], bench.banner.text), bench.banner.text
        server.closing.clear()
        server.behaviours = ["ok"]
        Pause.end()
        bench.actions.ticker_field.setText("AAPL")
        QTest.keyClick(bench.actions.ticker_field, Qt.Key.Key_Return)
        idle(bench)
        assert [row.symbol for row in bench.session.watchlist.rows] == ["start", "AAPL"]


# Each protection taken out, one at a time: the same check fails.


def without_the_deadline(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        http._Bounded, "begin", lambda self, _: setattr(self, "deadline", time.monotonic() + 5)
    )


def without_the_bound_on_size(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(http, "_MOST_BYTES", 2**40)


def with_redirects_everywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        http, "_followed", lambda *_: "https://query2.finance.yahoo.com/v8/finance/chart/MSFT"
    )


def with_sticky_failures(patch: pytest.MonkeyPatch) -> None:
    from yfinance import data

    patch.setattr(data.YfData.cache_get, "cache_clear", lambda: None)


def without_a_look_at_the_symbol(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(yahoo, "_check_symbol", lambda *_: None)


def with_all_its_requests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(http._Bounded, "_check_need", lambda *_: None)
    patch.setattr(http.Pause, "begin", lambda *_: None)
    patch.setattr(yahoo, "_BACKOFF_S", 0.0)
    patch.setattr(yahoo, "_explained", lambda error, *_: (True, SourceError(str(error))))


@pytest.mark.parametrize(
    ("protection", "behaviour"),
    [
        (without_the_deadline, "silent"),
        (without_the_deadline, "drip"),
        (without_the_bound_on_size, "bomb"),
        (with_redirects_everywhere, "elsewhere"),
        (with_sticky_failures, "500"),
        (without_a_look_at_the_symbol, "another symbol"),
        (with_all_its_requests, "404"),
    ],
)
def test_without_its_protection_the_check_fails(
    cold: YahooServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    protection: Callable[[pytest.MonkeyPatch], None],
    behaviour: str,
) -> None:
    protection(monkeypatch)
    with pytest.raises(AssertionError):
        ends_well(cold, behaviour, BEHAVIOURS[behaviour], tmp_path / "prices.sqlite")
