"""Finds the program."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

NAME = "b2kit-emulator" + (".exe" if sys.platform == "win32" else "")


def find_binary() -> str:
    """The path of the program: from ``B2KIT_EMULATOR``, from where this package was installed, or from ``PATH``."""
    if chosen := os.environ.get("B2KIT_EMULATOR"):
        return chosen
    schemes = ["", "posix_user" if os.name == "posix" else "nt_user"]
    for scheme in schemes:
        scripts = sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts")
        if (path := Path(scripts) / NAME).is_file():
            return str(path)
    # pip install --target puts the scripts beside the packages
    if (path := Path(__file__).parent.parent / "bin" / NAME).is_file():
        return str(path)
    if found := shutil.which(NAME):
        return found
    raise FileNotFoundError(f"{NAME} is neither installed with this package nor in PATH: set B2KIT_EMULATOR")
