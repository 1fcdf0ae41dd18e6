#!/usr/bin/env python3
"""What a small program with b2kit costs next to the same with bare hyper: the size of its code, the peak memory of one
small upload, and the CPU time of its build. Prints a Markdown table. Linux only.

    cargo build --release -p b2kit-emulator --features cli
    benches/size/measure.py target/release/b2kit-emulator [--builds]

The programs are src/b2kit.rs and src/bare.rs. Code is what `size` prints as text: everything that is loaded and not
written to, so also constants and unwind tables. With --builds each program is built from nothing, in a directory of its
own, which takes minutes; without, cargo's target directory is used, and no time is printed.
"""

import os
import pathlib
import resource
import statistics
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUCKET = "holiday-photos"
SMALL, RUNS = 4096, 9
PROGRAMS = {
    "b2kit": ["b2kit"],
    "bare hyper": ["bare"],
    "bare hyper with TLS": ["tls"],
}


def build(features, target):
    """Builds a program; returns its path, and the CPU time of the compilers."""
    command = ["cargo", "build", "--release", "--quiet", "--package", "b2kit-size", "--features", ",".join(features)]
    if target:
        command += ["--target-dir", target]
    before = cpu()
    subprocess.run(command, cwd=HERE, check=True)
    took = cpu() - before
    release = pathlib.Path(target or os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "release"
    return release / ("size-b2kit" if "b2kit" in features else "size-bare"), took


def cpu():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def text(program):
    """The size of the sections that are loaded and not written to."""
    elf = program.read_bytes()
    (offset,) = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    total = 0
    for number in range(count):
        kind, flags, _, _, length = struct.unpack_from("<IQQQQ", elf, offset + number * size + 4)
        write, alloc, nobits = flags & 1, flags & 2, kind == 8
        if alloc and not write and not nobits:
            total += length
    return total


def start(emulator):
    """Starts the emulator; returns it, and the environment that it prints."""
    server = subprocess.Popen([emulator, "--port", "0", "--bucket", BUCKET], stdout=subprocess.PIPE, text=True)
    environment = dict(os.environ)
    for line in server.stdout:
        name, is_set, value = line.removeprefix("export ").partition("=")
        if line.startswith("export ") and is_set:
            environment[name] = value.split(" #")[0].strip(" '\"\n")
        if "Ctrl-C" in line:
            break
    return server, environment


def peak(program, environment, source):
    """The median peak memory of one upload, in MiB."""
    endpoint = next(value for name, value in environment.items() if "ENDPOINT" in name and value.startswith("http"))
    command = [program, endpoint, BUCKET, "small", source]

    def once():
        said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        return next(int(line.split()[1]) for line in said.splitlines() if line.startswith("VmHWM")) / 1024

    return statistics.median(once() for _ in range(RUNS))


def main():
    emulator, builds = pathlib.Path(sys.argv[1]).resolve(), "--builds" in sys.argv[2:]
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch) / "small"
        source.write_bytes(os.urandom(SMALL))
        rows = []
        for name, features in PROGRAMS.items():
            target = str(pathlib.Path(scratch) / features[0]) if builds else None
            program, took = build(features, target)
            kept = pathlib.Path(scratch) / f"program-{features[0]}"
            kept.write_bytes(program.read_bytes())
            kept.chmod(0o755)
            rows.append((name, kept, took))
        server, environment = start(emulator)
        try:
            print("| | text | peak memory of one upload |" + " CPU time of the build |" * builds)
            print("|---|---|---|" + "---|" * builds)
            for name, program, took in rows:
                row = f"| {name} | {text(program) / 1e6:.2f} MB | {peak(program, environment, source):.1f} MiB |"
                print(row + (f" {took:.0f} s, {took / rows[-1][2]:.2f} |" if builds else ""))
        finally:
            server.kill()
            server.wait()


main()
