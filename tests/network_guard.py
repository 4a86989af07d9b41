"""What a test tried to reach outside this machine: refused where it happens, and remembered, as
the program may swallow the refusal.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_EXCEPTIONS = ("NO_PROXY", "no_proxy")


class Trap:
    """A proxy on loopback for libraries in C (curl), which do not come through Python's sockets:
    it notes who comes, and hangs up.
    """

    def __init__(self) -> None:
        self.caught: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._wait, name="network trap", daemon=True).start()

    def _wait(self) -> None:
        while True:
            with suppress(OSError):
                guest, _ = self._listener.accept()
                self.caught.append("a connection")
                with guest:
                    guest.settimeout(1)
                    words = guest.recv(300).decode("latin-1").split()
                    self.caught[-1] = words[1] if len(words) > 1 else self.caught[-1]


class NetworkGuard:
    """Refuses and remembers connections, datagrams and look-ups of names that leave this machine.

    Parameters
    ----------
    patch : pytest.MonkeyPatch
        The guard is up for as long as it holds.
    trap : Trap
    """

    def __init__(self, patch: pytest.MonkeyPatch, trap: Trap) -> None:
        self._tried: list[str] = []
        self._trap, self._seen, self._open = trap, 0, False
        for name in ("connect", "connect_ex"):
            patch.setattr(
                socket.socket, name, self._socket_guard(getattr(socket.socket, name), index=0)
            )
        for name in ("sendto", "sendmsg"):
            patch.setattr(
                socket.socket, name, self._socket_guard(getattr(socket.socket, name), index=-1)
            )
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            patch.setattr(socket, name, self._lookup_guard(getattr(socket, name)))
        for name in _PROXIES:
            patch.setenv(name, trap.address)
        for name in _EXCEPTIONS:
            patch.setenv(name, ",".join(LOOPBACK))

    @property
    def tried(self) -> list[str]:
        """What the test tried to reach so far."""
        return self._tried + self._trap.caught[self._seen :]

    def forget(self) -> None:
        """Forget what was tried so far: another test begins."""
        self._tried.clear()
        self._seen = len(self._trap.caught)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let everything pass for a time."""
        self._open = True
        with pytest.MonkeyPatch.context() as patch:
            for name in (*_PROXIES, *_EXCEPTIONS):
                patch.delenv(name, raising=False)
            yield
        self._open = False

    def _check(self, host: object) -> None:
        if not self._open and host not in (*LOOPBACK, None, ""):
            self._tried.append(str(host))
            raise AssertionError(f"a test tried to reach {host}")

    def _socket_guard(self, honest: Callable[..., Any], index: int) -> Callable[..., Any]:
        def guarded(sock: socket.socket, *args: Any) -> Any:
            address = args[index] if args else None
            if (
                isinstance(address, tuple) and address and isinstance(address[0], str)
            ):  # the address of a Unix socket is a path
                self._check(address[0])
            return honest(sock, *args)

        return guarded

    def _lookup_guard(self, honest: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(host: Any = None, *args: Any, **more: Any) -> Any:
            self._check(host.decode() if isinstance(host, bytes) else host)
            return honest(host, *args, **more)

        return guarded
