/** The path of the program: from `B2KIT_EMULATOR`, from this package, or from `PATH`. */
export function findBinary(): string;

/** A request to the control API failed. */
export class ControlError extends Error {
  readonly status: number;
}

/** Conditions on requests, which all must hold. */
export interface On {
  call?: string;
  bucketId?: string;
  bucketName?: string;
  fileId?: string;
  fileName?: string;
  part?: number;
}

/** Which of the matching requests are hit. At most one of nth, every and probability. */
export interface When {
  nth?: number;
  every?: number;
  probability?: number;
  seed?: number;
  times?: number;
}

export interface FaultOptions {
  on?: On;
  when?: When;
  /** Whether the call takes effect first. */
  afterCommit?: boolean;
  /** The fields of the kind, such as `status`. */
  [field: string]: unknown;
}

/** A fault that was added. */
export class Fault {
  readonly id: number;
  /** How many requests it has hit; 0 if it was removed. */
  hits(): Promise<number>;
  /** Removes it. Requests that it has already hit still fail. */
  remove(): Promise<void>;
}

/** Which calls of the log are wanted. */
export interface CallFilter {
  call?: string;
  keyId?: string;
  /** A status such as 503, a class such as 5xx, or none. */
  status?: string;
  faults?: boolean;
}

/** A call in the log. */
export interface Call {
  id: number;
  time: number;
  durationMicros: number;
  method: string;
  path: string;
  call: string | null;
  class: "A" | "B" | "C" | null;
  keyId: string | null;
  fileName: string | null;
  status: number | null;
  bytesReceived: number;
  bytesSent: number;
  isComplete: boolean;
  faults: { id: number | null; kind: string }[];
}

export interface Webhook {
  rule: string;
  url: string;
  headers: { name: string; value: string }[];
  body: string;
  attempts: number;
  outcome: "delivered" | "failed" | "kept";
  reason: string | null;
}

export interface Usage {
  classes: { A: number; B: number; C: number };
  calls: Record<string, { class: "A" | "B" | "C"; count: number }>;
}

export interface StartOptions {
  buckets?: string[];
  publicBuckets?: string[];
  /** A directory to keep everything in. Defaults to memory. */
  data?: string;
  /** Further arguments of the program. */
  args?: string[];
  binary?: string;
}

/** A running emulator, on a free port of 127.0.0.1. */
export class Emulator {
  private constructor();
  /** Starts the program, and resolves when it accepts connections. */
  static start(options?: StartOptions): Promise<Emulator>;
  /** What programs read from their environment: the settings of clients and of the control API. */
  readonly env: Record<string, string>;
  /** The link to the console, to be opened in a browser. */
  readonly consoleUrl: string;
  /** The endpoint for clients. */
  readonly url: string;
  readonly keyId: string;
  readonly key: string;
  stop(): Promise<void>;
  /** Sends a request to the control API and returns its JSON, or its text. */
  control(method: string, path: string, body?: unknown, query?: Record<string, string>): Promise<any>;
  /** Makes a B2 call with all capabilities. It is not counted or logged, and no fault hits it. */
  call(name: string, fields?: object): Promise<any>;
  /** Creates a bucket and returns its id. */
  createBucket(name: string, options?: { public?: boolean; [field: string]: unknown }): Promise<string>;
  /** Adds a fault of this kind. */
  fault(kind: string, options?: FaultOptions): Promise<Fault>;
  clearFaults(): Promise<void>;
  /** Lets the requests that wait at a latch continue, and returns their number. */
  openLatch(name: string): Promise<number>;
  now(): Promise<Date>;
  advanceClock(seconds: number): Promise<void>;
  /** Returns the clock to the time of the system. */
  resetClock(): Promise<void>;
  runLifecycle(): Promise<void>;
  expireTokens(which?: { account?: boolean; upload?: boolean }): Promise<void>;
  /** Saves everything but the clock and the faults. */
  save(name: string): Promise<void>;
  restore(name: string): Promise<void>;
  /** The names of the saved states. */
  states(): Promise<string[]>;
  removeState(name: string): Promise<void>;
  /** Removes all faults, and restores the state at the start. */
  reset(): Promise<void>;
  /** The latest calls, oldest first. */
  calls(filter?: CallFilter): Promise<Call[]>;
  clearCalls(): Promise<void>;
  /** Writes the log of calls as a recording of b2kit-cassette. */
  exportCassette(path: string, filter?: CallFilter): Promise<void>;
  webhooks(options?: { clear?: boolean }): Promise<Webhook[]>;
  usage(): Promise<Usage>;
}
