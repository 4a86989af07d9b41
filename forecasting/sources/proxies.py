"""Tell which proxy and which certificates a download uses, and what is wrong where one of them
stops it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from forecasting.files.atomic import atomic_write

#: Variables that name a proxy for https addresses, in the order in which curl looks at them.
_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
#: Variables that name a file of trusted certificates, in the order in which they count here.
_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")

_UNTRUSTED = (51, 60, 83, 91)
_NO_FILE = (58, 59, 77)
_NO_PROXY_THERE = (5, 7, 28, 97)


def proxy_in_use() -> tuple[str, str]:
    """Return the variable that names the proxy for https addresses, and the proxy without its
    password.

    Returns
    -------
    tuple of str
        ``("", "")`` where no proxy is named.
    """
    for name in _PROXY_VARIABLES:
        if value := os.environ.get(name, "").strip():
            return name, without_password(value)
    return "", ""


def without_password(address: str) -> str:
    """Return host and port of an address: what stands before them may be a name and a password."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    return (parts.netloc.rpartition("@")[2] or address.rpartition("@")[2])[:80]


def named_certificates() -> dict[str, Path]:
    """Return the files and folders of trusted certificates that the environment names, by variable.

    A path that is not there does not count, so that a stale ``SSL_CERT_FILE`` stops nothing.
    """
    named = {name: os.environ.get(name, "").strip() for name in _CERTIFICATE_VARIABLES}
    return {name: Path(value) for name, value in named.items() if value and Path(value).exists()}


def certificate_bundle(folder: Path) -> str:
    """Return one file of all certificates that the environment names, made in ``folder`` where
    there are several.

    Tools read different variables, and a company sets the one that its tools read: all of them
    count.

    Parameters
    ----------
    folder : Path
        Where a bundle can be written; nobody else may write there.

    Returns
    -------
    str
        "" where no variable names certificates.
    """
    named = [path.resolve() for path in named_certificates().values()]
    files = [path for path in dict.fromkeys(named) if path.is_file()]
    if len(files) <= 1:
        return str(next(iter(files or named), ""))
    try:
        content = b"\n".join(path.read_bytes() for path in files)
    except OSError:
        return str(files[0])
    bundle = folder / "trusted-certificates.pem"
    atomic_write(bundle, content)
    return str(bundle)


def explain_connection(error: str) -> tuple[str, str] | None:
    """Return message and hint for a curl error that a proxy or a certificate causes.

    Parameters
    ----------
    error : str
        curl's own words, which hold ``curl: (CODE)``.

    Returns
    -------
    tuple of str, or None
        None where neither has anything to do with it.
    """
    match = re.search(r"curl: \((\d+)\)", error)
    code = int(match[1]) if match else 0
    return _proxy_refusal(error) or _certificate_trouble(code) or _proxy_down(code, error)


def _proxy_refusal(error: str) -> tuple[str, str] | None:
    match = re.search(
        r"(?:CONNECT tunnel failed, response|HTTP code|Received HTTP code) (\d{3})", error
    )
    if match is None:
        return None
    variable, proxy = proxy_in_use()
    if match[1] == "407":
        return (
            f"The proxy {proxy} asks for a name and a password (status 407)",
            f"Put them into {variable}: http://NAME:PASSWORD@{proxy}. Special characters are "
            "written as %40 for @.",
        )
    return (
        f"The proxy {proxy} refuses to connect to Yahoo (status {match[1]})",
        f"Ask who runs the proxy to allow finance.yahoo.com, or change {variable}.",
    )


def _certificate_trouble(code: int) -> tuple[str, str] | None:
    named = named_certificates()
    variables = " or ".join(named)
    if code in _NO_FILE:
        paths = ", ".join(map(str, dict.fromkeys(named.values())))
        return (
            f"The certificates in {paths or 'the program folder'} cannot be read",
            f"Let {variables or 'SSL_CERT_FILE'} name a file of certificates in PEM form.",
        )
    if code in _UNTRUSTED:
        _, proxy = proxy_in_use()
        whose = f"the proxy {proxy}" if proxy else "Yahoo's address"
        file = f" {variables} names a file without its issuer." if variables else ""
        return (
            f"The certificate of {whose} is not trusted",
            "Where a company inspects connections, set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) "
            "to the file of its CA "
            f"certificate.{file} Otherwise check the date of this computer.",
        )
    if code == 35:
        return (
            "No secure connection to Yahoo can be made",
            "Check the date of this computer, and its proxy.",
        )
    return None


def _proxy_down(code: int, error: str) -> tuple[str, str] | None:
    variable, proxy = proxy_in_use()
    if not proxy or code not in _NO_PROXY_THERE or "proxy" not in error.lower():
        return None
    return (
        f"The proxy {proxy} cannot be reached",
        f"{variable} names this proxy: correct or unset it.",
    )
