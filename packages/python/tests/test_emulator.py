"""The package with b2sdk."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from b2sdk.v3 import B2Api, Bucket, InMemoryAccountInfo
from b2sdk.v3.exception import FileNotPresent

from b2kit_emulator import ControlError, Emulator, find_binary


@pytest.fixture
def bucket(b2_emulator: Emulator) -> Any:
    """A bucket, as b2sdk sees it."""
    b2_emulator.create_bucket("holiday-photos")
    return client(b2_emulator).get_bucket_by_name("holiday-photos")


def client(emulator: Emulator) -> B2Api:
    b2 = B2Api(InMemoryAccountInfo())
    b2.authorize_account(emulator.key_id, emulator.key, realm=emulator.url)
    return b2


def names(bucket: Bucket) -> list[str]:
    return [version.file_name for version, _ in bucket.ls(recursive=True)]


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_starts_with_an_empty_account(b2_emulator: Emulator, bucket: Any, turn: int) -> None:
    assert names(bucket) == []
    bucket.upload_bytes(b"meow", "cat.txt")
    assert names(bucket) == ["cat.txt"]
    assert [it["fileName"] for it in b2_emulator.calls(call="b2_upload_file")] == ["cat.txt"]
    assert b2_emulator.states() == []
    b2_emulator.save("a state of this test")
    b2_emulator.fault("internal_error", on={"call": "b2_get_upload_url"})


def test_a_fault_hits_and_the_client_retries(b2_emulator: Emulator, bucket: Any) -> None:
    fault = b2_emulator.fault("service_unavailable", on={"call": "b2_upload_file"}, when={"times": 1})
    bucket.upload_bytes(b"meow", "cat.txt")
    assert (fault.hits, fault.matched) == (1, 1)
    statuses = [it["status"] for it in b2_emulator.calls(call="b2_upload_file")]
    assert statuses == [503, 200]
    fault.remove()
    assert fault.hits == 0
    with pytest.raises(ControlError) as refused:
        b2_emulator.fault("none")
    assert refused.value.status == 400


def test_an_expired_token_is_renewed(b2_emulator: Emulator, bucket: Any) -> None:
    b2_emulator.expire_tokens()
    assert names(bucket) == []
    assert b2_emulator.usage()["calls"]["b2_authorize_account"]["count"] == 2


def test_lifecycle_rules_act_when_the_clock_is_advanced(b2_emulator: Emulator) -> None:
    rule = {"fileNamePrefix": "", "daysFromUploadingToHiding": 1, "daysFromHidingToDeleting": None}
    bucket_id = b2_emulator.create_bucket("holiday-photos", lifecycleRules=[rule])
    client(b2_emulator).get_bucket_by_name("holiday-photos").upload_bytes(b"meow", "cat.txt")
    before = b2_emulator.now
    b2_emulator.advance_clock(timedelta(days=2))
    assert b2_emulator.now - before >= timedelta(days=2)
    b2_emulator.run_lifecycle()
    versions = b2_emulator.call("b2_list_file_versions", bucketId=bucket_id)["files"]
    assert [it["action"] for it in versions] == ["hide", "upload"]
    b2_emulator.reset_clock()
    assert b2_emulator.now - before < timedelta(days=1)


def test_changes_are_undone(b2_emulator: Emulator, bucket: Any) -> None:
    with b2_emulator.restored():
        bucket.upload_bytes(b"meow", "cat.txt")
        b2_emulator.fault("internal_error")
    assert names(bucket) == []
    b2_emulator.save("a b")
    bucket.upload_bytes(b"meow", "cat.txt")
    b2_emulator.restore("a b")
    assert b2_emulator.states() == ["a b"]
    b2_emulator.remove_state("a b")
    assert b2_emulator.states() == []
    with pytest.raises(FileNotPresent):
        bucket.get_file_info_by_name("cat.txt")


def test_calls_are_exported_as_a_recording(b2_emulator: Emulator, bucket: Any, tmp_path: Path) -> None:
    bucket.upload_bytes(b"meow", "cat.txt")
    b2_emulator.export_cassette(tmp_path / "calls.yaml", call="b2_upload_file")
    text = (tmp_path / "calls.yaml").read_text(encoding="utf-8")
    assert text.startswith("b2kit-cassette: 1\n---\n") and "meow" in text
    assert b2_emulator.key not in text


def test_the_program_runs_as_a_module_and_as_a_context(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-m", "b2kit_emulator", "--version"], capture_output=True, text=True)
    assert said.stdout.startswith("b2kit-emulator ")
    assert Path(find_binary()).name.startswith("b2kit-emulator")
    with Emulator(buckets=["a-bucket"], data=tmp_path / "data") as emulator:
        assert emulator.console_url.startswith(emulator.url + "/b2kit-emulator/?token=")
        client(emulator).get_bucket_by_name("a-bucket").upload_bytes(b"meow", "cat.txt")
    with Emulator(data=tmp_path / "data") as emulator:
        assert names(client(emulator).get_bucket_by_name("a-bucket")) == ["cat.txt"]
    with pytest.raises(RuntimeError):
        Emulator(args=["--nothing"]).start()


def test_with_tls_the_control_api_is_trusted(tmp_path: Path) -> None:
    root = tmp_path / "the root's.pem"
    with Emulator(args=["--tls", "--root-cert", str(root)]) as emulator:
        assert emulator.url.startswith("https://")
        assert emulator.env["REQUESTS_CA_BUNDLE"] == str(root)
        emulator.create_bucket("holiday-photos")
        assert emulator.call("b2_list_buckets", accountId=emulator.control("GET", "")["accountId"])["buckets"]
        with pytest.raises(ControlError):
            emulator.fault("none")


def fake_program(directory: Path, script: str) -> Path:
    """A program that says what an emulator would, and then waits; its process id is in the file ``pid``."""
    path = directory / "fake"
    path.write_text(f"#!/bin/sh\necho $$ > '{directory}/pid'\n{script}\nexec sleep 60\n")
    path.chmod(0o700)
    return path


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(os.name != "posix", reason="the fake program is a shell script")
def test_what_the_program_says_is_utf_8_in_any_locale(tmp_path: Path) -> None:
    fake = fake_program(tmp_path, r"printf '# kept in /d/\304\215\nexport NAME=/d/\304\215\n# Ctrl-C stops it.\n'")
    program = textwrap.dedent(
        """
        import sys
        from b2kit_emulator import Emulator

        with Emulator(binary=sys.argv[1]) as emulator:
            print(ascii(emulator.env["NAME"]))
        """
    )
    env = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    said = subprocess.run([sys.executable, "-c", program, fake], env=env, capture_output=True, text=True, timeout=30)
    assert (said.stdout, said.stderr) == ("'/d/\\u010d'\n", "")


@pytest.mark.skipif(os.name != "posix", reason="the fake program is a shell script")
def test_a_start_that_fails_stops_the_program(tmp_path: Path) -> None:
    # an unclosed quote
    emulator = Emulator(binary=str(fake_program(tmp_path, """echo "export NAME='open" """)))
    with pytest.raises(ValueError):
        emulator.start()
    assert not is_running(int((tmp_path / "pid").read_text()))
