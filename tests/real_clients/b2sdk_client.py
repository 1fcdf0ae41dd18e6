"""The official Python SDK."""

import io

from b2sdk.v3 import (
    SSE_B2_AES,
    B2Api,
    EncryptionAlgorithm,
    EncryptionKey,
    EncryptionMode,
    EncryptionSetting,
    FileRetentionSetting,
    InMemoryAccountInfo,
    LegalHold,
    ReplicationStatus,
    RetentionMode,
    exception,
)
from common import Files, bucket_name, endpoint, same, same_bytes


def refused(what, errors, call):
    try:
        call()
    except errors as error:
        print(f"  {what}: refused with {type(error).__name__}, as it should be", flush=True)
        return error
    raise AssertionError(f"{what} was not refused")


def api(url, id, key):
    b2 = B2Api(InMemoryAccountInfo())
    b2.authorize_account(id, key, realm=url or "production")
    return b2


def names(bucket, **how):
    return [
        (version.file_name, version.action) if version else folder
        for version, folder in bucket.ls(**how)
    ]


def main():
    url, id, key = endpoint()
    b2 = api(url, id, key)
    part = b2.account_info.get_recommended_part_size()
    files = Files(large=2 * part + 12_345)
    name = bucket_name("sdk")
    bucket = b2.create_bucket(name, "allPrivate", bucket_info={"color": "blue"}, is_file_lock_enabled=True)
    same("bucket info", b2.list_buckets(name)[0].bucket_info, {"color": "blue"})
    same("whatever the case of its name", [it.id_ for it in b2.list_buckets(name.upper())], [bucket.id_])
    same("default encryption", bucket.default_server_side_encryption, SSE_B2_AES)
    none = EncryptionSetting(EncryptionMode.NONE)
    plain = lambda: b2.session.raw_api._post_json(
        b2.session.account_info.get_api_url(), "b2_update_bucket", b2.session.account_info.get_account_auth_token(),
        accountId=b2.account_info.get_account_id(), bucketId=bucket.id_,
        defaultServerSideEncryption=none.as_dict(),
    )
    refused("no encryption", exception.BadRequest, plain)

    small = bucket.upload_local_file(files.small, "dir/small ü+%.txt", file_info={"color": "déjà bleu+"})
    same("small file", small.content_sha1 is not None, True)
    same("is encrypted without being asked", small.server_side_encryption, SSE_B2_AES)
    bucket.upload_bytes(b"", "dir/deeper/empty")
    bucket.upload_bytes(b"first", "dir/twice")
    bucket.upload_bytes(b"second", "dir/twice")
    large = bucket.upload_local_file(files.large, "large.bin")
    same("large file has parts", large.content_sha1, "none")
    streamed = bucket.upload_unbound_stream(io.BytesIO(files.small.read_bytes()), "stream")
    same("stream of unknown length", streamed.size, 1_234)

    all = ["dir/deeper/empty", "dir/small ü+%.txt", "dir/twice", "large.bin", "stream"]
    same("names", names(bucket, recursive=True), [(it, "upload") for it in all])
    same("names in pages", names(bucket, recursive=True, fetch_count=1), [(it, "upload") for it in all])
    same("names with prefix", names(bucket, path="dir/", recursive=True), [(it, "upload") for it in all[:3]])
    folded = [(version.file_name, folder) for version, folder in bucket.ls("dir")]
    same("folders", folded, [("dir/deeper/empty", "dir/deeper/"), (all[1], None), (all[2], None)])
    bucket.hide_file("dir/twice")
    versions = [(version.action) for version in bucket.list_file_versions("dir/twice")]
    same("versions", versions, ["hide", "upload", "upload"])
    in_pages = [it.action for it in bucket.list_file_versions("dir/twice", fetch_count=1)]
    same("versions in pages", in_pages, versions)
    refused("hiding twice", exception.FileAlreadyHidden, lambda: bucket.hide_file("dir/twice"))
    refused("download of what is hidden", exception.FileNotPresent, lambda: bucket.download_file_by_name("dir/twice").save(io.BytesIO()))

    for source, original in [("large.bin", files.large), (all[1], files.small), (all[0], files.empty)]:
        target = files.new("downloaded")
        bucket.download_file_by_name(source).save_to(target)
        same_bytes(f"download of {source}", target, original)
    into = io.BytesIO()
    bucket.download_file_by_name("large.bin", range_=(100, 299)).save(into)
    same("range", into.getvalue(), files.large.read_bytes()[100:300])
    by_id = b2.download_file_by_id(small.id_)
    same("info of a download", by_id.download_version.file_info["color"], "déjà bleu+")
    bucket.copy(large.id_, "copy.bin", content_type="text/x-test", file_info={})
    copied = bucket.get_file_info_by_name("copy.bin")
    same("copies are encrypted", copied.server_side_encryption, SSE_B2_AES)
    same("copy", (copied.size, copied.content_type), (files.large.stat().st_size, "text/x-test"))
    # the encryption that is said is also said with each part
    bucket.concatenate(
        [_copy(large), _upload(files.small)], "joined", file_info={}, encryption=SSE_B2_AES,
    )
    joined = files.new("joined")
    bucket.download_file_by_name("joined").save_to(joined)
    expected = files.new("expected")
    expected.write_bytes(files.large.read_bytes() + files.small.read_bytes())
    same_bytes("large file of a copy and an upload", joined, expected)

    encryption(bucket, files)
    lock(b2, bucket)
    grants(b2, bucket, name, url, files)

    unfinished = b2.session.start_large_file(bucket.id_, "unfinished", "text/plain", {})["fileId"]
    same("unfinished", [it.file_id for it in bucket.list_unfinished_large_files()], [unfinished])
    b2.cancel_large_file(unfinished)
    same("cancelled", list(bucket.list_unfinished_large_files()), [])
    restricted(b2, bucket, name, url, all)
    notifications(bucket)
    raw(b2)

    refused("deleting a full bucket", exception.BadRequest, lambda: b2.delete_bucket(bucket))
    for version, _ in bucket.ls(latest_only=False, recursive=True):
        b2.delete_file_version(version.id_, version.file_name, bypass_governance=True)
    b2.delete_bucket(bucket)
    same("bucket is gone", b2.list_buckets(name), [])


def _copy(large):
    from b2sdk.v3 import CopySource

    return CopySource(large.id_, length=large.size)


def _upload(path):
    from b2sdk.v3 import UploadSourceLocalFile

    return UploadSourceLocalFile(path)


def encryption(bucket, files):
    def setting(byte):
        key = EncryptionKey(secret=bytes([byte]) * 32, key_id=None)
        return EncryptionSetting(EncryptionMode.SSE_C, EncryptionAlgorithm.AES256, key)

    bucket.upload_local_file(files.large, "secret", encryption=setting(1))
    target = files.new("secret")
    bucket.download_file_by_name("secret", encryption=setting(1)).save_to(target)
    same_bytes("with a customer's key", target, files.large)
    wrong = lambda: bucket.download_file_by_name("secret", encryption=setting(2))
    refused("the wrong customer's key", exception.SSECKeyError, wrong)
    refused("no customer's key", exception.BadRequest, lambda: bucket.download_file_by_name("secret"))
    managed = EncryptionSetting(EncryptionMode.SSE_B2, EncryptionAlgorithm.AES256)
    bucket.upload_bytes(b"managed", "managed", encryption=managed)
    same("with B2's key", bucket.get_file_info_by_name("managed").server_side_encryption, managed)


def lock(b2, bucket):
    version = bucket.upload_bytes(b"locked", "locked", legal_hold=LegalHold.ON)
    delete = lambda: b2.delete_file_version(version.id_, "locked")
    refused("deleting what is held", exception.Unauthorized, delete)
    b2.update_file_legal_hold(version.id_, "locked", LegalHold.OFF)
    until = version.upload_timestamp + 3_600_000
    b2.update_file_retention(version.id_, "locked", FileRetentionSetting(RetentionMode.GOVERNANCE, until))
    refused("deleting what is retained", exception.Unauthorized, delete)
    found = b2.get_file_info(version.id_)
    same("retention", found.file_retention.retain_until, until)


def grants(b2, bucket, name, url, files):
    import requests

    token = bucket.get_download_authorization("dir/", 60)
    base = b2.account_info.get_download_url()
    answer = requests.get(f"{base}/file/{name}/dir/small%20%C3%BC%2B%25.txt", params={"Authorization": token})
    same("download authorization", answer.content, files.small.read_bytes())
    answer = requests.get(f"{base}/file/{name}/large.bin", params={"Authorization": token})
    same("beyond its prefix", answer.status_code, 401)
    same("without any", requests.get(f"{base}/file/{name}/large.bin").status_code, 401)


def restricted(b2, bucket, name, url, all):
    key = b2.create_key(["listBuckets", "listFiles", "readFiles"], "restricted", bucket_ids=[bucket.id_], name_prefix="dir/")
    own = api(url, key.id_, key.application_key)
    mine = own.get_bucket_by_name(name)
    same("with a restricted key", [it for it, _ in names(mine, path="dir/", recursive=True)], all[:2])
    no = (exception.Unauthorized, exception.RestrictedBucket)
    refused("listing beyond the prefix", no, lambda: list(mine.ls()))
    refused("reading beyond the prefix", no, lambda: mine.download_file_by_name("large.bin"))
    refused("writing", exception.MaxRetriesExceeded, lambda: mine.upload_bytes(b"x", "dir/x"))
    refused("another bucket", no, lambda: own.create_bucket(bucket_name("no"), "allPrivate"))
    same("key is listed", key.id_ in [it.id_ for it in b2.list_keys()], True)
    refused("a key of v4 in v3", exception.BadRequest, lambda: _in_v3(url, key))
    b2.delete_key(key)
    refused("a key that is gone", exception.Unauthorized, lambda: api(url, key.id_, key.application_key))


def _in_v3(url, key):
    """How a program of before v4 takes a key."""
    import requests
    from b2sdk._internal.exception import interpret_b2_error

    answer = requests.get(f"{url or 'https://api.backblazeb2.com'}/b2api/v3/b2_authorize_account", auth=(key.id_, key.application_key))
    if answer.status_code != 200:
        said = answer.json()
        raise interpret_b2_error(said["status"], said["code"], said["message"], answer.headers)


def notifications(bucket):
    rule = {
        "eventTypes": ["b2:ObjectCreated:*"],
        "isEnabled": True,
        "name": "a-rule",
        "objectNamePrefix": "",
        "targetConfiguration": {"targetType": "webhook", "url": "https://b2kit.example/hook"},
    }
    bucket.set_notification_rules([rule])
    same("notification rule", [it["name"] for it in bucket.get_notification_rules()], ["a-rule"])
    bucket.set_notification_rules([])


def raw(b2):
    """Single calls, with what B2's own test of them expects of the live service."""
    from b2sdk.v3 import BucketRetentionSetting, ReplicationConfiguration, ReplicationRule, RetentionPeriod

    calls, account = b2.session, b2.account_info.get_account_id()
    target = calls.create_bucket(account, bucket_name("sdk-to"), "allPublic", is_file_lock_enabled=True)["bucketId"]
    rule = ReplicationRule(destination_bucket_id=target, include_existing_files=True, name="test-rule")
    reader = b2.create_key(["listBuckets", "listFiles", "readFiles"], "reader")
    writer = b2.create_key(["listBuckets", "listFiles", "writeFiles"], "writer")
    made = calls.create_bucket(
        account, bucket_name("sdk-from"), "allPublic", is_file_lock_enabled=True,
        replication=ReplicationConfiguration(rules=[rule], source_key_id=reader.id_),
    )
    shown = made["replicationConfiguration"]["value"]["asReplicationSource"]["replicationRules"][0]
    same("replication rule", (shown["priority"], shown["includeExistingFiles"]), (128, True))
    file = b2.get_bucket_by_id(made["bucketId"]).upload_bytes(b"hello world", "test.txt")
    same("replication status", b2.get_file_info(file.id_).replication_status, ReplicationStatus.PENDING)
    mapping = ReplicationConfiguration(source_to_destination_key_mapping={reader.id_: writer.id_})
    shown = calls.update_bucket(account, target, "allPublic", replication=mapping)["replicationConfiguration"]["value"]
    same("replicated to", shown["asReplicationDestination"], {"sourceToDestinationKeyMapping": {reader.id_: writer.id_}})
    ended = calls.update_bucket(account, target, "allPublic", replication=ReplicationConfiguration())
    same("replication ended", ended["replicationConfiguration"], {"isClientAuthorizedToRead": True, "value": None})

    day = BucketRetentionSetting(RetentionMode.GOVERNANCE, RetentionPeriod(days=1))
    calls.update_bucket(account, target, "allPrivate", default_retention=day)
    disable = lambda: calls.update_bucket(account, target, "allPrivate", is_file_lock_enabled=False)
    refused("switching Object Lock off", exception.DisablingFileLockNotSupported, disable)
    retained = b2.get_bucket_by_id(target).upload_bytes(b"x", "retained")
    error = refused("deleting what is retained", exception.Unauthorized, lambda: b2.delete_file_version(retained.id_, "retained"))
    same("in these words", str(error).startswith("Access Denied for application key "), True)
    b2.delete_file_version(retained.id_, "retained", bypass_governance=True)
    large = calls.start_large_file(target, "large", "text/plain", {}, server_side_encryption=SSE_B2_AES)["fileId"]
    part = calls.copy_part(file.id_, large, 1, (0, 5))
    same("part", (part["contentLength"], part["serverSideEncryption"]["mode"]), (6, "SSE-B2"))
    same("parts from 0 on", len(calls.list_parts(large, 0, 100)["parts"]), 1)
    error = refused("one part", exception.BadRequest, lambda: calls.finish_large_file(large, [part["contentSha1"]]))
    same("in these words", "large files must have at least 2 parts" in str(error), True)
    calls.cancel_large_file(large)
    b2.delete_file_version(file.id_, "test.txt")
    for id in (target, made["bucketId"]):
        calls.delete_bucket(account, id)
    b2.delete_key(reader)
    b2.delete_key(writer)


if __name__ == "__main__":
    main()
