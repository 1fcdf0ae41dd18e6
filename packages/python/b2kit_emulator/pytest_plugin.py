"""The fixtures ``b2_emulator`` and ``b2_emulator_args``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from ._emulator import Emulator


@pytest.fixture(scope="session")
def b2_emulator_args() -> Sequence[str]:
    """The arguments of the emulator of the fixture ``b2_emulator``. Override it in a ``conftest.py``."""
    return ()


@pytest.fixture(scope="session")
def _b2_emulator_process(b2_emulator_args: Sequence[str]) -> Iterator[Emulator]:
    with Emulator(args=b2_emulator_args) as emulator:
        yield emulator


@pytest.fixture
def b2_emulator(_b2_emulator_process: Emulator) -> Iterator[Emulator]:
    """An emulator with nothing in it. One program serves all tests; it is reset after each."""
    emulator = _b2_emulator_process
    yield emulator
    emulator.reset_clock()
    emulator.reset()
    for name in emulator.states():
        emulator.remove_state(name)
    emulator.webhooks(clear=True)
    emulator.clear_calls()
