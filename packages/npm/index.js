// Runs the program b2kit-emulator, and speaks its control API.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { request as requestOverTls } from "node:https";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const NAME = process.platform === "win32" ? "b2kit-emulator.exe" : "b2kit-emulator";

/** The path of the program: from `B2KIT_EMULATOR`, from this package, or from `PATH`. */
export function findBinary() {
  const packaged = fileURLToPath(new URL("bin/" + NAME, import.meta.url));
  return process.env.B2KIT_EMULATOR || (existsSync(packaged) ? packaged : NAME);
}

/** A word of a shell without its quotes: `'it'\''s'` is `it's`. */
function unquoted(word) {
  return word.replace(/'([^']*)'|\\(.)/g, (_, quoted, escaped) => quoted ?? escaped);
}

/** A request over TLS that trusts the root certificate `ca` only, which `fetch` can't be told to. */
function sendOverTls(url, { method, headers, body }, ca) {
  return new Promise((resolve, reject) => {
    const sent = requestOverTls(url, { method, headers, ca }, async (received) => {
      try {
        const chunks = await received.toArray();
        resolve(new Response(Buffer.concat(chunks), { status: received.statusCode, headers: received.headers }));
      } catch (error) {
        reject(error);
      }
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** A request to the control API failed. */
export class ControlError extends Error {
  constructor(status, message) {
    super(`${status}: ${message}`);
    this.name = "ControlError";
    this.status = status;
  }
}

/** A fault that was added. */
export class Fault {
  #emulator;

  constructor(emulator, id) {
    this.#emulator = emulator;
    this.id = id;
  }

  /** How many requests it has hit; 0 if it was removed. */
  async hits() {
    const { faults } = await this.#emulator.control("GET", "/faults");
    return faults.find((it) => it.id === this.id)?.hits ?? 0;
  }

  async remove() {
    await this.#emulator.control("DELETE", `/faults/${this.id}`);
  }
}

/** A running emulator. */
export class Emulator {
  #process;
  #ended;
  /** With TLS, the emulator's own root certificate. */
  #ca;

  /** Starts the program, and resolves when it accepts connections. */
  static async start({ buckets = [], publicBuckets = [], data, args = [], binary = findBinary() } = {}) {
    const all = ["--port", "0", ...args, ...buckets.flatMap((it) => ["--bucket", it]),
      ...publicBuckets.flatMap((it) => ["--public-bucket", it]), ...(data ? ["--data", data] : [])];
    const emulator = new Emulator();
    const child = spawn(binary, all, { stdio: ["ignore", "pipe", "inherit"] });
    emulator.#process = child;
    emulator.#ended = new Promise((resolve, reject) => {
      child.once("exit", resolve);
      child.once("error", reject);
    });
    emulator.env = {};
    emulator.consoleUrl = "";
    // a program that is not found is an error of the promise below
    emulator.#ended.catch(() => {});
    const kill = () => child.kill();
    process.once("exit", kill);
    child.once("exit", () => process.removeListener("exit", kill));
    const ready = (async () => {
      for await (const line of createInterface({ input: child.stdout })) {
        emulator.#read(line);
        if (line.includes("Ctrl-C")) return true;
      }
      return false;
    })();
    const isReady = await Promise.race([ready, emulator.#ended.then(() => false)]);
    if (!isReady) throw new Error(`${[binary, ...all].join(" ")} failed: its error is above`);
    child.stdout.resume();
    const { REQUESTS_CA_BUNDLE: root } = emulator.env;
    try {
      if (root) emulator.#ca = await readFile(root);
    } catch (error) {
      await emulator.stop();
      throw error;
    }
    return emulator;
  }

  #read(line) {
    const said = /^export (.*)$/.exec(line);
    if (said) {
      for (const [, name, value] of said[1].matchAll(/(\w+)=((?:'[^']*'|\\.|[^\s'\\])*)/g)) this.env[name] = unquoted(value);
    } else if (line.includes("/b2kit-emulator/?token=")) {
      this.consoleUrl = line.replace(/^[# ]+/, "");
    }
  }

  /** The endpoint for clients. */
  get url() { return this.env.B2_ENVIRONMENT; }
  get keyId() { return this.env.B2_APPLICATION_KEY_ID; }
  get key() { return this.env.B2_APPLICATION_KEY; }

  /** Stops the program. */
  async stop() {
    this.#process.kill();
    await this.#ended;
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() { await this.stop(); }

  /** Sends a request to the control API and returns its JSON, or its text. */
  async control(method, path, body, query) {
    const search = query && Object.keys(query).length ? "?" + new URLSearchParams(query) : "";
    const url = this.env.B2KIT_EMULATOR_CONTROL + path + search;
    const request = {
      method,
      headers: { Authorization: "Bearer " + this.env.B2KIT_EMULATOR_CONTROL_TOKEN },
      body: body === undefined ? undefined : JSON.stringify(body),
    };
    const response = await (this.#ca ? sendOverTls(url, request, this.#ca) : fetch(url, request));
    const text = await response.text();
    if (!response.ok) throw new ControlError(response.status, text);
    return response.headers.get("content-type").startsWith("application/json") ? JSON.parse(text) : text;
  }

  /** Makes a B2 call with all capabilities. It is not counted or logged, and no fault hits it. */
  call(name, fields = {}) { return this.control("POST", "/admin/" + name, fields); }

  /** Creates a bucket and returns its id. */
  async createBucket(name, { public: isPublic = false, ...fields } = {}) {
    const { accountId } = await this.control("GET", "");
    const bucketType = isPublic ? "allPublic" : "allPrivate";
    return (await this.call("b2_create_bucket", { accountId, bucketName: name, bucketType, ...fields })).bucketId;
  }

  /** Adds a fault of this kind. */
  async fault(kind, { on = {}, when = {}, afterCommit = false, ...fields } = {}) {
    const rule = { fault: { kind, ...fields }, on, when, afterCommit };
    return new Fault(this, (await this.control("POST", "/faults", rule)).id);
  }

  async clearFaults() { await this.control("DELETE", "/faults"); }
  async openLatch(name) { return (await this.control("POST", `/latches/${encodeURIComponent(name)}/open`)).waited; }
  async now() { return new Date((await this.control("GET", "/clock")).now); }
  async advanceClock(seconds) { await this.control("POST", "/clock", { advanceSeconds: seconds }); }
  /** Returns the clock to the time of the system. */
  async resetClock() { await this.control("DELETE", "/clock"); }
  async runLifecycle() { await this.control("POST", "/lifecycle"); }
  async expireTokens({ account = true, upload = true } = {}) {
    await this.control("POST", "/tokens/expire", { account, upload });
  }
  async save(name) { await this.control("PUT", "/states/" + encodeURIComponent(name)); }
  async restore(name) { await this.control("POST", `/states/${encodeURIComponent(name)}/restore`); }
  async states() { return (await this.control("GET", "/states")).states; }
  async removeState(name) { await this.control("DELETE", "/states/" + encodeURIComponent(name)); }
  /** Removes all faults, and restores the state at the start. */
  async reset() { await this.control("POST", "/reset"); }
  /** The latest calls, oldest first. */
  async calls(filter = {}) { return (await this.control("GET", "/calls", undefined, { limit: 30000, ...filter })).calls; }
  async clearCalls() { await this.control("DELETE", "/calls"); }
  /** Writes the log of calls as a recording of b2kit-cassette. */
  async exportCassette(path, filter = {}) {
    await writeFile(path, await this.control("GET", "/cassette", undefined, filter));
  }
  async webhooks({ clear = false } = {}) { return (await this.control(clear ? "DELETE" : "GET", "/webhooks")).webhooks; }
  usage() { return this.control("GET", "/usage"); }
}
