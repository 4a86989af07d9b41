"""Makes the peers' environment, outside of the repository, and starts processes in it and in ours.

Usage: python -m benchmarks.peers.environment [--env FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from platformdirs import user_cache_path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"


def default_folder() -> Path:
    return user_cache_path("candlecast") / "peers"


def python_of(folder: Path) -> Path:
    """Return the Python of the peers' environment; it is made where it is missing or holds other
    versions than asked for.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    torch = version("torch")
    wanted, stamp = f"{REQUIREMENTS.read_text(encoding='utf-8')}torch=={torch}\n", folder / "ready"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"making the peers' environment in {folder} (once; minutes)", file=sys.stderr)
        venv.create(folder, with_pip=True)
        install = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]
        if subprocess.run([*install, f"torch=={torch}"], check=False).returncode != 0:
            subprocess.run([*install, f"torch=={torch.split('+')[0]}"], check=True)
        subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return python


class Contestant:
    """A process that serves tasks (see :mod:`benchmarks.peers.serving`), with a number of threads
    of its own.

    Parameters
    ----------
    python : Path
    script : str
        File beside this one.
    threads : int
    """

    def __init__(self, python: Path, script: str, threads: int = 1) -> None:
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        environ = {
            **os.environ,
            **dict.fromkeys(names, str(threads)),
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": str(HERE.parents[1]),
        }
        self.log = (
            (Path.cwd() / f"{Path(script).stem}.log").open("w")
            if os.environ.get("PEERS_LOG")
            else subprocess.DEVNULL
        )
        self.process = subprocess.Popen(
            [str(python), "-W", "ignore", str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environ,
        )

    def ask(self, task: str, **words: Any) -> dict[str, Any]:
        """Have a task done and return what it found."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"task": task, **words}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"{self.process.args!r} ended in task {task}; set PEERS_LOG=1 and read the log "
                "beside you"
            )
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with what every comparison takes."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "--env", type=Path, default=default_folder(), help="Folder of the peers' environment"
    )
    made.add_argument(
        "--out",
        type=Path,
        default=None,
        help="Folder for the JSON and the table; they are printed in any case",
    )
    return made


def machine() -> dict[str, Any]:
    """Return what figures depend on: processor, cores, versions, and how busy the machine is
    now.
    """
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")),
        "unknown",
    )
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
        "torch": version("torch"),
        "load": busy,
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="ascii", errors="replace").splitlines() if path.exists() else []


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows of one shape as a Markdown table; floats have four significant digits."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_cell(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def deliver(name: str, found: dict[str, Any], rows: list[dict[str, Any]], out: Path | None) -> None:
    """Print the table; write it and the JSON where a folder is given."""
    text = table(rows)
    print(text, flush=True)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_text(
            json.dumps({"machine": machine(), **found, "table": rows}, indent=1), encoding="utf-8"
        )
        (out / f"{name}.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    print(python_of(parser(__doc__).parse_args().env))
