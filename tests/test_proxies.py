"""Downloads behind a proxy: the proxy, its variable and its certificates are named where one of
them stops a download.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecasting.errors import SourceError
from forecasting.sources.proxies import certificate_bundle, explain_connection, without_password
from forecasting.sources.yahoo import YahooSource

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture
def refusing_proxy() -> Iterator[str]:
    """A proxy on loopback that wants a password."""
    reply = b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                if client.recv(4096):
                    client.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def use_proxy(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for name in ("https_proxy", "all_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", address)


def test_a_proxy_that_wants_a_password_is_named_without_the_one_it_was_given(
    monkeypatch: pytest.MonkeyPatch, refusing_proxy: str, own_folders: Path
) -> None:
    use_proxy(monkeypatch, f"http://me:secret@{refusing_proxy}")
    with pytest.raises(SourceError, match="asks for a name and a password") as refused:
        YahooSource("AAPL", deadline_s=5).load()
    assert f"The proxy {refusing_proxy} " in refused.value.message
    assert "HTTPS_PROXY" in refused.value.hint
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            "curl: (7) Failed to connect to query2 over proxy proxy",
            "The proxy proxy:80 cannot be reached",
            "HTTPS_PROXY names this proxy",
        ),
        (
            "curl: (5) Could not resolve proxy: proxy",
            "The proxy proxy:80 cannot be reached",
            "HTTPS_PROXY",
        ),
        (
            "curl: (56) CONNECT tunnel failed, response 403",
            "refuses to connect to Yahoo (status 403)",
            "HTTPS_PROXY",
        ),
        (
            "curl: (60) SSL certificate problem",
            "The certificate of the proxy proxy:80 is not trusted",
            "SSL_CERT_FILE",
        ),
        ("curl: (77) error setting certificate file", "cannot be read", "PEM"),
    ],
)
def test_a_failed_connection_names_what_stands_between(
    monkeypatch: pytest.MonkeyPatch, error: str, message: str, hint: str
) -> None:
    use_proxy(monkeypatch, "http://proxy:80")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    explained = explain_connection(error)
    assert explained is not None
    assert message in explained[0]
    assert hint in explained[1]


def test_without_a_proxy_a_line_that_is_down_is_not_blamed_on_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_proxy(monkeypatch, "")
    assert explain_connection("curl: (7) Failed to connect to query2 over proxy x") is None
    use_proxy(monkeypatch, "http://proxy:80")
    assert explain_connection("curl: (7) Failed to connect to query2") is None


def test_every_variable_that_names_certificates_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in VARIABLES:
        (tmp_path / name).write_text(f"certificate of {name}\n")
        monkeypatch.setenv(name, str(tmp_path / name))
    bundle = Path(certificate_bundle(tmp_path)).read_text()
    assert [name for name in VARIABLES if f"certificate of {name}" in bundle] == list(VARIABLES)


def test_one_file_is_used_where_it_lies_and_a_missing_one_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("certificate")
    for name in VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / "not there"))
    assert certificate_bundle(tmp_path) == ""
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert certificate_bundle(tmp_path) == str(file)


@pytest.mark.parametrize(
    "address",
    ["http://me:p%40ss@proxy:8080", "me:pass@proxy:8080", "https://proxy:8080/", "proxy:8080"],
)
def test_an_address_is_shown_without_its_password(address: str) -> None:
    assert without_password(address) == "proxy:8080"
