"""The official command line tool."""

import base64
import json
import pathlib
import sys
import time

from b2sdk.v3 import B2Api, InMemoryAccountInfo
from common import Files, bucket_name, endpoint, run, same, same_bytes

B2 = pathlib.Path(sys.executable).with_name("b2")


def main():
    url, id, key = endpoint()
    # the sizes of parts are the endpoint's to say
    info = InMemoryAccountInfo()
    B2Api(info).authorize_account(id, key, realm=url or "production")
    part = info.get_recommended_part_size()
    files = Files(large=2 * part + 12_345)
    bucket = bucket_name("cli")
    env = {"B2_ACCOUNT_INFO": str(files.new("account"))}

    def b2(*arguments, **more):
        return run(B2, *arguments, env=env, **more)

    def listed(*arguments):
        rows = json.loads(b2("ls", "--json", "--recursive", *arguments))
        return [(row["fileName"], row["action"]) for row in rows]

    account = json.loads(b2("account", "get") or "{}")
    same("account", account["applicationKeyId"], id)
    b2("bucket", "create", bucket, "allPrivate")
    shown = json.loads(b2("bucket", "get", bucket))
    same("bucket", (shown["bucketName"], shown["bucketType"]), (bucket, "allPrivate"))
    encryption = {"algorithm": "AES256", "mode": "SSE-B2"}
    same("default encryption", shown["defaultServerSideEncryption"], encryption)
    b2("bucket", "create", bucket, "allPrivate", refused_with="already in use")
    update = ["--lifecycle-rule", '{"daysFromHidingToDeleting": 2, "fileNamePrefix": "old/"}']
    b2("bucket", "update", bucket, *update)
    rules = json.loads(b2("bucket", "get", bucket))["lifecycleRules"]
    same("lifecycle rule", [rule["fileNamePrefix"] for rule in rules], ["old/"])

    quiet = ["--quiet", "--no-progress"]
    info = ["--info", "color=déjà bleu+", "--content-type", "text/x-test"]
    b2("file", "upload", *quiet, *info, bucket, files.small, "dir/small ü+%.txt")
    b2("file", "upload", *quiet, bucket, files.empty, "dir/deeper/empty")
    b2("file", "upload", *quiet, bucket, files.other, "dir/twice")
    b2("file", "upload", *quiet, bucket, files.small, "dir/twice")
    large = json.loads(b2("file", "upload", *quiet, bucket, files.large, "large.bin"))
    same("large file has parts", large["contentSha1"], "none")
    same("it is encrypted", large["serverSideEncryption"], encryption)
    small = json.loads(b2("file", "info", f"b2://{bucket}/dir/small ü+%.txt"))
    same("content type", small["contentType"], "text/x-test")
    same("info", small["fileInfo"]["color"], "déjà bleu+")

    names = ["dir/deeper/empty", "dir/small ü+%.txt", "dir/twice", "large.bin"]
    same("names", [name for name, _ in listed(f"b2://{bucket}")], names)
    same("names with prefix", [name for name, _ in listed(f"b2://{bucket}/dir/")], names[:3])
    same("wildcard", listed("--with-wildcard", f"b2://{bucket}/*.txt"), [(names[1], "upload")])
    folders = b2("ls", f"b2://{bucket}").split()
    same("folders", folders, ["dir/", "large.bin"])
    versions = listed("--versions", f"b2://{bucket}/dir/twice")
    same("versions", versions, [("dir/twice", "upload")] * 2)

    b2("file", "hide", f"b2://{bucket}/dir/twice")
    same("hidden", listed(f"b2://{bucket}/dir/twice"), [])
    actions = [action for _, action in listed("--versions", f"b2://{bucket}/dir/twice")]
    same("hide marker", actions, ["hide", "upload", "upload"])
    b2("file", "hide", f"b2://{bucket}/dir/twice", refused_with="already hidden")
    b2("file", "unhide", f"b2://{bucket}/dir/twice")

    for source, original in [
        ("large.bin", files.large),
        ("dir/small ü+%.txt", files.small),
        ("dir/twice", files.small),
        ("dir/deeper/empty", files.empty),
    ]:
        target = files.new("downloaded")
        b2("file", "download", *quiet, f"b2://{bucket}/{source}", target)
        same_bytes(f"download of {source}", target, original)
    b2("file", "server-side-copy", f"b2://{bucket}/large.bin", f"b2://{bucket}/copy.bin")
    b2("file", "download", *quiet, f"b2://{bucket}/copy.bin", files.new("copied"))
    same_bytes("copy of a large file", files.new("copied"), files.large)
    b2("sync", "--no-progress", f"b2://{bucket}/dir", files.new("synced"))
    same_bytes("sync", files.new("synced") / "deeper" / "empty", files.empty)

    restricted = b2(
        "key", "create", "--bucket", bucket, "--name-prefix", "dir/", "restricted",
        "listBuckets,listFiles,readFiles",
    ).split()
    own = {
        "B2_ACCOUNT_INFO": str(files.new("restricted")),
        "B2_APPLICATION_KEY_ID": restricted[0],
        "B2_APPLICATION_KEY": restricted[1],
    }
    allowed = run(B2, "ls", "--recursive", f"b2://{bucket}/dir/", env=own).splitlines()
    same("with a restricted key", allowed, names[:3])
    run(B2, "ls", f"b2://{bucket}", env=own, refused_with="unauthorized")
    target = ["file", "download", *quiet, f"b2://{bucket}/large.bin", files.new("no")]
    run(B2, *target, env=own, refused_with="unauthorized")
    upload = ["file", "upload", *quiet, bucket, files.small, "dir/new"]
    lacks = "unauthorized for application key with capabilities"
    run(B2, *upload, env=own, refused_with=lacks)
    run(B2, "bucket", "create", bucket_name("no"), "allPrivate", env=own, refused_with="unauthorized")
    keys = [line.split()[0] for line in b2("key", "list").splitlines()]
    same("key is listed", restricted[0] in keys, True)
    b2("key", "delete", restricted[0])
    wrong = {**own, "B2_ACCOUNT_INFO": str(files.new("wrong"))}
    run(B2, "ls", env=wrong, refused_with="bad_auth_token")
    wrong["B2_APPLICATION_KEY_ID"] = id
    run(B2, "ls", env=wrong, refused_with="unauthorized")

    locks(b2, files)
    replication(b2, files)

    b2("bucket", "delete", bucket, refused_with="cannot_delete_non_empty_bucket")
    b2("rm", "--recursive", "--versions", "--no-progress", f"b2://{bucket}")
    same("removed", listed("--versions", f"b2://{bucket}"), [])
    b2("bucket", "delete", bucket)
    same("bucket is gone", bucket in b2("bucket", "list"), False)


def locks(b2, files):
    """Object Lock, in the words that the tool's own tests wait for."""
    open, locked = bucket_name("cli-open"), bucket_name("cli-locked")
    b2("bucket", "create", open, "allPrivate")
    b2("bucket", "create", locked, "allPrivate", "--file-lock-enabled")
    retain = ["--file-retention-mode", "governance", "--retain-until", str(int(time.time()) + 1000)]
    upload = ["file", "upload", "--quiet", "--no-progress"]
    b2(*upload, open, files.small, "f")
    missing = "The bucket is not file lock enabled (bucket_missing_file_lock)"
    b2("file", "update", *retain, f"b2://{open}/f", refused_with=missing)
    b2("file", "update", "--legal-hold", "on", f"b2://{open}/f", refused_with=missing)
    file = json.loads(b2(*upload, *retain, locked, files.small, "f"))
    uri = f"b2id://{file['fileId']}"
    b2("rm", uri, refused_with="Access Denied for application key")
    shorter = ["file", "update", "--file-retention-mode", "none", uri]
    b2(*shorter, refused_with="bypassGovernance=true parameter missing")
    b2("rm", "--bypass-governance", uri)
    for bucket in (open, locked):
        b2("rm", "--recursive", "--versions", "--no-progress", f"b2://{bucket}")
        b2("bucket", "delete", bucket)


def replication(b2, files):
    """What the tool says of files that wait to be replicated."""
    names = [bucket_name("cli-to"), bucket_name("cli-from")]
    keys = [b2("key", "create", f"{way}-key", f"listBuckets,{way}Files").split()[0] for way in ("read", "write")]
    b2("bucket", "create", names[0], "allPrivate")
    to = json.loads(b2("bucket", "get", names[0]))["bucketId"]
    rule = {
        "destinationBucketId": to, "fileNamePrefix": "two/", "includeExistingFiles": False, "isEnabled": True,
        "priority": 1, "replicationRuleName": "the-rule",
    }
    source = {"asReplicationSource": {"replicationRules": [rule], "sourceApplicationKeyId": keys[0]}}
    b2("bucket", "create", names[1], "allPrivate", "--replication", json.dumps(source))
    target = {"asReplicationDestination": {"sourceToDestinationKeyMapping": {keys[0]: keys[1]}}}
    b2("bucket", "update", names[0], "--replication", json.dumps(target))
    upload = ["file", "upload", "--quiet", "--no-progress", names[1], files.small]
    b2(*upload, "two/b")
    key = {"B2_DESTINATION_SSE_C_KEY_B64": base64.b64encode(bytes(32)).decode(), "B2_DESTINATION_SSE_C_KEY_ID": "a-key"}
    sse_c = ["--destination-server-side-encryption", "SSE-C"]
    run(B2, *upload, "two/c", *sse_c, env={"B2_ACCOUNT_INFO": str(files.new("account")), **key})
    status = ["replication", "status", "--no-progress", "--output-format", "json", names[1]]
    shown = json.loads(b2(*status))["the-rule"]
    found = {row["source_encryption_mode"]: row["source_replication_status"] for row in shown}
    same("replication status", found, {"SSE-B2": "PENDING", "SSE-C": None})
    b2("bucket", "update", names[1], "--file-lock-enabled", refused_with="not supported for buckets with source replication")
    for bucket in names:
        b2("bucket", "update", bucket, "--replication", "{}")
        b2("rm", "--recursive", "--versions", "--no-progress", f"b2://{bucket}")
        b2("bucket", "delete", bucket)
    for id in keys:
        b2("key", "delete", id)


if __name__ == "__main__":
    main()
