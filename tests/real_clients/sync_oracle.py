"""b2sdk's synchronizer as an oracle: random trees, where its modes and ours coincide, in both directions.

Each tree is synced by both into places of their own, from the same state, and the results are compared byte by byte. Then
b2sdk is asked what it would still do after ours, and rclone checks the two sides against each other: nothing is left.

Needs the program `b2kit` (B2KIT) beside what the other clients here need. SYNC_TREES says how many trees; 30 by default.
"""

import io
import os
import pathlib
import random
import shutil
import tempfile
import time

from b2sdk.v3 import (
    B2Api,
    CompareVersionMode,
    InMemoryAccountInfo,
    KeepOrDeleteMode,
    NewerFileSyncMode,
    SyncReport,
    Synchronizer,
    parse_folder,
)
from common import bucket_name, endpoint, run, same

TREES = int(os.environ.get("SYNC_TREES", "30"))
B2KIT = os.environ.get("B2KIT", "b2kit")
NAMES = ["a", "a.txt", "a0", "b/a", "b/x/y", "b/x/z", "b.c/d", "c", "d/d", "e e", "é/ü", "z/🦀", "z+%2F"]

COMPARES = {
    "none": CompareVersionMode.NONE,
    "size": CompareVersionMode.SIZE,
    "mtime": CompareVersionMode.MODTIME,
}
NEWER = {"skip": NewerFileSyncMode.SKIP, "replace": NewerFileSyncMode.REPLACE}


def content(size, modified):
    """Decided by size and time, so that files that agree in both are the same."""
    return random.Random(size * 1_000 + modified).randbytes(size)


def side(chance):
    density = chance.random()
    # One size, since b2sdk does not look at it where it compares times, and we do.
    return {name: (size, chance.randrange(1_600_000_000, 1_600_000_003)) for name in NAMES
            if chance.random() < density for size in [chance.choice([100, 100, 200])]}


def write(root, files):
    for name, (size, modified) in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(size, modified))
        os.utime(path, (modified, modified))


def read(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def upload(bucket, prefix, files):
    for name, (size, modified) in files.items():
        bucket.upload_bytes(content(size, modified), prefix + name,
                            file_info={"src_last_modified_millis": str(modified * 1_000)})


def stored(bucket, prefix):
    found = {}
    for version, _ in bucket.ls(prefix, recursive=True):
        into = tempfile.TemporaryFile()
        bucket.download_file_by_id(version.id_).save(into)
        into.seek(0)
        found[version.file_name.removeprefix(prefix)] = into.read()
    return found


def theirs(b2, source, destination, compare, newer, delete):
    synchronizer = Synchronizer(
        4, compare_version_mode=COMPARES[compare], newer_file_mode=NEWER[newer],
        keep_days_or_delete=KeepOrDeleteMode.DELETE if delete else KeepOrDeleteMode.NO_DELETE,
        allow_empty_source=True,
    )
    from_, to = parse_folder(source, b2), parse_folder(destination, b2)
    with SyncReport(io.StringIO(), True) as report:
        synchronizer.sync_folders(from_, to, int(time.time() * 1_000), report)


def actions_left(b2, source, destination, compare, newer, delete):
    synchronizer = Synchronizer(
        1, compare_version_mode=COMPARES[compare], newer_file_mode=NEWER[newer], allow_empty_source=True,
        keep_days_or_delete=KeepOrDeleteMode.DELETE if delete else KeepOrDeleteMode.NO_DELETE,
    )
    from_, to = parse_folder(source, b2), parse_folder(destination, b2)
    with SyncReport(io.StringIO(), True) as report:
        left = synchronizer._make_folder_sync_actions(from_, to, int(time.time() * 1_000), report)
        return [str(action) for action in left]


def ours(source, destination, compare, newer, delete):
    options = ["--quiet", "--compare", compare, "--newer", newer, "--allow-empty-source"]
    options += ["--delete"] if delete else []
    run(B2KIT, "sync", *options, source, destination)


def with_rclone(url, id, key, at, root):
    """rclone finds no difference after ours, and ours nothing to do after rclone's."""
    env = {"RCLONE_B2_ACCOUNT": id, "RCLONE_B2_KEY": key, "RCLONE_CONFIG": os.devnull}
    if url:
        env["RCLONE_B2_ENDPOINT"] = url
    write(root, {name: (100 + len(name), 1_600_000_000) for name in NAMES})
    run(B2KIT, "sync", "--quiet", root, f"b2://{at}/ours")
    run("rclone", "check", root, f":b2:{at}/ours", env=env)
    run("rclone", "sync", root, f":b2:{at}/theirs", env=env)
    for options in [[], ["--compare", "sha1-always"]]:
        plan = run(B2KIT, "sync", "--dry-run", "--delete", *options, root, f"b2://{at}/theirs")
        same(f"what we would do after rclone {options}", nothing_in(plan), True)
    plan = run(B2KIT, "sync", "--dry-run", "--delete", f"b2://{at}/theirs", root)
    same("the other way", nothing_in(plan), True)


def nothing_in(plan):
    """Whether a plan has only its last line, which counts."""
    return len(plan.splitlines()) == 1 and plan.startswith("0 to upload (0 B), 0 to download")


def main():
    url, id, key = endpoint()
    b2 = B2Api(InMemoryAccountInfo())
    b2.authorize_account(id, key, realm=url or "production")
    name = bucket_name("sync")
    bucket = b2.create_bucket(name, "allPrivate")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="b2kit-sync-"))
    try:
        for seed in range(TREES):
            chance = random.Random(seed)
            files, there = side(chance), side(chance)
            there.update({name: file for name, file in files.items() if name in there and chance.random() < 0.5})
            how = (chance.choice(list(COMPARES)), chance.choice(list(NEWER)), chance.random() < 0.5)
            if how[0] == "mtime":
                files, there = ({name: (100, modified) for name, (_, modified) in side.items()} for side in (files, there))
            if seed % 2:
                root = scratch / f"{seed}"
                root.mkdir()
                write(root, files)
                for who, sync in [("theirs", lambda *it: theirs(b2, *it)), ("ours", ours)]:
                    upload(bucket, f"{seed}/{who}/", there)
                    sync(str(root), f"b2://{name}/{seed}/{who}", *how)
                same(f"tree {seed} up {how}", stored(bucket, f"{seed}/ours/"), stored(bucket, f"{seed}/theirs/"))
                left = actions_left(b2, str(root), f"b2://{name}/{seed}/ours", *how)
                # b2sdk deletes old versions of what stays, too.
                same(f"tree {seed}: what b2sdk would still do", [it for it in left if "old version" not in it], [])
                again = (str(root), f"b2://{name}/{seed}/ours")
            else:
                upload(bucket, f"{seed}/", files)
                found = []
                for who, sync in [("theirs", lambda *it: theirs(b2, *it)), ("ours", ours)]:
                    root = scratch / f"{seed}-{who}"
                    root.mkdir()
                    write(root, there)
                    sync(f"b2://{name}/{seed}", str(root), *how)
                    found.append(read(root))
                same(f"tree {seed} down {how}", found[1], found[0])
                left = actions_left(b2, f"b2://{name}/{seed}", str(root), *how)
                same(f"tree {seed}: what b2sdk would still do", left, [])
                again = (f"b2://{name}/{seed}", str(root))
            plan = run(B2KIT, "sync", "--dry-run", "--compare", how[0], "--newer", how[1], "--allow-empty-source",
                       *again, *(["--delete"] if how[2] else []))
            skips = [line for line in plan.splitlines() if line.startswith("skip ")]
            same(f"tree {seed}: what we would still do", nothing_in(plan) or len(skips) == len(plan.splitlines()) - 1, True)
        (scratch / "rclone").mkdir()
        with_rclone(url, id, key, name, scratch / "rclone")
    finally:
        shutil.rmtree(scratch)
        for version, _ in bucket.ls(latest_only=False, recursive=True):
            b2.delete_file_version(version.id_, version.file_name)
        b2.delete_bucket(bucket)


if __name__ == "__main__":
    main()
