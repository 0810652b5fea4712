/** A real server in a process of its own, a run to write into it, and a proxy that can spoil what passes. */
import { spawn, type ChildProcess } from "node:child_process";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "../src/sources/source.ts";
import { EventStream, type StreamOptions } from "../src/stream.ts";
import type { Event } from "../src/types.ts";

const SRC = new URL("../../../src", import.meta.url).pathname;
const python = process.env["PULSETRAIN_PYTHON"] ?? "python3";

export class LiveServer {
  url = "";
  #port = 0;
  #process: ChildProcess | null = null;
  readonly #folder = mkdtempSync(join(tmpdir(), "pulsetrain-js-"));

  constructor(readonly token = "") {}

  /** Start it and wait until it is ready. A restart takes the same port again. */
  async start(): Promise<this> {
    const flags = ["--no-browser", "--no-samples", "--port", String(this.#port), "--data", join(this.#folder, "data")];
    const process_ = spawn(python, ["-m", "pulsetrain.cli.main", "up", ...flags], {
      env: {
        ...process.env,
        PYTHONPATH: process.env["PYTHONPATH"] ?? SRC,
        PULSETRAIN_HOME: join(this.#folder, "home"),
        PULSETRAIN_TOKEN: this.token,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = process_;
    this.url = await new Promise((resolve, reject) => {
      let said = "";
      const hear = (chunk: Buffer) => {
        said += String(chunk);
        const found = /http:\/\/[\w.[\]:]+:(\d+)/.exec(said);
        if (found) resolve(found[0]);
      };
      process_.stdout!.on("data", hear);
      process_.stderr!.on("data", hear);
      process_.on("error", reject);
      process_.on("exit", () => reject(new Error(`The server ended before it was ready:\n${said}`)));
    });
    this.#port = Number(new URL(this.url).port);
    return this;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const process_ = this.#process;
    if (!process_ || process_.exitCode !== null || process_.signalCode !== null) return;
    const over = new Promise((resolve) => process_.once("exit", resolve));
    process_.kill(signal);
    await over;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async post<T>(path: string, body: unknown, token = this.token): Promise<T> {
    const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
    const answer = await fetch(this.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** A run of its own, to be written to by hand. */
  async newRun(name = "by-hand"): Promise<Writer> {
    const made = await this.post<{ run: { id: string }; token: string }>("/api/runs", { command: ["train"], name });
    const writer = new Writer(this, made.run.id, made.token);
    await writer.write("run.status", { state: "running" });
    return writer;
  }

  /** All events of the log after `cursor`, read page by page without the client. */
  async events(query = "cursor=0"): Promise<Event[]> {
    const all: Event[] = [];
    for (let at = query; ; ) {
      const headers = { Accept: "application/json", ...(this.token && { Authorization: `Bearer ${this.token}` }) };
      const page = (await (await fetch(`${this.url}/api/events?${at}`, { headers })).json()) as { cursor: string; live: boolean; events: Event[] };
      all.push(...page.events);
      if (page.live) return all;
      at = query.replace(/cursor=[^&]*/, `cursor=${page.cursor}`);
    }
  }
}

/** Writes records as a producer does. */
export class Writer {
  #n = 0;

  constructor(
    readonly server: LiveServer,
    readonly id: string,
    readonly token: string,
  ) {}

  async write(type: string, ...rows: Record<string, unknown>[]): Promise<void> {
    const records = rows.map((data) => ({ n: ++this.#n, type, time: new Date().toISOString().replace("Z", "000Z"), data }));
    await this.server.post(`/api/runs/${this.id}/records`, { attempt: 1, producer: "test", records }, this.token);
  }

  /** Events that say how far it is, of `count` each with its own percent. */
  async progress(count: number): Promise<void> {
    await this.write("run.progress", ...Array.from({ length: count }, (_, index) => ({ percent: index % 100 })));
  }
}

/** Passes HTTP and WebSockets on, and does to streams what `streams` says. */
export class Proxy {
  streams: "pass" | "cut" = "pass";
  /** Streams and upgrades that were asked for, and those that are open. */
  asked = 0;
  open = 0;
  polls = 0;
  url = "";
  readonly #http = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));

  constructor(readonly target: () => string) {
    this.#http.on("upgrade", (incoming, client) => {
      this.asked += 1;
      if (this.streams === "cut") return void client.destroy();
      this.open += 1;
      const { hostname, port } = new URL(this.target());
      const server = connect(Number(port), hostname);
      const lines = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${name === "host" ? `${hostname}:${port}` : value}`);
      server.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
      client.pipe(server).pipe(client);
      const over = () => (client.destroy(), server.destroy());
      for (const end of [client, server]) end.on("error", over).on("close", over);
      client.once("close", () => (this.open -= 1));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#http.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
    return this;
  }

  /** End every connection that passes now. */
  cut(): void {
    this.#http.closeAllConnections();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const stream = incoming.headers.accept?.includes("text/event-stream") ?? false;
    if (stream) {
      this.asked += 1;
      this.open += 1;
      outgoing.once("close", () => (this.open -= 1));
    } else if (incoming.url!.startsWith("/api/events")) {
      this.polls += 1;
    }
    const { hostname, port } = new URL(this.target());
    const headers = { ...incoming.headers, host: `${hostname}:${port}` };
    const onward = request({ hostname, port, path: incoming.url, method: incoming.method, headers }, (answer) => {
      // Its headers come, and then nothing: what a proxy that wants whole answers makes of a stream.
      outgoing.writeHead(answer.statusCode!, answer.headers);
      outgoing.flushHeaders();
      if (stream && this.streams === "cut") setImmediate(() => (outgoing.destroy(), answer.destroy()));
      else answer.pipe(outgoing);
    });
    const over = () => (outgoing.destroy(), onward.destroy());
    onward.on("error", over);
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  }
}

/** A stream whose events and states are kept, and can be waited for. */
export class Recorder {
  readonly events: Event[] = [];
  readonly said: Connection[] = [];
  readonly resets: string[] = [];
  readonly stream: EventStream;
  readonly #waiting = new Set<() => void>();

  constructor(options: Omit<StreamOptions, "onEvent" | "onConnection" | "onReset" | "snapshot"> & { cursor?: string }) {
    const { cursor = "0", ...rest } = options;
    let given = false;
    this.stream = new EventStream({
      backoff: () => 5,
      ...rest,
      // After a reset the log is read from its beginning, which stands for a snapshot of everything.
      snapshot: async () => {
        if (given) this.events.length = 0;
        const first = given ? "0" : cursor;
        given = true;
        return first;
      },
      onEvent: (event) => this.#note(() => this.events.push(event)),
      onConnection: (connection) => this.#note(() => this.said.push(connection)),
      onReset: (reason) => this.#note(() => this.resets.push(reason)),
    });
    this.stream.start();
  }

  get states(): string[] {
    return this.said.map((each) => (each.state === "live" ? `live ${each.transport}` : each.state));
  }

  /** Resolves when `holds` does; asked again whenever anything is told. */
  when(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const ask = () => {
        if (!holds()) return;
        this.#waiting.delete(ask);
        resolve();
      };
      this.#waiting.add(ask);
      ask();
    });
  }

  live(transport?: string): Promise<void> {
    return this.when(() => {
      const { connection } = this.stream;
      return connection.state === "live" && (transport === undefined || connection.transport === transport);
    });
  }

  #note(change: () => void): void {
    change();
    for (const ask of [...this.#waiting]) ask();
  }
}
