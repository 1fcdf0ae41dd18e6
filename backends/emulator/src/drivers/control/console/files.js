// Buckets, and their files as folders with all versions.

const files = { id: "files", title: "Files", bucket: null, prefix: "", buckets: [], totals: {}, rows: [], next: null };

files.open = (main) => {
  const name = el("input", { placeholder: "new-bucket-name", "aria-label": "Name of a new bucket", size: 16 });
  const open = el("input", { type: "checkbox" });
  const create = el("form", { className: "pad", onsubmit: (event) => {
    event.preventDefault();
    attempt(async () => {
      const made = await call("b2_create_bucket", { accountId: (await json("GET", "")).accountId, bucketName: name.value,
        bucketType: open.checked ? "allPublic" : "allPrivate" });
      name.value = "";
      files.bucket = made.bucketId;
      files.prefix = "";
      await files.refresh();
    });
  } }, el("div", { className: "bar" }, name, el("button", { type: "submit" }, "Create")), el("label", {}, open, "public"));
  files.list = el("ul", { className: "list" });
  files.side = panel(files.list, create);
  files.table = panel();
  files.path = el("div", { className: "bar" });
  main.append(el("div", { className: "split" }, files.side, el("div", {}, files.path, files.table)));
  files.table.addEventListener("dragover", () => files.table.classList.add("drop"));
  files.table.addEventListener("dragleave", () => files.table.classList.remove("drop"));
  files.table.addEventListener("drop", (event) => {
    files.table.classList.remove("drop");
    attempt(() => files.upload([...event.dataTransfer.files]));
  });
};

files.refresh = async () => {
  const { accountId } = await json("GET", "");
  files.buckets = (await look("b2_list_buckets", { accountId })).buckets;
  files.totals = {};
  for (const it of (await json("GET", "/buckets")).buckets) files.totals[it.bucketId] = it;
  files.buckets.sort((a, b) => a.bucketName < b.bucketName ? -1 : 1);
  if (!files.buckets.some((it) => it.bucketId === files.bucket)) {
    files.bucket = files.buckets[0]?.bucketId || null;
    files.prefix = "";
  }
  files.list.replaceChildren(...files.buckets.map((it) => {
    const total = files.totals[it.bucketId] || {};
    const said = `${it.bucketType === "allPublic" ? "public" : "private"} · ${total.fileVersions} files · ${size(total.bytes || 0)}`;
    const entry = button([it.bucketName, el("small", {}, said)], () => files.enter(it.bucketId, ""));
    if (it.bucketId === files.bucket) entry.setAttribute("aria-current", "true");
    return el("li", {}, entry);
  }));
  await files.read();
};

files.enter = async (bucket, prefix) => {
  files.bucket = bucket;
  files.prefix = prefix;
  closeDetail();
  await files.refresh();
};

files.read = async (more) => {
  if (!files.bucket) {
    files.path.replaceChildren();
    files.table.replaceChildren(el("div", { className: "empty" }, "There is no bucket yet. Create one on the left."));
    return;
  }
  const asked = { bucketId: files.bucket, prefix: files.prefix, delimiter: "/", maxFileCount: 500 };
  if (more) Object.assign(asked, { startFileName: files.next.nextFileName, startFileId: files.next.nextFileId });
  const page = await look("b2_list_file_versions", asked);
  files.rows = more ? files.rows.concat(page.files) : page.files;
  files.next = page.nextFileName ? page : null;
  files.draw();
};

files.current = () => files.buckets.find((it) => it.bucketId === files.bucket);

files.draw = () => {
  const bucket = files.current();
  const steps = [button(bucket.bucketName, () => files.enter(bucket.bucketId, ""), "plain")];
  const folders = files.prefix.split("/").slice(0, -1);
  folders.forEach((folder, at) => steps.push(" / ", button(folder || "(empty)", () =>
    files.enter(bucket.bucketId, folders.slice(0, at + 1).join("/") + "/"), "plain")));
  const choose = el("input", { type: "file", multiple: true, hidden: true, id: "choose",
    onchange: () => {
      const chosen = [...choose.files];
      // so that the same file can be chosen again
      choose.value = "";
      attempt(() => files.upload(chosen));
    } });
  files.path.replaceChildren(el("span", {}, steps), el("span", { className: "gap" }), choose,
    button("Settings", () => files.settings(bucket)), button("Upload", () => choose.click(), "main"));
  if (!files.rows.length) {
    files.table.replaceChildren(el("div", { className: "empty" }, "No files here. Drop some to upload them."));
    return;
  }
  let last = null;
  const rows = files.rows.map((file) => {
    const isOlder = file.fileName === last && file.action !== "folder";
    last = file.fileName;
    return files.row(file, isOlder);
  });
  const heads = [th("Name"), th("Size", "num"), th("Uploaded (UTC)"), th("")];
  files.table.replaceChildren(table(heads, rows), files.next ? el("div", { className: "pad" },
    button("Show more", () => files.read(true))) : "");
};

files.row = (file, isOlder) => {
  const name = file.fileName.slice(files.prefix.length);
  if (file.action === "folder") {
    return row(() => attempt(() => files.enter(files.bucket, file.fileName)), "",
      td(name, "folder"), td("", "num"), td(""), td(""));
  }
  const mode = file.serverSideEncryption?.mode;
  const until = file.fileRetention?.value?.retainUntilTimestamp;
  const chips = [file.action === "hide" && chip("hide marker"), file.action === "start" && chip("unfinished"),
    isOlder && chip("older version"), mode === "SSE-C" && chip(mode), until && chip(file.fileRetention.value.mode),
    file.legalHold?.value === "on" && chip("legal hold")];
  const open = (event) => { select(event.currentTarget); attempt(() => files.details(file)); };
  return row(open, isOlder ? "older" : "", td(name),
    td(file.action === "upload" ? size(file.contentLength) : "", "num"), td(moment(file.uploadTimestamp), "mono when"), td(chips));
};

files.details = async (file) => {
  const info = Object.entries(file.fileInfo || {});
  const lock = file.fileRetention?.value;
  const preview = el("div", {});
  const actions = [];
  if (file.action === "upload") {
    actions.push(button("Download", async () => save(await (await api("GET", `/files/${file.fileId}/content`)).blob(),
      file.fileName.split("/").pop() || "file"), "main"));
    actions.push(button("Hide", async () => {
      await call("b2_hide_file", { bucketId: file.bucketId, fileName: file.fileName });
      await files.refresh();
    }));
  }
  const remove = file.action === "start" ? ["Cancel", "b2_cancel_large_file", { fileId: file.fileId }] : ["Delete version",
    "b2_delete_file_version", { fileName: file.fileName, fileId: file.fileId }];
  actions.push(button(remove[0], async () => {
    await call(remove[1], remove[2]);
    closeDetail();
    await files.refresh();
  }, "bad"));
  detail(file.fileName, el("div", { className: "bar" }, actions), terms([["Kind", { upload: "file", hide: "hide marker",
    start: "unfinished large file" }[file.action]], ["Content type", file.contentType],
  ["Size", file.action === "upload" && `${size(file.contentLength)} (${file.contentLength} bytes)`],
  ["Uploaded", moment(file.uploadTimestamp) + " UTC"], ["SHA-1", el("code", {}, file.contentSha1 || "")],
  ["MD5", file.contentMd5 && el("code", {}, file.contentMd5)], ["Encryption", file.serverSideEncryption?.mode || "none"],
  ["Retention", lock?.mode ? `${lock.mode} until ${moment(lock.retainUntilTimestamp)} UTC` : "none"],
  ["Legal hold", file.legalHold?.value || "not set"], ["Replication", file.replicationStatus],
  ["File id", el("code", {}, file.fileId)]]), el("h3", {}, "File info"),
  info.length ? terms(info) : el("span", { className: "dim" }, "none"), preview);
  if (file.action === "start") await files.parts(file, preview);
  if (file.action === "upload") await files.preview(file, preview);
};

files.parts = async (file, into) => {
  const rows = [];
  let next = 1;
  while (next) {
    const page = await look("b2_list_parts", { fileId: file.fileId, startPartNumber: next, maxPartCount: 1000 });
    rows.push(...page.parts.map((it) => el("tr", {}, td(it.partNumber, "num"), td(size(it.contentLength), "num"),
      td(it.contentSha1, "mono"), td(moment(it.uploadTimestamp), "mono when"))));
    next = page.nextPartNumber;
  }
  into.replaceChildren(el("h3", {}, `Parts: ${rows.length}`), rows.length ? panel(table([th("Part", "num"), th("Size", "num"),
    th("SHA-1"), th("Uploaded")], rows)) : "");
};

files.preview = async (file, into) => {
  const most = 64 * 1024;
  const isImage = /^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml)$/.test(file.contentType);
  if (isImage && file.contentLength < 20e6) {
    const bytes = await (await api("GET", `/files/${file.fileId}/content`)).arrayBuffer();
    const image = el("img", { className: "preview", alt: "Preview" });
    image.src = URL.createObjectURL(new Blob([bytes], { type: file.contentType }));
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    return into.replaceChildren(el("h3", {}, "Preview"), image);
  }
  if (!file.contentLength) return;
  const bytes = await (await api("GET", `/files/${file.fileId}/content`, undefined, { Range: `bytes=0-${most - 1}` })).arrayBuffer();
  let text = new TextDecoder().decode(bytes, { stream: true });
  if (/[\0-\x08\x0e-\x1f\ufffd]/.test(text.slice(0, 4096))) {
    text = [...new Uint8Array(bytes, 0, Math.min(bytes.byteLength, 256))].map((it, at) =>
      it.toString(16).padStart(2, "0") + (at % 16 === 15 ? "\n" : " ")).join("");
  }
  into.replaceChildren(el("h3", {}, file.contentLength > most ? "Preview of the beginning" : "Preview"), pretty(text));
};

/** B2's encoding of names in headers. */
const encoded = (name) => encodeURIComponent(name).replace(/%2F/g, "/");

files.upload = async (chosen) => {
  for (const file of chosen) {
    const headers = { "X-Bz-File-Name": encoded(files.prefix + file.name), "Content-Type": file.type || "b2/x-auto",
      "X-Bz-Content-Sha1": "do_not_verify", "X-Bz-Info-src_last_modified_millis": String(file.lastModified) };
    if (crypto.subtle && file.size < 256e6) {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", await file.arrayBuffer()));
      headers["X-Bz-Content-Sha1"] = [...digest].map((it) => it.toString(16).padStart(2, "0")).join("");
    }
    await api("POST", `/client/b2_upload_file?bucketId=${files.bucket}`, file, headers);
    toast(`Uploaded ${file.name}`);
  }
  await files.refresh();
};

files.settings = async (bucket) => {
  const rules = (await look("b2_get_bucket_notification_rules", { bucketId: bucket.bucketId })).eventNotificationRules;
  const total = files.totals[bucket.bucketId] || {};
  const lock = bucket.fileLockConfiguration?.value || {};
  const nested = [["Lifecycle rules", bucket.lifecycleRules], ["CORS rules", bucket.corsRules], ["Event notification rules", rules],
    ["Replication", bucket.replicationConfiguration?.value], ["Default retention", lock.defaultRetention?.mode && lock.defaultRetention]];
  detail(bucket.bucketName, el("div", { className: "bar" }, button("Delete bucket", async () => {
    await call("b2_delete_bucket", { accountId: bucket.accountId, bucketId: bucket.bucketId });
    closeDetail();
    await files.refresh();
  }, "bad")), terms([["Type", bucket.bucketType], ["Revision", bucket.revision], ["Bucket id", el("code", {}, bucket.bucketId)],
    ["Encryption", bucket.defaultServerSideEncryption?.value?.mode || "none"],
    ["Object Lock", lock.isFileLockEnabled ? "enabled" : "disabled"], ["Files", total.fileVersions],
    ["Hide markers", total.hideMarkers], ["Unfinished", total.unfinishedLargeFiles], ["Stored", size(total.bytes || 0)]]),
  el("h3", {}, "Bucket info"), Object.keys(bucket.bucketInfo).length ? terms(Object.entries(bucket.bucketInfo)) :
    el("span", { className: "dim" }, "none"),
  nested.map(([title, value]) => [el("h3", {}, title), value && Object.keys(value).length ? pretty(value) :
    el("span", { className: "dim" }, "none")]));
};

views.push(files);
