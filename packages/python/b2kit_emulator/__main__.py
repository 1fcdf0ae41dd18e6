"""``python -m b2kit_emulator`` is the program ``b2kit-emulator``."""

import os
import subprocess
import sys

from ._binary import find_binary


def main() -> int:
    command = [find_binary(), *sys.argv[1:]]
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
