// The package with backblaze-b2.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import B2 from "backblaze-b2";
import { ControlError, Emulator } from "b2kit-emulator";

let emulator;
before(async () => { emulator = await Emulator.start(); });
afterEach(async () => {
  await emulator.reset();
  await emulator.clearCalls();
});
after(() => emulator.stop());

/** A client of this emulator, or another one. */
async function client({ keyId, key, url } = emulator) {
  const b2 = new B2({ applicationKeyId: keyId, applicationKey: key, retry: { retries: 2, retryDelay: () => 1 } });
  await b2.authorize({ axiosOverride: { url: url + "/b2api/v2/b2_authorize_account" } });
  return b2;
}

async function upload(b2, bucketId, fileName, text) {
  const { data: target } = await b2.getUploadUrl({ bucketId });
  const { uploadUrl, authorizationToken: uploadAuthToken } = target;
  return (await b2.uploadFile({ uploadUrl, uploadAuthToken, fileName, data: Buffer.from(text) })).data;
}

async function names(b2, bucketId) {
  const { data } = await b2.listFileNames({ bucketId, maxFileCount: 100, startFileName: "", delimiter: "", prefix: "" });
  return data.files.map((it) => it.fileName);
}

for (const turn of [1, 2]) {
  test(`each test starts with an empty account (${turn})`, async () => {
    const bucketId = await emulator.createBucket("holiday-photos");
    const b2 = await client();
    assert.deepEqual(await names(b2, bucketId), []);
    const { fileId } = await upload(b2, bucketId, "cat.txt", "meow");
    assert.deepEqual(await names(b2, bucketId), ["cat.txt"]);
    assert.equal((await b2.downloadFileById({ fileId, responseType: "text" })).data, "meow");
    const calls = await emulator.calls({ call: "b2_upload_file" });
    assert.deepEqual(calls.map((it) => [it.fileName, it.status]), [["cat.txt", 200]]);
  });
}

test("a fault hits, and the client retries", async () => {
  const fault = await emulator.fault("service_unavailable", { on: { call: "b2_authorize_account" }, when: { times: 1 } });
  await client();
  assert.equal(await fault.hits(), 1);
  await fault.remove();
  assert.equal(await fault.hits(), 0);
  await assert.rejects(emulator.fault("none"), (error) => error instanceof ControlError && error.status === 400);
});

test("the clock is advanced, and tokens expire", async () => {
  const bucketId = await emulator.createBucket("holiday-photos");
  const b2 = await client();
  const before = await emulator.now();
  await emulator.advanceClock(2 * 86400);
  assert.ok(await emulator.now() - before >= 2 * 86400e3);
  await assert.rejects(names(b2, bucketId), (error) => error.response.data.code === "expired_auth_token");
  await emulator.resetClock();
  assert.ok(await emulator.now() - before < 86400e3);
});

test("a state is restored, and calls are exported", async () => {
  const bucketId = await emulator.createBucket("holiday-photos", { public: true });
  const b2 = await client();
  await emulator.save("a b");
  await upload(b2, bucketId, "cat.txt", "meow");
  await emulator.restore("a b");
  assert.deepEqual(await emulator.states(), ["a b"]);
  await emulator.removeState("a b");
  assert.deepEqual(await emulator.states(), []);
  assert.deepEqual(await names(b2, bucketId), []);
  const directory = await mkdtemp(join(tmpdir(), "b2kit-"));
  try {
    await emulator.exportCassette(join(directory, "calls.yaml"), { call: "b2_upload_file" });
    const text = await readFile(join(directory, "calls.yaml"), "utf8");
    assert.ok(text.startsWith("b2kit-cassette: 1\n---\n") && text.includes("meow") && !text.includes(emulator.key));
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("an emulator on disk is stopped and started again", async () => {
  const data = await mkdtemp(join(tmpdir(), "b2kit-"));
  try {
    for (const expected of [[], ["cat.txt"]]) {
      const other = await Emulator.start({ data, buckets: ["a-bucket"] });
      try {
        assert.ok(other.consoleUrl.startsWith(other.url + "/b2kit-emulator/?token="));
        const b2 = await client(other);
        const bucketId = (await other.control("GET", "/buckets")).buckets[0].bucketId;
        assert.deepEqual(await names(b2, bucketId), expected);
        await upload(b2, bucketId, "cat.txt", "meow");
      } finally {
        await other.stop();
      }
    }
  } finally {
    await rm(data, { recursive: true });
  }
});

test("a program that can't be started is an error", async () => {
  await assert.rejects(Emulator.start({ args: ["--nothing"] }));
  await assert.rejects(Emulator.start({ binary: "/nowhere/b2kit-emulator" }));
});

test("with TLS, the control API is trusted", async () => {
  const directory = await mkdtemp(join(tmpdir(), "b2kit-"));
  const root = join(directory, "the root's.pem");
  const other = await Emulator.start({ args: ["--tls", "--root-cert", root] });
  try {
    assert.ok(other.url.startsWith("https://"));
    assert.equal(other.env.REQUESTS_CA_BUNDLE, root);
    await other.createBucket("holiday-photos");
    assert.equal((await other.control("GET", "/buckets")).buckets.length, 1);
    await other.save("a b");
    assert.deepEqual(await other.states(), ["a b"]);
    await assert.rejects(other.fault("none"), (error) => error instanceof ControlError && error.status === 400);
  } finally {
    await other.stop();
    await rm(directory, { recursive: true });
  }
});

test("values with quotes and spaces are read whole", async () => {
  for (const key of ["it's", "a b", "''", "a'b'c", "\\"]) {
    const other = await Emulator.start({ args: ["--key-id", "an id", "--key", key] });
    try {
      assert.deepEqual([other.keyId, other.key], ["an id", key]);
      assert.equal(other.env.RCLONE_CONFIG_EMULATOR_KEY, key);
    } finally {
      await other.stop();
    }
  }
});

test("the program is built from a directory whose name has a space", { skip: process.platform === "win32" }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "b2kit-"));
  try {
    const build = join(directory, "a b č", "packages", "npm", "build.js");
    const manifest = join(directory, "a b č", "backends", "emulator", "Cargo.toml");
    for (const file of [build, manifest]) await mkdir(dirname(file), { recursive: true });
    await copyFile(new URL("../build.js", import.meta.url), build);
    await writeFile(manifest, "");
    // says what it built, if the manifest is there
    const cargo = join(directory, "cargo");
    const says = JSON.stringify({ executable: manifest });
    await writeFile(cargo, `#!/bin/sh\nfor last in "$@"; do :; done\ntest -f "$last" && echo '${says}'\n`);
    await chmod(cargo, 0o755);
    const env = { ...process.env, B2KIT_EMULATOR: "", PATH: directory + delimiter + process.env.PATH };
    execFileSync(process.execPath, [build], { env });
    assert.equal(await readFile(join(dirname(build), "bin", "b2kit-emulator"), "utf8"), "");
  } finally {
    await rm(directory, { recursive: true });
  }
});
