/** Long poll: page after page, each waited for. Slower than a stream, and what remains where no stream gets through. */
import { get } from "../http.ts";
import type { Event } from "../types.ts";
import { eventsPath, type Ask, type Line, type Signal, type Source } from "./source.ts";

/** What one request waits for news, at most. */
const WAIT_SECONDS = 25;
/** Streaming is tried again after so many back-offs: some seconds at first, some minutes in the end. */
const PROBE_EVERY = 5;

export interface Page {
  readonly cursor: string;
  readonly live: boolean;
  readonly finished?: boolean;
  readonly reset: { readonly reason: string } | null;
  readonly skipped: number;
  readonly events: readonly Event[];
}

/** What the log holds after `ask.cursor`, waited for where that is nothing yet. */
export function readPage(ask: Ask, waitSeconds: number, signal: AbortSignal): Promise<Page> {
  return get<Page>(ask.at, `${eventsPath(ask)}&wait=${waitSeconds}`, signal);
}

/** `page` in the words of a stream. */
export function* pageSignals({ cursor, events, skipped, reset }: Page): Generator<Signal> {
  if (reset) yield { op: "reset", reason: reset.reason };
  if (skipped) yield { op: "skipped", cursor, events: skipped };
  yield { op: "events", cursor, events };
}

export const poll: Source = {
  transport: "poll",
  attend,
  async read(ask, reader, signal) {
    let { cursor } = ask;
    // The first page is not waited for: it shows whether polling works.
    for (let wait = 0; ; ) {
      const asked = Date.now();
      const page = await readPage({ ...ask, cursor }, wait, signal);
      reader.take({ op: "hello", cursor: null, heartbeat_seconds: WAIT_SECONDS });
      for (const each of pageSignals(page)) reader.take(each);
      if (page.finished) reader.take({ op: "bye", reason: "finished", retry_seconds: null });
      if (page.live) reader.take({ op: "live", cursor: page.cursor });
      cursor = page.cursor;
      // A server that shuts down answers at once, with nothing: it is not to be asked in a hot loop.
      if (wait > 0 && page.events.length === 0 && Date.now() - asked < 1000) return;
      wait = page.live ? WAIT_SECONDS : 0;
    }
  },
};

/** Poll, and try now and then to stream beside it; once that is live, polling ends. Both tell the same sequence. */
async function attend(line: Line, life: AbortSignal): Promise<void> {
  const all = new AbortController();
  const polling = new AbortController();
  const { signal: polls } = polling;
  const signal = AbortSignal.any([life, all.signal]);
  const probe = probing(line, signal, all, () => polling.abort());
  try {
    await line.read(poll, AbortSignal.any([signal, polls]));
  } catch (error) {
    if (!polls.aborted) throw error;
  } finally {
    if (!polls.aborted) all.abort();
  }
  // How the stream ends, once it has taken over.
  if (polls.aborted) await probe;
}

async function probing(line: Line, signal: AbortSignal, all: AbortController, onLive: () => void): Promise<void> {
  const { length } = line.streams;
  for (let n = 0; length > 0 && !signal.aborted; n += 1) {
    await line.pause(n, signal, PROBE_EVERY);
    const source = line.streams[n % length]!;
    if (signal.aborted || source.usable?.() === false) continue;
    let live = false;
    try {
      await line.read(source, signal, () => {
        live = true;
        onLive();
      });
    } catch (error) {
      if (live) throw error;
    }
    if (live) return;
    // Told of a reset: both go on from a new snapshot.
    if (line.lost()) all.abort();
  }
}
