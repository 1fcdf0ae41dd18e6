// What all views use. Names and contents of files are hostile: they become text nodes, never HTML.

const token = new URLSearchParams(location.search).get("token") || "";
const root = location.pathname + "v1";
const $ = (id) => document.getElementById(id);
const views = [];
let current = null;

/** Sends a request to the control API; `body` is JSON or a Blob. */
async function api(method, path, body, headers) {
  const init = { method, headers: { Authorization: "Bearer " + token, ...headers } };
  if (body !== undefined) init.body = body instanceof Blob ? body : JSON.stringify(body);
  const response = await fetch(root + path, init);
  if (response.ok) return response;
  const text = await response.text();
  let said = text;
  try {
    const json = JSON.parse(text);
    said = json.error || `${json.code}${json.message ? ": " + json.message : ""}`;
  } catch { /* a fault may answer with anything */ }
  throw new Error(`${response.status} ${said.slice(0, 500)}`);
}
const json = async (...request) => (await api(...request)).json();
/** A call that is not counted and that no fault hits. */
const look = (call, fields) => json("POST", "/admin/" + call, fields);
/** A call as a client makes it. */
const call = (name, fields) => json("POST", "/client/" + name, fields);

/** An element. Strings among the children become text. */
function el(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !name.includes("-")) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((it) => it !== null && it !== undefined && it !== false).map((it) =>
    it instanceof Node ? it : String(it)));
  return node;
}
const button = (label, onclick, className, title) =>
  el("button", { type: "button", onclick: () => attempt(onclick), className, title }, label);
const option = (value, label) => el("option", { value }, label ?? value);
const chip = (text, className) => el("span", { className: "chip " + (className || "") }, text);
const row = (onopen, className, ...cells) => el("tr", { tabIndex: 0, className: className || "", onclick: onopen,
  onkeydown: (event) => { if (event.key === "Enter") onopen(event); } }, ...cells);
const td = (content, className) => el("td", { className: className || "" }, content);
const th = (text, className) => el("th", { scope: "col", className: className || "" }, text);
const table = (heads, rows) => el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows));
const terms = (pairs) => el("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false)
  .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
const panel = (...children) => el("div", { className: "panel" }, ...children);
const card = (title, ...children) => el("section", { className: "panel pad" }, el("h2", {}, title), ...children);
const pretty = (value) => el("pre", { tabIndex: 0 }, typeof value === "string" ? value : JSON.stringify(value, null, 2));

function size(bytes) {
  if (bytes < 1000) return bytes + " B";
  const units = ["kB", "MB", "GB", "TB"];
  let at = -1;
  do { bytes /= 1000; at += 1; } while (bytes >= 999.5 && at < 3);
  return (bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)) + " " + units[at];
}
const moment = (millis) => new Date(millis).toISOString().slice(0, 19).replace("T", " ");
const clockTime = (millis) => new Date(millis).toISOString().slice(11, 23);
const micros = (n) => n < 1000 ? n + " µs" : n < 1e6 ? (n / 1000).toFixed(1) + " ms" : (n / 1e6).toFixed(2) + " s";

function toast(text, isBad) {
  const node = el("div", { className: "toast" + (isBad ? " bad" : "") }, text);
  $("toasts").append(node);
  setTimeout(() => node.remove(), isBad ? 8000 : 3000);
}
async function attempt(action) {
  try { await action(); } catch (error) { toast(error.message, true); }
}

/** Saves bytes as a file of this computer. */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function detail(title, ...children) {
  const close = button("Close", closeDetail, "", "Esc");
  $("detail").replaceChildren(el("div", { className: "bar" }, el("h2", {}, title), el("span", { className: "gap" }), close),
    el("div", {}, children));
  $("detail").hidden = false;
  $("detail").scrollTop = 0;
}
function closeDetail() {
  $("detail").hidden = true;
  $("detail").replaceChildren();
  document.querySelectorAll("tr[aria-selected]").forEach((it) => it.removeAttribute("aria-selected"));
}
function select(tr) {
  document.querySelectorAll("tr[aria-selected]").forEach((it) => it.removeAttribute("aria-selected"));
  tr?.setAttribute("aria-selected", "true");
}

function show(view) {
  if (current === view) return attempt(view.refresh);
  current = view;
  location.hash = view.id;
  closeDetail();
  for (const it of views) {
    if (it === view) it.tab.setAttribute("aria-current", "page");
    else it.tab.removeAttribute("aria-current");
  }
  $("main").replaceChildren();
  attempt(async () => { await view.open($("main")); await view.refresh(); });
}

async function tick() {
  try {
    const { now } = await json("GET", "/clock");
    $("now").textContent = moment(now) + " UTC";
    connected(true);
    if (current?.live) await current.refresh();
  } catch (error) { connected(false, error.message); }
}
function connected(is, why) {
  $("live").textContent = is ? "connected" : "no connection";
  $("live").className = is ? "" : "lost";
  $("live").title = why || "";
}

function onKey(event) {
  if (event.key === "Escape") {
    if (document.activeElement?.matches("input, select, textarea")) return document.activeElement.blur();
    return closeDetail();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.("input, select, textarea")) return;
  const rows = [...document.querySelectorAll("main tbody tr[tabindex]")];
  const at = rows.indexOf(document.activeElement);
  if (event.key === "/") {
    document.querySelector("main input[type=search]")?.focus();
  } else if (event.key === "?") {
    $("help").showModal();
  } else if (event.key === "r") {
    attempt(current.refresh);
  } else if (["j", "ArrowDown"].includes(event.key) && rows.length) {
    rows[Math.min(at + 1, rows.length - 1)].focus();
  } else if (["k", "ArrowUp"].includes(event.key) && rows.length) {
    rows[Math.max(at - 1, 0)].focus();
  } else if (views[Number(event.key) - 1]) {
    show(views[Number(event.key) - 1]);
  } else return;
  event.preventDefault();
}

function start() {
  views.forEach((view, at) => {
    view.tab = button(view.title, () => show(view), "", `Key ${at + 1}`);
    $("nav").append(view.tab);
  });
  const keys = [["1 – " + views.length, "views"], ["/", "search"], ["j k ↓ ↑", "rows"], ["Enter", "open"], ["Esc", "close"],
    ["r", "refresh"], ["?", "this help"]];
  $("help").append(el("h2", {}, "Keys"), terms(keys.map(([key, what]) => [el("kbd", {}, key), what])),
    button("Close", () => $("help").close()));
  document.addEventListener("keydown", onKey);
  // a file that is dropped beside the list must not replace the page
  for (const event of ["dragover", "drop"]) document.addEventListener(event, (it) => it.preventDefault());
  const asked = () => views.find((it) => it.id === location.hash.slice(1)) || views[0];
  addEventListener("hashchange", () => { if (asked() !== current) show(asked()); });
  show(asked());
  tick();
  setInterval(tick, 2000);
}
