#!/usr/bin/env python3
"""`b2kit sync`, `b2 sync` and `rclone sync` on the same trees, against one emulator: time, CPU, peak memory, calls by
billing class. Prints a Markdown table.

    VENV=target/real-clients benches/sync_programs.py target/release/b2kit target/release/b2kit-emulator

VENV is the virtual environment that tests/real_clients/run makes. SCALE=0.01 takes a hundredth of everything. Each program
runs with its defaults, in a process of its own, with a bucket prefix of its own; `rclone*` also gets --fast-list and
--transfers 16.
"""

import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

B2KIT, EMULATOR = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
VENV = pathlib.Path(os.environ.get("VENV", "target/real-clients"))
SCALE = float(os.environ.get("SCALE", "1"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
BUCKET = "holiday-photos"

CLASS_A = {
    "b2_cancel_large_file", "b2_delete_file_version", "b2_finish_large_file", "b2_get_upload_part_url",
    "b2_get_upload_url", "b2_hide_file", "b2_start_large_file", "b2_upload_file", "b2_upload_part",
}
CLASS_B = {"b2_download_file_by_id", "b2_download_file_by_name", "b2_get_file_info"}


class Endpoint:
    def __init__(self, scratch):
        out = open(scratch / "settings", "w+")
        command = [EMULATOR, "--port", "0", "--bucket", BUCKET, "--cap", "4GiB", "--no-webhooks"]
        self.process = subprocess.Popen(command, stdout=out)
        while "Ctrl-C" not in (scratch / "settings").read_text():
            time.sleep(0.05)
        script = f"set -a; . {scratch}/settings >/dev/null; env -0"
        shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        self.env = dict(entry.split("=", 1) for entry in shell.stdout.split("\0") if "=" in entry)
        self.env["B2_ACCOUNT_INFO"] = str(scratch / "account")
        self.env["RCLONE_CONFIG"] = os.devnull

    def calls(self):
        request = urllib.request.Request(self.env["B2KIT_EMULATOR_CONTROL"])
        request.add_header("Authorization", f"Bearer {self.env['B2KIT_EMULATOR_CONTROL_TOKEN']}")
        with urllib.request.urlopen(request) as answer:
            return collections.Counter(json.load(answer)["calls"])

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Run:
    """One process: what it took, and the calls that it made."""

    def __init__(self, endpoint, command):
        before, began = endpoint.calls(), time.monotonic()
        process = subprocess.Popen(
            [str(it) for it in command], env=endpoint.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        self.seconds = time.monotonic() - began
        if os.waitstatus_to_exitcode(status) != 0:
            raise AssertionError(f"{command} failed:\n{output}")
        self.cpu, self.mib = used.ru_utime + used.ru_stime, used.ru_maxrss / 1_024
        calls = endpoint.calls() - before
        self.a = sum(n for name, n in calls.items() if name in CLASS_A)
        self.b = sum(n for name, n in calls.items() if name in CLASS_B)
        self.c = sum(calls.values()) - self.a - self.b


def programs(root, name):
    at = f"{BUCKET}/{name}"
    return {
        "b2kit": [B2KIT, "sync", "--quiet", root, f"b2://{at}-b2kit"],
        "b2": [VENV / "bin/b2", "sync", "--no-progress", root, f"b2://{at}-b2"],
        "rclone": ["rclone", "sync", root, f"emulator:{at}-rclone"],
        "rclone*": ["rclone", "sync", "--fast-list", "--transfers", "16", root, f"emulator:{at}-rclone-tuned"],
    }


def write(path, length, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(random.Random(seed).randbytes(length))


def rows(endpoint, what, root, name, rounds=1):
    for program, command in programs(root, name).items():
        runs = [Run(endpoint, command) for _ in range(rounds)]
        best = min(runs, key=lambda run: run.seconds)
        print(f"| {what} | {program} | {best.seconds:.2f} s | {best.cpu:.2f} s | {best.mib:.0f} MiB "
              f"| {best.a} | {best.b} | {best.c} |", flush=True)


def bare(endpoint, root, prefix):
    """One listing and one walk, with nothing else to do."""
    listing = min(Run(endpoint, [B2KIT, "du", f"b2://{BUCKET}/{prefix}"]).seconds for _ in range(ROUNDS))
    walk = min(Run(endpoint, ["find", root, "-type", "f", "-size", "-1", "-newermt", "@99999999999"]).seconds
               for _ in range(ROUNDS))
    print(f"| a bare listing and a bare walk | b2kit du, find | {listing:.2f} + {walk:.2f} = {listing + walk:.2f} s "
          "| | | | | |", flush=True)


def main():
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="b2kit-sync-programs-"))
    endpoint = Endpoint(scratch)
    small, many = int(20_000 * SCALE), int(200_000 * SCALE)
    try:
        print("| | program | wall | CPU | peak memory | class A | B | C |\n|---|---|---|---|---|---|---|---|")
        root = scratch / "small"
        for n in range(small):
            write(root / f"{n // 100:03}" / f"{n % 100:02}.bin", 4_096, n)
        rows(endpoint, f"{small} files of 4 KiB, fresh", root, "small")
        rows(endpoint, "the same, nothing to do", root, "small", ROUNDS)
        bare(endpoint, root, "small-b2kit/")
        for n in range(0, small, 100):
            write(root / f"{n // 100:03}" / f"{n % 100:02}.bin", 4_096, small + n)
        rows(endpoint, "the same, 1 % changed", root, "small")
        shutil.rmtree(root)

        root = scratch / "large"
        size = int((1 << 30) * SCALE)
        write(root / "large.bin", 0, 0)
        with open(root / "large.bin", "wb") as file:
            for n in range(0, size, 1 << 20):
                file.write(random.Random(n).randbytes(min(1 << 20, size - n)))
        for program, command in programs(root, "large").items():
            # each in an emulator of its own, which would otherwise keep four of them in memory
            endpoint.stop()
            endpoint = Endpoint(scratch)
            run = Run(endpoint, command)
            print(f"| one file of {size >> 20} MiB, fresh | {program} | {run.seconds:.2f} s | {run.cpu:.2f} s "
                  f"| {run.mib:.0f} MiB | {run.a} | {run.b} | {run.c} |", flush=True)
        shutil.rmtree(root)

        endpoint.stop()
        endpoint = Endpoint(scratch)
        root = scratch / "many"
        for n in range(many):
            path = root / f"{n // 1_000:04}" / f"{n % 1_000:03}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for program, command in programs(root, "many").items():
            Run(endpoint, [B2KIT, "sync", "--quiet", root, command[-1].replace("emulator:", "b2://")])
        rows(endpoint, f"{many} entries, nothing to do", root, "many", ROUNDS)
        bare(endpoint, root, "many-b2kit/")
    finally:
        endpoint.stop()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
