"""Backblaze B2 on this computer, for tests.

``Emulator`` runs the program ``b2kit-emulator`` and controls it; the pytest fixture ``b2_emulator`` gives each test a
fresh one.
"""

from ._binary import find_binary
from ._emulator import ControlError, Emulator, Fault

__all__ = ["ControlError", "Emulator", "Fault", "find_binary"]
