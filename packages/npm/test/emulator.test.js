// The package with backblaze-b2.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import B2 from "backblaze-b2";
import { ControlError, Emulator } from "b2kit-emulator";

let emulator;
before(async () => { emulator = await Emulator.start(); });
afterEach(async () => { await emulator.reset(); await emulator.clearCalls(); });
after(() => emulator.stop());

async function client(retries = 0) {
  // it has no setting for the endpoint but this
  const b2 = new B2({ applicationKeyId: emulator.keyId, applicationKey: emulator.key, retry: { retries } });
  const response = await b2.authorize({ axiosOverride: {} });
  return { b2, response };
}

async function upload(b2, bucketId, fileName, data) {
  const { data: target } = await b2.getUploadUrl({ bucketId });
  return b2.uploadFile({ uploadUrl: target.uploadUrl, uploadAuthToken: target.authorizationToken, fileName, data });
}

test("a client uploads and downloads", async () => {
  const bucketId = await emulator.createBucket("holiday-photos");
  const { b2 } = await client();
  const { data: file } = await upload(b2, bucketId, "cat.txt", Buffer.from("meow"));
  const { data } = await b2.downloadFileById({ fileId: file.fileId, responseType: "text" });
  assert.equal(data, "meow");
  const calls = await emulator.calls({ call: "b2_upload_file" });
  assert.deepEqual(calls.map((it) => [it.fileName, it.status]), [["cat.txt", 200]]);
});
