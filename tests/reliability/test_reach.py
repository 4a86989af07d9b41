"""How far the program and its tests reach: to no other machine, and to no folder that is not the program's."""

from __future__ import annotations

import re

import pytest

pytest_plugins = ["pytester"]

#: Attempts to leave the machine, and who is named. Addresses are of those that belong to nobody (RFC 5737, RFC 2606).
ATTEMPTS = {
    "socket.create_connection(('192.0.2.1', 80), timeout=1)": "192.0.2.1",
    "socket.socket().connect_ex(('192.0.2.1', 80))": "192.0.2.1",
    "socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', ('192.0.2.1', 53))": "192.0.2.1",
    "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'hello'], [], 0, ('192.0.2.1', 53))": "192.0.2.1",
    "socket.getaddrinfo('prices.example.com', 443)": "prices.example.com",
    "socket.gethostbyname('prices.example.com')": "prices.example.com",
    "urllib.request.urlopen('https://prices.example.com')": "prices.example.com:443",
    "curl_cffi.requests.get('https://prices.example.com', timeout=5)": "prices.example.com:443",
}


def planted(attempt: str) -> str:
    """Return a test that swallows whatever its attempt raises."""
    return f"""
        import contextlib, socket, urllib.request, curl_cffi
        def test_planted():
            with contextlib.suppress(BaseException):
                {attempt}
        def test_after_it():
            pass
    """


@pytest.fixture
def inner(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> pytest.Pytester:
    """A suite of its own with the guard of ours."""
    pytester.makeconftest("""
        import pytest
        from conftest_of_candlecast import no_network, trap
    """)
    tests = request.config.rootpath / "tests"
    pytester.makepyfile(conftest_of_candlecast=(tests / "conftest.py").read_text())
    pytester.makeini(f"[pytest]\npythonpath = {tests} {request.config.rootpath}\nmarkers = network: ok")
    return pytester


@pytest.mark.slow
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_test_that_tries_to_leave_the_machine_fails(inner: pytest.Pytester, attempt: str) -> None:
    inner.makepyfile(planted(attempt))
    result = inner.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, errors=1)
    assert re.search(rf"test_planted tried to reach \S*{re.escape(ATTEMPTS[attempt])}", result.stdout.str())
