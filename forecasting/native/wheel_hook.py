"""Hook of hatchling: with ``CANDLECAST_NATIVE_WHEEL=1`` a wheel holds the compiled kernel and
suits one platform; otherwise it holds the sources alone and suits all.
"""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelHook(BuildHookInterface[Any]):
    """Compile the kernel into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the library and name the platform.

        Raises
        ------
        RuntimeError
            The kernel cannot be compiled.
        """
        if version == "editable" or os.environ.get("CANDLECAST_NATIVE_WHEEL") != "1":
            return
        source = Path(self.root) / "forecasting" / "native" / "build.py"
        spec = importlib.util.spec_from_file_location("kernel_build", source)
        assert spec is not None
        assert spec.loader is not None
        kernel = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(kernel)
        reason = kernel.build()
        if reason:
            raise RuntimeError(f"the native kernel cannot be compiled: {reason}")
        library = kernel.library_path()
        build_data["force_include"][str(library)] = f"forecasting/native/built/{library.name}"
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
