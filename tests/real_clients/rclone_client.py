"""rclone, from wherever the system has it."""

from common import Files, bucket_name, endpoint, run, same, same_bytes

# the least that it takes
CHUNK = 5 << 20


def remote(name, id, key, url):
    """A remote of this name, in the environment."""
    settings = {"TYPE": "b2", "ACCOUNT": id, "KEY": key, "CHUNK_SIZE": CHUNK, "UPLOAD_CUTOFF": CHUNK}
    if url:
        settings["ENDPOINT"] = url
    return {f"RCLONE_CONFIG_{name.upper()}_{field}": str(value) for field, value in settings.items()}


def main():
    url, id, key = endpoint()
    files = Files(large=2 * CHUNK + 12_345)
    bucket = bucket_name("rclone")
    config = files.new("rclone.conf")
    config.touch()
    env = {"RCLONE_CONFIG": str(config), **remote("all", id, key, url)}

    def rclone(*arguments, **more):
        return run("rclone", *arguments, "--retries", "1", "--low-level-retries", "2", env=env, **more)

    def listed(*arguments):
        return sorted(rclone("lsf", "-R", "--files-only", *arguments).splitlines())

    at = f"all:{bucket}"
    rclone("mkdir", at)
    same("bucket", f"{bucket}/" in rclone("lsf", "all:").splitlines(), True)
    rclone("copyto", files.small, f"{at}/dir/small ü+%.txt")
    rclone("copyto", files.empty, f"{at}/dir/deeper/empty")
    rclone("copyto", files.other, f"{at}/dir/twice")
    rclone("copyto", files.small, f"{at}/dir/twice")
    rclone("copyto", files.large, f"{at}/large.bin")
    rclone("rcat", f"{at}/piped", input="piped")

    names = ["dir/deeper/empty", "dir/small ü+%.txt", "dir/twice", "large.bin", "piped"]
    same("names", listed(at), names)
    same("names with prefix", listed(f"{at}/dir"), [name[4:] for name in names[:3]])
    same("folders", sorted(rclone("lsf", at).splitlines()), ["dir/", "large.bin", "piped"])
    versions = [name for name in listed("--b2-versions", f"{at}/dir") if name.startswith("twice")]
    same("versions", len(versions), 2)

    rclone("copyto", f"{at}/large.bin", files.new("downloaded"))
    same_bytes("download of a large file", files.new("downloaded"), files.large)
    rclone("copyto", f"{at}/dir/small ü+%.txt", files.new("downloaded"))
    same_bytes("download of a small file", files.new("downloaded"), files.small)
    same("part of a file", rclone("cat", "--offset", "2", "--count", "2", f"{at}/piped"), "pe")
    rclone("copyto", f"{at}/large.bin", f"{at}/copy.bin")
    rclone("copyto", f"{at}/copy.bin", files.new("copied"))
    same_bytes("copy of a large file", files.new("copied"), files.large)
    rclone("copy", f"{at}/dir", files.new("tree"))
    rclone("check", f"{at}/dir", files.new("tree"))
    same_bytes("tree", files.new("tree") / "twice", files.small)
    sums = rclone("sha1sum", f"{at}/large.bin").split()
    same("SHA-1 of a large file", sums[0], rclone("sha1sum", files.large).split()[0])

    rclone("deletefile", f"{at}/dir/twice")
    same("hidden", listed(f"{at}/dir"), ["deeper/empty", "small ü+%.txt"])
    versions = [name for name in listed("--b2-versions", f"{at}/dir") if name.startswith("twice")]
    same("versions below the hide marker", len(versions), 2)

    restricted_key(bucket, files, env, id, key, url)

    rclone("cleanup", at)
    rclone("deletefile", "--b2-hard-delete", f"{at}/piped")
    same("deleted", "piped" in listed("--b2-versions", at), False)
    rclone("purge", at)
    same("bucket is gone", f"{bucket}/" in rclone("lsf", "all:").splitlines(), False)


def restricted_key(bucket, files, env, id, key, url):
    """rclone makes no keys. It speaks an older version of the API, so the key must be made in one."""
    import requests

    def call(name, **fields):
        answer = requests.post(f"{api}/b2api/v3/{name}", json=fields, headers={"Authorization": token})
        answer.raise_for_status()
        return answer.json()

    authorize = f"{url or 'https://api.backblazeb2.com'}/b2api/v3/b2_authorize_account"
    session = requests.get(authorize, auth=(id, key)).json()
    api, token = session["apiInfo"]["storageApi"]["apiUrl"], session["authorizationToken"]
    account = session["accountId"]
    bucket_id = call("b2_list_buckets", accountId=account, bucketName=bucket)["buckets"][0]["bucketId"]
    capabilities = ["listBuckets", "listFiles", "readFiles"]
    made = call(
        "b2_create_key", accountId=account, keyName="restricted", capabilities=capabilities, bucketId=bucket_id,
        namePrefix="dir/",
    )
    env = {**env, **remote("few", made["applicationKeyId"], made["applicationKey"], url)}
    few = ["--retries", "1", "--low-level-retries", "1"]
    found = run("rclone", "lsf", "-R", "--files-only", *few, f"few:{bucket}/dir", env=env)
    same("with a restricted key", sorted(found.splitlines()), ["deeper/empty", "small ü+%.txt"])
    target = f"few:{bucket}/dir/new"
    run("rclone", "copyto", *few, files.small, target, env=env, refused_with="unauthorized")
    source = f"few:{bucket}/large.bin"
    # it takes what it may not see for an empty directory
    run("rclone", "copyto", *few, source, files.new("no"), env=env)
    same("reading beyond the prefix", files.new("no").is_file(), False)
    other = f"few:{bucket_name('no')}"
    run("rclone", "mkdir", *few, other, env=env, refused_with=f"you must use bucket \"{bucket}\"")
    call("b2_delete_key", applicationKeyId=made["applicationKeyId"])


if __name__ == "__main__":
    main()
