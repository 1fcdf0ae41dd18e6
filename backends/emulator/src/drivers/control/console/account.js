// Faults, webhooks, and the account as a whole.

const faults = { id: "faults", title: "Faults" };

/** The fields of each kind: name, type, and what they are at first. */
const after = [["after", "number", 0]];
const retry = [["retryAfter", "number", ""]];
const KINDS = {
  service_unavailable: retry, too_many_requests: retry, internal_error: [], request_timeout: [],
  error: [["status", "number", 400], ["code", "text", "bad_request"], ["message", "text", ""], ...retry],
  storage_cap_exceeded: [], download_cap_exceeded: [], transaction_cap_exceeded: [],
  respond: [["status", "number", 200], ["contentType", "text", "text/plain"], ["body", "text", ""]],
  html: [["status", "number", 502]], truncated_json: [], delay: [["seconds", "number", 1]], wait: [["latch", "text", "a"]],
  expire_token: [], forget_token: [], lose_request: [], lose_response: [], cut_response: after, reset_response: after,
  stall_response: after, cut_upload: after, reset_upload: after, stall_upload: after, corrupt_response: [["at", "number", 0]],
  corrupt_upload: [["at", "number", 0]], wrong_sha1: [], wrong_length: [],
  set_header: [["name", "text", ""], ["value", "text", ""]], remove_header: [["name", "text", ""]],
};

const CALLS = `authorize_account cancel_large_file copy_file copy_part create_bucket create_key delete_bucket
  delete_file_version delete_key download_file_by_id download_file_by_name finish_large_file get_bucket_notification_rules
  get_download_authorization get_file_info get_upload_part_url get_upload_url hide_file list_buckets list_file_names
  list_file_versions list_keys list_parts list_unfinished_large_files set_bucket_notification_rules start_large_file
  update_bucket update_file_legal_hold update_file_retention upload_file upload_part`.split(/\s+/).map((it) => "b2_" + it);

const input = (type, value, placeholder) => el("input", { type, value, placeholder: placeholder || "",
  min: type === "number" ? 0 : undefined, step: type === "number" ? "any" : undefined });
const given = (node) => node.value === "" ? undefined : node.type === "number" ? Number(node.value) : node.value;

faults.open = (main) => {
  const kind = el("select", { id: "kind" }, Object.keys(KINDS).map((it) => option(it)));
  const own = el("div", { className: "fields" });
  let inputs = {};
  const choose = () => {
    inputs = {};
    own.replaceChildren(...KINDS[kind.value].flatMap(([name, type, value]) => {
      inputs[name] = input(type, value);
      inputs[name].id = "field-" + name;
      return [el("label", { htmlFor: "field-" + name }, name), inputs[name]];
    }));
  };
  kind.addEventListener("change", choose);
  choose();
  const on = { call: el("select", {}, option("", "any call"), CALLS.map((it) => option(it))), bucketName: input("text", "", "any"),
    fileName: input("text", "", "any"), fileId: input("text", "", "any"), part: input("number", "", "any") };
  const mode = el("select", {}, [["", "every time"], ["nth", "only the nth"], ["every", "every nth"], ["probability",
    "with probability"]].map(([value, label]) => option(value, label)));
  const number = input("number", 1);
  const times = input("number", "", "no limit");
  const commit = el("input", { type: "checkbox" });
  const add = async () => {
    const fault = { kind: kind.value };
    for (const [name, node] of Object.entries(inputs)) {
      const value = node.value === "" && node.type === "text" ? "" : given(node);
      if (value !== undefined) fault[name] = value;
    }
    const rule = { fault, on: {}, when: {}, afterCommit: commit.checked };
    for (const [name, node] of Object.entries(on)) if (given(node) !== undefined) rule.on[name] = given(node);
    if (mode.value) rule.when[mode.value] = Number(number.value);
    if (given(times) !== undefined) rule.when.times = given(times);
    await json("POST", "/faults", rule);
    await faults.refresh();
  };
  const labelled = (label, node, id) => {
    node.id = id;
    return [el("label", { htmlFor: id }, label), node];
  };
  const form = el("form", { onsubmit: (event) => { event.preventDefault(); attempt(add); } }, el("h3", {}, "What happens"),
    el("div", { className: "fields" }, labelled("kind", kind, "kind")), own, el("h3", {}, "To which requests"),
    el("div", { className: "fields" }, labelled("call", on.call, "on-call"), labelled("bucket", on.bucketName, "on-bucket"),
      labelled("file name", on.fileName, "on-name"), labelled("file id", on.fileId, "on-id"), labelled("part", on.part, "on-part")),
    el("h3", {}, "How often"), el("div", { className: "fields" }, labelled("when", mode, "mode"), labelled("n", number, "n"),
      labelled("at most", times, "times")), el("p", {}, el("label", {}, commit, "after the call has taken effect")),
    el("button", { type: "submit", className: "main" }, "Add fault"));
  faults.table = panel();
  faults.latches = el("div", {});
  main.append(el("div", { className: "split wide" }, el("div", { className: "panel pad" }, form), el("div", {}, el("div", { className:
    "bar" }, el("strong", {}, "Faults"), el("span", { className: "gap" }), button("Refresh", faults.refresh),
  button("Remove all", async () => { await api("DELETE", "/faults"); await faults.refresh(); }, "bad")), faults.table,
  faults.latches)));
};

faults.live = true;
faults.refresh = async () => {
  const all = await json("GET", "/faults");
  // what has not changed keeps the focus
  const shown = JSON.stringify(all);
  if (faults.shown === shown && faults.table.firstChild) return;
  faults.shown = shown;
  const said = (rule) => [Object.entries(rule.fault).filter(([name]) => name !== "kind").map(([name, value]) => `${name} ${value}`),
    Object.entries(rule.on).map(([name, value]) => `${name} ${value}`), Object.entries(rule.when).map(([name, value]) =>
      `${name} ${value}`), rule.afterCommit ? "after the effect" : []].flat().join(" · ");
  const rows = all.faults.map((it) => el("tr", {}, td(it.id, "num"), td(it.rule ? [chip(it.rule.fault.kind), el("span",
    { className: "dim" }, said(it.rule))] : "added from Rust"), td(it.matched, "num"), td(it.hits, "num"), td(button("Remove",
    async () => { await api("DELETE", "/faults/" + it.id); await faults.refresh(); }, "bad"), "num")));
  faults.table.replaceChildren(rows.length ? table([th("Id", "num"), th("Fault"), th("Matched", "num"), th("Hits", "num"), th("")],
    rows) : el("div", { className: "empty" }, "No faults. Requests are answered as B2 would."));
  const latches = Object.entries(all.waitingAtLatches);
  faults.latches.replaceChildren(...(latches.length ? [el("h3", {}, "Latches"), panel(table([th("Latch"), th("Waiting", "num"),
    th("")], latches.map(([name, waiting]) => el("tr", {}, td(name), td(waiting, "num"), td(button("Open", async () => {
    await api("POST", `/latches/${encodeURIComponent(name)}/open`);
    await faults.refresh();
  }), "num")))))] : []));
};

const webhooks = { id: "webhooks", title: "Webhooks" };

webhooks.open = (main) => {
  webhooks.table = panel();
  main.append(el("div", { className: "bar" }, el("span", { className: "dim" }, "Event notifications that were sent, oldest first."),
    el("span", { className: "gap" }), button("Refresh", webhooks.refresh), button("Clear", async () => {
      await api("DELETE", "/webhooks");
      await webhooks.refresh();
    })), webhooks.table);
};
webhooks.refresh = async () => {
  const all = (await json("GET", "/webhooks")).webhooks;
  const rows = all.map((it) => row((event) => {
    select(event.currentTarget);
    detail(it.rule, terms([["URL", it.url], ["Outcome", it.outcome], ["Reason", it.reason], ["Attempts", it.attempts]]),
      el("h3", {}, "Headers"), terms(it.headers.map((header) => [header.name, header.value])), el("h3", {}, "Body"), pretty(it.body));
  }, "", td(it.rule), td(it.url), td(it.outcome, "when " + ({ delivered: "s2", failed: "s5" }[it.outcome] || "s4")), td(it.attempts, "num"),
  td(it.reason || "")));
  webhooks.table.replaceChildren(rows.length ? table([th("Rule"), th("URL"), th("Outcome"), th("Attempts", "num"), th("Reason")],
    rows) : el("div", { className: "empty" }, "No webhooks. They are sent for events that match a bucket's notification rules."));
};

const account = { id: "account", title: "Account" };

account.open = (main) => {
  const seconds = input("number", 1);
  const unit = el("select", { "aria-label": "Unit" }, [[3600, "hours"], [86400, "days"], [60, "minutes"], [1, "seconds"]].map(
    ([value, label]) => option(value, label)));
  seconds.setAttribute("aria-label", "How far");
  const advance = async () => {
    await json("POST", "/clock", { advanceSeconds: Number(seconds.value) * Number(unit.value) });
    await tick();
    toast("The clock was advanced.");
  };
  const expire = (what) => button(`Expire ${what} tokens`, async () => {
    await api("POST", "/tokens/expire", { [what]: true });
    toast("They are expired.");
  });
  const name = input("text", "", "name");
  name.setAttribute("aria-label", "Name of the state");
  account.facts = el("div", {});
  account.states = el("div", {});
  account.keys = panel();
  main.append(el("div", { className: "cards" }, card("Account", account.facts), card("Clock", el("p", { className: "dim" },
    "Lifecycle rules are applied before the first request of each day (UTC), or now."), el("div", { className: "bar" }, seconds, unit,
    button("Advance", advance, "main"), button("Reset", async () => { await api("DELETE", "/clock"); await tick(); }, "",
      "To the time of the system")), el("div", { className: "bar" }, button("Apply lifecycle rules now", async () => {
    await api("POST", "/lifecycle");
    toast("Lifecycle rules were applied.");
  })), el("div", { className: "bar" }, expire("account"), expire("upload"))), card("Saved states", el("p", { className: "dim" },
    "Everything but the clock and the faults."), el("form", { className: "bar", onsubmit: (event) => {
    event.preventDefault();
    attempt(async () => {
      await api("PUT", "/states/" + encodeURIComponent(name.value));
      name.value = "";
      await account.refresh();
    });
  } }, name, el("button", { type: "submit", className: "main" }, "Save")), account.states, el("div", { className: "bar" },
    button("Reset to the start", async () => {
      await api("POST", "/reset");
      await account.refresh();
      toast("Everything is as it was at the start.");
    }, "bad")))), el("h3", {}, "Application keys"), account.keys);
};
account.refresh = async () => {
  const status = await json("GET", "");
  account.facts.replaceChildren(terms([["URL", status.url], ["Version", status.version], ["Account id", el("code", {},
    status.accountId)], ["Buckets", status.buckets], ["File versions", status.versions], ["Unfinished large files",
    status.unfinishedLargeFiles], ["Stored", size(status.storedBytes)]]));
  const { states } = await json("GET", "/states");
  account.states.replaceChildren(...states.map((it) => el("div", { className: "bar" }, el("span", {}, it), el("span",
    { className: "gap" }), button("Restore", async () => {
    await api("POST", `/states/${encodeURIComponent(it)}/restore`);
    await account.refresh();
    toast("The state was restored.");
  }), button("Delete", async () => { await api("DELETE", "/states/" + encodeURIComponent(it)); await account.refresh(); }))));
  const keys = (await look("b2_list_keys", { accountId: status.accountId, maxKeyCount: 1000 })).keys;
  const rows = keys.map((it) => el("tr", {}, td(it.keyName), td(it.applicationKeyId, "mono"), td(it.bucketIds?.join(", ") || "all"),
    td(it.namePrefix || ""), td(it.expirationTimestamp ? moment(it.expirationTimestamp) : "never"), td(it.capabilities.join(", "))));
  account.keys.replaceChildren(rows.length ? table([th("Name"), th("Id"), th("Buckets"), th("Prefix"), th("Expires"),
    th("Capabilities")], rows) : el("div", { className: "empty" }, "No keys besides the master key."));
};

views.push(faults, webhooks, account);
start();
calls.follow();
