/** Tabs and the worker that reads for them, joined by real message ports, against a real server behind a counting proxy. */
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { place } from "../src/http.ts";
import { poll } from "../src/sources/poll.ts";
import { shared } from "../src/sources/shared.ts";
import { sse } from "../src/sources/sse.ts";
import { webSocket } from "../src/sources/websocket.ts";
import { Fanout, type Port, type Request } from "../src/worker/fanout.ts";
import { LiveServer, Proxy, Recorder, type Writer } from "./live.ts";

let server: LiveServer;
let proxy: Proxy;
let run: Writer;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  // Node has message ports, but nothing that would start a script with them.
  vi.stubGlobal("SharedWorker", class {});
  server = await new LiveServer().start();
  proxy = await new Proxy(() => server.url).start();
  run = await server.newRun();
}, 60_000);

afterAll(async () => {
  await proxy.close();
  await server.close();
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What the worker's script does with the ports that it is given. */
class Worker {
  readonly fanout: Fanout;
  readonly ports: MessagePort[] = [];

  constructor(sources = [webSocket(), poll], backoffMs = 5) {
    this.fanout = new Fanout(sources, () => backoffMs);
    ends.push(() => {
      for (const port of this.ports) port.close();
      // Nobody reads any more: the streams are let go.
      for (const port of this.ports) this.fanout.take(port as Port, { op: "leave" });
      this.fanout.beat();
    });
  }

  connect(): SharedWorker {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<Request>) => this.fanout.take(port1 as Port, data);
    this.ports.push(port1, port2);
    return { port: port2, onerror: null } as unknown as SharedWorker;
  }

  tab(options: Partial<ConstructorParameters<typeof Recorder>[0]> = {}): Recorder {
    const recorder = new Recorder({ at: place(proxy.url), sources: [shared(() => this.connect())], type: ["run.*"], ...options });
    ends.push(() => recorder.stream.stop());
    return recorder;
  }
}

const log = () => server.events("cursor=0&type=run.*");

async function same(tabs: readonly Recorder[]): Promise<void> {
  const all = await log();
  for (const tab of tabs) {
    await tab.when(() => tab.events.length >= all.length);
    expect(tab.events).toEqual(all);
  }
}

it("reads once for twelve tabs, each of which gets everything once", async () => {
  const before = proxy.asked;
  const worker = new Worker();
  const tabs = [worker.tab()];
  await tabs[0]!.live();
  for (let index = 1; index < 12; index += 1) {
    await run.progress(3);
    // Late, and each with a cursor of its own: it reads what it lacks.
    tabs.push(worker.tab({ cursor: index % 3 ? "0" : tabs[0]!.stream.cursor! }));
  }
  await run.progress(30);
  await Promise.all(tabs.map((tab) => tab.live("websocket")));
  await same(tabs.filter((_, index) => index % 3 !== 0 || index === 0));
  const last = (await log()).at(-1)!.seq;
  for (const tab of tabs.filter((_, index) => index % 3 === 0 && index > 0)) {
    await tab.when(() => tab.events.at(-1)?.seq === last);
    const seqs = tab.events.map((event) => event.seq);
    expect(tab.events).toEqual((await log()).filter((event) => event.seq >= seqs[0]!));
  }
  expect(proxy.asked - before).toBe(1);
  expect(worker.fanout.trunks).toBe(1);
  expect(tabs[5]!.stream.connection).toEqual({ state: "live", transport: "websocket", shared: true });
}, 60_000);

it("gives a tab that joins late exactly what it lacks, without asking the server", async () => {
  const worker = new Worker();
  const first = worker.tab();
  await first.live();
  const [cursor, had] = [first.stream.cursor!, first.events.length];
  await run.progress(20);
  await first.when(() => first.events.length === had + 20);
  const pages = proxy.polls;
  const late = worker.tab({ cursor });
  await late.live();
  await late.when(() => late.events.length >= 20);
  expect(late.events).toEqual(first.events.slice(had));
  expect(proxy.polls).toBe(pages);
}, 60_000);

it("reads by pages what the worker no longer holds", async () => {
  const worker = new Worker([sse]);
  const first = worker.tab();
  await first.live("sse");
  const [cursor, had] = [first.stream.cursor!, first.events.length];
  await run.progress(2500);
  await first.when(() => first.events.length >= had + 2500);
  const pages = proxy.polls;
  const late = worker.tab({ cursor });
  await late.live();
  await run.progress(3);
  await late.when(() => late.events.length >= 2503);
  await first.when(() => first.events.length >= had + 2503);
  expect(late.events).toEqual(first.events.slice(had));
  expect(proxy.polls).toBeGreaterThan(pages);
}, 60_000);

it("goes on for all tabs when the connection breaks, and says so to each", async () => {
  const worker = new Worker();
  const tabs = [worker.tab(), worker.tab(), worker.tab()];
  await Promise.all(tabs.map((tab) => tab.live()));
  await server.kill();
  await Promise.all(tabs.map((tab) => tab.when(() => tab.stream.connection.state === "reconnecting")));
  await server.start();
  await run.progress(5);
  await Promise.all(tabs.map((tab) => tab.live()));
  await same(tabs);
}, 60_000);

it("lets a tab go that no longer answers, and the connection with the last of them", async () => {
  const worker = new Worker();
  const [one, other] = [worker.tab(), worker.tab()];
  await Promise.all([one.live(), other.live()]);
  // As a tab that crashed: its port is there, and nobody behind it.
  worker.ports[1]!.close();
  const beats = async (count: number) => {
    for (let beat = 0; beat < count; beat += 1) {
      worker.fanout.beat();
      const seq = run.progress(1);
      await seq;
      await other.when(() => other.events.at(-1)?.type === "run.progress");
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await beats(5);
  expect(worker.fanout.tabs).toBe(1);
  expect(other.stream.connection.state).toBe("live");
  other.stream.stop();
  await vi.waitUntil(() => worker.fanout.tabs === 0);
  worker.fanout.beat();
  expect(worker.fanout.trunks).toBe(0);
  await vi.waitUntil(() => proxy.open === 0);
}, 60_000);

it("is let go only when all tabs are hidden, and each goes on from its own cursor", async () => {
  const worker = new Worker();
  const looks = [0, 1].map(() => {
    const listeners = new Set<() => void>();
    const look = { hidden: false, tell: (hidden: boolean) => ((look.hidden = hidden), listeners.forEach((each) => each())) };
    return { look, attention: { hidden: () => look.hidden, subscribe: (each: () => void) => (listeners.add(each), () => listeners.delete(each)) } };
  });
  const tabs = looks.map(({ attention }) => worker.tab({ attention, pauseAfterMs: 0 }));
  await Promise.all(tabs.map((tab) => tab.live()));
  looks[0]!.look.tell(true);
  await tabs[0]!.when(() => tabs[0]!.stream.connection.state === "asleep");
  worker.fanout.beat();
  expect([worker.fanout.trunks, proxy.open]).toEqual([1, 1]);
  looks[1]!.look.tell(true);
  await tabs[1]!.when(() => tabs[1]!.stream.connection.state === "asleep");
  await vi.waitUntil(() => worker.fanout.tabs === 0);
  worker.fanout.beat();
  await vi.waitUntil(() => proxy.open === 0);
  await run.progress(9);
  for (const { look } of looks) look.tell(false);
  await Promise.all(tabs.map((tab) => tab.live()));
  await same(tabs);
}, 60_000);

it("tells every tab of a reset, and each takes its snapshot anew", async () => {
  const worker = new Worker();
  const first = worker.tab();
  await first.live();
  // It comes with a cursor of another life of the log; the stream of the others is not disturbed.
  const stale = worker.tab({ cursor: "zzzzzzzz-5" });
  await stale.live();
  await same([first, stale]);
  expect([first.resets, stale.resets]).toEqual([[], ["generation"]]);
}, 60_000);

it("does not wait when somebody in a tab does not want to", async () => {
  const worker = new Worker([webSocket()], 600_000);
  const tab = worker.tab();
  await tab.live();
  await server.kill();
  await tab.when(() => tab.stream.connection.state === "reconnecting");
  await server.start();
  tab.stream.retryNow();
  await tab.live();
}, 60_000);

it("asks anew for a worker that does not answer", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  ends.push(() => vi.useRealTimers());
  const worker = new Worker();
  const silent = new MessageChannel();
  let asked = 0;
  const connect = () => (asked++ === 0 ? ({ port: silent.port1 } as unknown as SharedWorker) : worker.connect());
  const tab = worker.tab({ sources: [shared(connect)] });
  await vi.waitUntil(() => asked === 1);
  await vi.advanceTimersByTimeAsync(30_000);
  await tab.live();
  expect(asked).toBe(2);
  await same([tab]);
  silent.port1.close();
}, 60_000);

it("does without a worker that cannot be had", async () => {
  const source = shared(() => {
    const worker = { port: new MessageChannel().port1, onerror: null as null | (() => void) };
    setImmediate(() => worker.onerror?.());
    return worker as unknown as SharedWorker;
  });
  const tab = new Recorder({ at: place(proxy.url), sources: [source, sse, poll], type: ["run.*"] });
  ends.push(() => tab.stream.stop());
  await tab.live("sse");
  await same([tab]);
}, 60_000);

it("hands a refusal on as what it is", async () => {
  const guarded = await new LiveServer("a-secret-that-is-long-enough").start();
  ends.push(() => guarded.close());
  const worker = new Worker();
  const headers = { Authorization: "Bearer something-else-entirely" };
  const tab = worker.tab({ at: place(guarded.url, { headers }), cursor: "aaaaaaaa-1" });
  await tab.when(() => tab.stream.connection.state === "refused");
  expect(tab.stream.connection).toMatchObject({ error: { status: 401 } });
}, 60_000);
