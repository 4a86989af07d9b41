"""Run a notebook without Jupyter, and write it anew with its outputs.

``python docs/run_notebook.py docs/notebook.ipynb``. Cells run one after the other in one
namespace, in a fresh folder and with a store of their own; the value of the last expression of a
cell and what it prints are its outputs, as in Jupyter.
"""

from __future__ import annotations

import ast
import io
import json
import os
import sys
import tempfile
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def run(notebook: dict[str, Any]) -> None:
    """Run the code cells of a notebook, and put in their outputs."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            cell["outputs"] = outputs_of("".join(cell["source"]), namespace, count)


def outputs_of(source: str, namespace: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Run one cell and return its outputs in the notebook format."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    expression = tree.body.pop() if isinstance(last, ast.Expr) else None
    streams = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    value = None
    with redirect_stdout(streams["stdout"]), redirect_stderr(streams["stderr"]):
        exec(compile(tree, f"cell {count}", "exec"), namespace)  # noqa: S102 - our own notebook
        if isinstance(expression, ast.Expr):
            code = compile(ast.Expression(expression.value), f"cell {count}", "eval")
            value = eval(code, namespace)  # noqa: S307 - our own notebook
    found: list[dict[str, Any]] = [
        {"output_type": "stream", "name": name, "text": lines(stream.getvalue())}
        for name, stream in streams.items()
        if stream.getvalue()
    ]
    if value is not None:
        data = {"text/plain": lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = lines(value._repr_html_())
        found.append(
            {
                "output_type": "execute_result",
                "execution_count": count,
                "metadata": {},
                "data": data,
            }
        )
    return found


def lines(text: str) -> list[str]:
    """Return a text as the notebook format has it."""
    return text.splitlines(keepends=True)


def main(words: list[str]) -> int:
    """Run the notebook that is named."""
    path = Path(words[0]).resolve()
    notebook = json.loads(path.read_text(encoding="utf-8"))
    sys.path[:0] = [str(ROOT), str(ROOT / "forecasting" / "alias")]
    warnings.simplefilter("ignore", DeprecationWarning)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        os.environ["CANDLECAST_HOME"] = folder
        run(notebook)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
