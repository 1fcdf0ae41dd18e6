"""What the tests of all clients share: an endpoint, files to send, and how a difference is reported."""

import hashlib
import os
import pathlib
import random
import subprocess
import sys
import tempfile


def endpoint():
    """URL, key id and key, from where the official tools read them. No URL is the real B2."""
    try:
        id, key = os.environ["B2_APPLICATION_KEY_ID"], os.environ["B2_APPLICATION_KEY"]
    except KeyError as missing:
        sys.exit(f"{missing} is not set: `b2kit-emulator` prints what to set")
    return os.environ.get("B2_ENVIRONMENT"), id, key


def bucket_name(client):
    """A name that nobody else has."""
    return f"b2kit-{client}-{random.getrandbits(64):016x}"


class Files:
    """A directory with files to send. Large ones are what takes several parts."""

    def __init__(self, large):
        self._directory = tempfile.TemporaryDirectory(prefix="b2kit-real-clients-")
        self.path = pathlib.Path(self._directory.name)
        self.small = self._random("small.txt", 1_234)
        self.other = self._random("other.txt", 2_345)
        self.empty = self._random("empty", 0)
        self.large = self._random("large.bin", large)

    def _random(self, name, length):
        path = self.path / name
        chunk = random.Random(length).randbytes(1 << 20)
        with path.open("wb") as file:
            while length > 0:
                file.write(chunk[:length])
                length -= len(chunk)
        return path

    def new(self, name):
        return self.path / name


def sha1(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


def same(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")
    print(f"  {what}: ok", flush=True)


def same_bytes(what, found, expected):
    same(what, sha1(found), sha1(expected))


def run(*command, env=None, refused_with=None, input=None):
    """The standard output of a command, which must succeed, or fail and say this."""
    command = [str(it) for it in command]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **(env or {})}, input=input
    )
    shown = " ".join(command[1:])
    said = f"{done.stdout}\n{done.stderr}"
    if refused_with is None and done.returncode != 0:
        raise AssertionError(f"{shown} failed:\n{said}")
    if refused_with is not None:
        if done.returncode == 0:
            raise AssertionError(f"{shown} was not refused")
        if refused_with not in said:
            raise AssertionError(f"{shown} was not refused with {refused_with!r}:\n{said}")
        print(f"  {shown}: refused, as it should be", flush=True)
    return done.stdout
