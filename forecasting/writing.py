"""Files that are whole or not there: written beside their place, pushed to disk, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forecasting.errors import ExportError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Hand out a temporary file's path; at the end of the block that file takes the place of ``path``.

    Whatever fails, an old file stays as it was and the temporary one goes away.

    Raises
    ------
    ExportError
        The folder or the disk does not allow it; names the file and the reason.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(part, path)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}.", "Choose another folder or free some space.") from error
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write bytes as a file that is whole or not there; errors as :func:`replacing`."""
    with replacing(path) as part:
        part.write_bytes(data)
