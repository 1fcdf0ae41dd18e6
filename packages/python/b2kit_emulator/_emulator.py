"""``Emulator``: runs the program, and speaks its control API."""

from __future__ import annotations

import contextlib
import json
import shlex
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Union

from ._binary import find_binary


def _opener(root_certificate: Optional[str] = None) -> urllib.request.OpenerDirector:
    """Sends requests to the emulator, without a proxy. With TLS it has a root certificate of its own."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if root_certificate is not None:
        context = ssl.create_default_context(cafile=root_certificate)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


class ControlError(Exception):
    """A request to the control API failed. ``status`` is that of the response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Fault:
    """A fault that was added with ``Emulator.fault``."""

    def __init__(self, emulator: Emulator, id: int) -> None:
        self._emulator = emulator
        self.id = id

    @property
    def hits(self) -> int:
        """How many requests it has hit; 0 if it was removed."""
        return self._count("hits")

    @property
    def matched(self) -> int:
        """How many requests it has matched; 0 if it was removed."""
        return self._count("matched")

    def remove(self) -> None:
        """Removes it. Requests that it has already hit still fail."""
        self._emulator.control("DELETE", f"/faults/{self.id}")

    def _count(self, name: str) -> int:
        faults = self._emulator.control("GET", "/faults")["faults"]
        return next((int(it[name]) for it in faults if it["id"] == self.id), 0)


class Emulator:
    """An emulator that runs between ``start`` and ``stop``, or within a ``with`` block.

    It listens on a free port of 127.0.0.1 and keeps everything in memory, unless ``data`` is a directory. ``args`` are
    further arguments of the program.
    """

    def __init__(
        self,
        *,
        buckets: Sequence[str] = (),
        public_buckets: Sequence[str] = (),
        data: Optional[Union[str, Path]] = None,
        args: Sequence[str] = (),
        binary: Optional[str] = None,
    ) -> None:
        self._command = [binary or find_binary(), "--port", "0", *args]
        for name in buckets:
            self._command += ["--bucket", name]
        for name in public_buckets:
            self._command += ["--public-bucket", name]
        if data is not None:
            self._command += ["--data", str(data)]
        self._process: Optional[subprocess.Popen[str]] = None
        #: What programs read from their environment: the settings of the b2 CLI, b2sdk, rclone and the control API.
        self.env: dict[str, str] = {}
        #: The link to the console, to be opened in a browser.
        self.console_url = ""
        self._states = 0
        self._opener = _opener()

    @property
    def url(self) -> str:
        """The endpoint, b2sdk's ``realm``."""
        return self.env["B2_ENVIRONMENT"]

    @property
    def key_id(self) -> str:
        """The id of the master application key."""
        return self.env["B2_APPLICATION_KEY_ID"]

    @property
    def key(self) -> str:
        """The master application key."""
        return self.env["B2_APPLICATION_KEY"]

    def start(self) -> Emulator:
        """Starts the program, and returns when it accepts connections."""
        if self._process is not None:
            raise RuntimeError("the emulator is running")
        # the program writes UTF-8 in every locale; paths may be any bytes
        process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="surrogateescape",
        )
        self._process = process
        try:
            self._read_settings(process)
            self._opener = _opener(self.env.get("REQUESTS_CA_BUNDLE"))
        except BaseException:
            self.stop()
            raise
        return self

    def _read_settings(self, process: subprocess.Popen[str]) -> None:
        """Reads what the program says until it accepts connections."""
        assert process.stdout is not None
        for line in process.stdout:
            self._read(line)
            if "Ctrl-C" in line:
                return
        raise RuntimeError(f"{shlex.join(self._command)} failed: its error is above")

    def _read(self, line: str) -> None:
        if line.startswith("export "):
            for word in shlex.split(line)[1:]:
                name, _, value = word.partition("=")
                self.env[name] = value
        elif "/b2kit-emulator/?token=" in line:
            self.console_url = line.lstrip("# ").strip()

    def stop(self) -> None:
        """Stops the program. Does nothing if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.stop()

    def control(self, method: str, path: str, body: Any = None, query: Optional[Mapping[str, Any]] = None) -> Any:
        """Sends a request to the control API and returns its JSON, or its text. CONTROL.md has all requests."""
        url = self.env["B2KIT_EMULATOR_CONTROL"] + path
        if query:
            url += "?" + urllib.parse.urlencode(query)
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.env['B2KIT_EMULATOR_CONTROL_TOKEN']}")
        try:
            with self._opener.open(request) as response:
                text: str = response.read().decode()
                is_json = response.headers.get_content_type() == "application/json"
                return json.loads(text) if is_json else text
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(error.code, error.read().decode(errors="replace")) from None

    def call(self, name: str, **fields: Any) -> Any:
        """Makes a B2 call with all capabilities. It is not counted or logged, and no fault hits it."""
        return self.control("POST", f"/admin/{name}", fields)

    def create_bucket(self, name: str, *, public: bool = False, **fields: Any) -> str:
        """Creates a bucket, with these fields of ``b2_create_bucket``, and returns its id."""
        account_id = self.control("GET", "")["accountId"]
        kind = "allPublic" if public else "allPrivate"
        made = self.call("b2_create_bucket", accountId=account_id, bucketName=name, bucketType=kind, **fields)
        return str(made["bucketId"])

    def fault(
        self,
        kind: str,
        *,
        on: Optional[Mapping[str, Any]] = None,
        when: Optional[Mapping[str, Any]] = None,
        after_commit: bool = False,
        **fields: Any,
    ) -> Fault:
        """Adds a fault: ``fault("service_unavailable", on={"call": "b2_upload_file"}, when={"times": 1})``.

        ``fields`` are those of its kind, such as ``status``. CONTROL.md has all kinds and conditions.
        """
        rule = {
            "fault": {"kind": kind, **fields},
            "on": dict(on or {}),
            "when": dict(when or {}),
            "afterCommit": after_commit,
        }
        return Fault(self, self.control("POST", "/faults", rule)["id"])

    def clear_faults(self) -> None:
        """Removes all faults, and lets requests that wait at latches continue."""
        self.control("DELETE", "/faults")

    def open_latch(self, name: str) -> int:
        """Lets the requests that wait at a latch continue, and returns their number."""
        return int(self.control("POST", f"/latches/{urllib.parse.quote(name, safe='')}/open")["waited"])

    @property
    def now(self) -> datetime:
        """The time of the emulator."""
        return datetime.fromtimestamp(self.control("GET", "/clock")["now"] / 1000, timezone.utc)

    def advance_clock(self, by: Union[timedelta, float]) -> None:
        """Advances the clock by so much, or by so many seconds."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self.control("POST", "/clock", {"advanceSeconds": seconds})

    def reset_clock(self) -> None:
        """Returns the clock to the time of the system."""
        self.control("DELETE", "/clock")

    def run_lifecycle(self) -> None:
        """Applies lifecycle rules now."""
        self.control("POST", "/lifecycle")

    def expire_tokens(self, *, account: bool = True, upload: bool = True) -> None:
        """Expires all account tokens, all upload tokens, or both."""
        self.control("POST", "/tokens/expire", {"account": account, "upload": upload})

    def save(self, name: str) -> None:
        """Saves everything but the clock and the faults."""
        self.control("PUT", f"/states/{urllib.parse.quote(name, safe='')}")

    def restore(self, name: str) -> None:
        """Restores a saved state."""
        self.control("POST", f"/states/{urllib.parse.quote(name, safe='')}/restore")

    def states(self) -> list[str]:
        """The names of the saved states."""
        return list(self.control("GET", "/states")["states"])

    def remove_state(self, name: str) -> None:
        """Removes a saved state."""
        self.control("DELETE", f"/states/{urllib.parse.quote(name, safe='')}")

    @contextlib.contextmanager
    def restored(self) -> Iterator[Emulator]:
        """A block whose changes are undone at its end, except for the clock; all faults are removed, too."""
        self._states += 1
        name = f"python-{self._states}"
        self.save(name)
        try:
            yield self
        finally:
            self.clear_faults()
            self.restore(name)
            self.remove_state(name)

    def reset(self) -> None:
        """Removes all faults, and restores the state at the start."""
        self.control("POST", "/reset")

    def calls(self, **filter: Any) -> list[dict[str, Any]]:
        """The latest calls, oldest first: ``calls(call="b2_upload_file", status="5xx", faults="true")``."""
        return list(self.control("GET", "/calls", query={"limit": 30000, **filter})["calls"])

    def clear_calls(self) -> None:
        """Clears the log of calls."""
        self.control("DELETE", "/calls")

    def export_cassette(self, path: Union[str, Path], **filter: Any) -> None:
        """Writes the log of calls as a recording of b2kit-cassette."""
        Path(path).write_text(self.control("GET", "/cassette", query=filter), encoding="utf-8")

    def webhooks(self, *, clear: bool = False) -> list[dict[str, Any]]:
        """The webhooks that were sent, oldest first, with their outcomes."""
        return list(self.control("DELETE" if clear else "GET", "/webhooks")["webhooks"])

    def usage(self) -> dict[str, Any]:
        """The number of calls by billing class and by name."""
        return dict(self.control("GET", "/usage"))
