// The calls as they come, and what they would cost.

const calls = { id: "calls", title: "Calls", all: [], last: 0, missed: 0, total: 0, paused: false, timer: null,
  names: new Set() };
const MAX_KEPT = 10000;
const MAX_SHOWN = 300;

calls.open = (main) => {
  calls.search = el("input", { type: "search", placeholder: "Path, file name or key  ( / )", size: 26,
    "aria-label": "Filter by path, file name or key", oninput: () => calls.draw() });
  calls.name = el("select", { "aria-label": "Call", onchange: () => calls.draw() }, option("", "all calls"));
  [...calls.names].sort().forEach((it) => calls.name.append(option(it)));
  calls.status = el("select", { "aria-label": "Status", onchange: () => calls.draw() },
    [["", "any status"], ["2", "2xx"], ["4", "4xx"], ["5", "5xx"], ["0", "no response"]].map(([value, label]) => option(value, label)));
  calls.hits = el("input", { type: "checkbox", onchange: () => calls.draw() });
  const pause = button(calls.paused ? "Resume" : "Pause", () => {
    calls.paused = !calls.paused;
    pause.textContent = calls.paused ? "Resume" : "Pause";
    if (!calls.paused) calls.draw();
  });
  calls.count = el("span", { className: "dim", role: "status" });
  calls.body = panel();
  main.append(el("div", { className: "bar" }, calls.search, calls.name, calls.status, el("label", {}, calls.hits, "hit by a fault"),
    calls.count, el("span", { className: "gap" }), pause, button("Clear", calls.clear),
    button("Export cassette", calls.exported, "", "All calls of the log, or of the chosen kind, as a recording for b2kit-cassette")),
  calls.body);
  calls.draw();
};
calls.refresh = async () => calls.draw();

calls.forget = () => Object.assign(calls, { all: [], last: 0, missed: 0, total: 0 });

calls.clear = async () => {
  await api("DELETE", "/calls");
  calls.forget();
  closeDetail();
  calls.draw();
};

calls.exported = async () => {
  const query = new URLSearchParams();
  if (calls.name.value) query.set("call", calls.name.value);
  if (calls.status.value) query.set("status", calls.status.value === "0" ? "none" : calls.status.value + "xx");
  if (calls.hits.checked) query.set("faults", "true");
  save(await (await api("GET", "/cassette?" + query)).blob(), "calls.yaml");
};

/** Waits for new calls for as long as the page is open. */
calls.follow = async () => {
  for (;;) {
    try {
      const page = await json("GET", `/calls?after=${calls.last}&limit=10000&waitSeconds=25`);
      // the log was cleared, or the emulator was started again
      if (page.totals.calls < calls.total) {
        calls.forget();
        if (current === calls) calls.draw();
        continue;
      }
      calls.total = page.totals.calls;
      calls.last = page.last;
      calls.missed += page.missed;
      calls.all.push(...page.calls);
      if (calls.all.length > MAX_KEPT) calls.all.splice(0, calls.all.length - MAX_KEPT);
      let isNew = false;
      for (const it of page.calls) {
        if (it.call && !calls.names.has(it.call)) { calls.names.add(it.call); isNew = true; }
      }
      if (isNew && current === calls) {
        const chosen = calls.name.value;
        calls.name.replaceChildren(option("", "all calls"), ...[...calls.names].sort().map((it) => option(it)));
        calls.name.value = chosen;
      }
      if (page.calls.length) calls.drawSoon(page.calls.length > MAX_SHOWN ? 500 : 0);
      // in batches, soon enough that the log still has those that come next
      await new Promise((done) => setTimeout(done, page.calls.length > 1000 ? 100 : 250));
    } catch {
      calls.forget();
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
};

calls.matches = (it) => {
  const text = calls.search.value.toLowerCase();
  const has = (value) => value && value.toLowerCase().includes(text);
  return (!calls.name.value || it.call === calls.name.value)
    && (!calls.status.value || Math.floor((it.status || 0) / 100) === Number(calls.status.value))
    && (!calls.hits.checked || it.faults.length)
    && (!text || has(it.path) || has(it.fileName) || has(it.keyId) || has(it.call));
};

/** Draws new calls. Many come faster than anyone reads them. */
calls.drawSoon = (millis) => {
  calls.timer ??= setTimeout(() => {
    calls.timer = null;
    if (current === calls && !calls.paused) calls.draw();
  }, millis);
};

calls.draw = () => {
  const rows = [];
  for (let at = calls.all.length - 1; at >= 0 && rows.length < MAX_SHOWN; at -= 1) {
    if (calls.matches(calls.all[at])) rows.push(calls.all[at]);
  }
  const number = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
  const earlier = calls.total - calls.all.length;
  calls.count.textContent = number(calls.all.length, "call") + (rows.length === MAX_SHOWN ? `, the last ${MAX_SHOWN} listed` : "")
    + (earlier > 0 ? `, ${number(earlier, "earlier one")} no longer kept` : "")
    + (calls.missed ? `, of which ${calls.missed.toLocaleString("en")} were never seen here` : "");
  if (!rows.length) {
    calls.body.replaceChildren(el("div", { className: "empty" }, "No calls yet. They appear here as they end."));
    return;
  }
  const heads = [th("Time"), th("Call"), th("Status"), th("Class"), th("In", "num"), th("Out", "num"), th("Duration", "num"), th("Key")];
  const focused = document.activeElement?.dataset?.call;
  calls.body.replaceChildren(table(heads, rows.map(calls.row)));
  if (focused) calls.body.querySelector(`tr[data-call="${Number(focused)}"]`)?.focus();
};

calls.row = (it) => {
  const open = (event) => { select(event.currentTarget); attempt(() => calls.details(it)); };
  const subject = it.fileName ?? (it.call ? "" : it.path);
  const node = row(open, "", td(clockTime(it.time), "mono when"),
    td([it.call ? it.call.replace("b2_", "") : it.method, subject && el("span", { className: "dim" }, "  " + subject)]),
    td([it.status ?? "—", it.isComplete ? "" : it.status ? " cut" : " lost", it.faults.length ? " " : "",
      it.faults.map((hit) => chip(hit.kind, "hit"))], "s" + Math.floor((it.status || 0) / 100)),
    td(it.class || ""), td(size(it.bytesReceived), "num"), td(size(it.bytesSent), "num"), td(micros(it.durationMicros), "num"),
    td(it.keyId || "", "mono dim"));
  node.dataset.call = it.id;
  return node;
};

calls.details = async (it) => {
  const full = await json("GET", "/calls/" + it.id);
  const message = (title, said) => said ? [el("h3", {}, title), said.target && el("code", {}, `${it.method} ${said.target}`),
    terms(said.headers.map((header) => [header.name, header.value])),
    said.body.text ? pretty(said.body.text) : said.body.base64 ? pretty("base64: " + said.body.base64) :
      said.body.length ? el("span", { className: "dim" }, `${size(said.body.length)}, not kept`) : ""] :
    [el("h3", {}, title), el("span", { className: "dim" }, it.status || title === "Request" ? "no longer kept" : "none was sent")];
  detail(it.call || it.path, terms([["Status", it.status ?? "no response"], ["Began", moment(it.time) + " UTC"],
    ["Duration", micros(it.durationMicros)], ["Billing class", it.class], ["Key", it.keyId],
    ["Faults", it.faults.length > 0 && it.faults.map((hit) => chip(hit.id === null ? hit.kind : `${hit.kind} (fault ${hit.id})`, "hit"))],
    ["Sent", it.isComplete ? "completely" : "not completely"]]), message("Request", full.request), message("Response", full.response));
};

const usage = { id: "usage", title: "Usage", prices: { A: 0, B: 0.0004, C: 0.004 } };

usage.open = (main) => {
  usage.body = el("div", {});
  main.append(usage.body);
  usage.counts = {};
  usage.cost = {};
  usage.cards = ["A", "B", "C"].map((name) => {
    usage.counts[name] = el("div", { className: "big" });
    usage.cost[name] = el("strong", {});
    const price = el("input", { type: "number", min: 0, step: "any", value: usage.prices[name], className: "price",
      "aria-label": `Price of 1000 calls of class ${name}`, oninput: () => {
        usage.prices[name] = Number(price.value) || 0;
        usage.draw();
      } });
    return card(`Class ${name}`, usage.counts[name], el("div", { className: "bar" }, el("label", {}, price, "per 1000 calls"),
      el("span", { className: "gap" }), usage.cost[name]));
  });
  usage.total = el("strong", {});
  usage.table = panel();
  main.append(el("div", { className: "bar" }, el("span", { className: "dim" },
    "Calls of the account since its start, reset or restore. The free calls of each day are not deducted."),
  el("span", { className: "gap" }), "Total: ", usage.total), el("div", { className: "cards" }, usage.cards), el("h3", {}, "By call"),
  usage.table);
};
usage.refresh = async () => {
  usage.data = await json("GET", "/usage");
  usage.draw();
};
usage.live = true;
const money = (cost) => cost.toFixed(cost > 0 && cost < 0.01 ? 6 : 4);
usage.draw = () => {
  let total = 0;
  for (const [name, count] of Object.entries(usage.data.classes)) {
    const cost = count * usage.prices[name] / 1000;
    total += cost;
    usage.counts[name].textContent = count.toLocaleString("en");
    usage.cost[name].textContent = money(cost);
  }
  usage.total.textContent = money(total);
  const rows = Object.entries(usage.data.calls).map(([name, it]) => el("tr", {}, td(name), td(it.class),
    td(it.count.toLocaleString("en"), "num"), td(money(it.count * usage.prices[it.class] / 1000), "num")));
  usage.table.replaceChildren(rows.length ? table([th("Call"), th("Class"), th("Count", "num"), th("Cost", "num")], rows) :
    el("div", { className: "empty" }, "No calls yet."));
};

views.push(calls, usage);
