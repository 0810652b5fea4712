/** Server-sent events over fetch: unlike EventSource it can send headers, sees heartbeats, and hears why it was refused. */
import { errorFrom, headersOf } from "../http.ts";
import type { Event } from "../types.ts";
import { SseParser, type Frame } from "./frames.ts";
import { eventsPath, type Reader, type Signal, type Source } from "./source.ts";

export const sse: Source = {
  transport: "sse",
  async read(ask, reader, signal) {
    const { at } = ask;
    const response = await at.fetch(at.base + eventsPath(ask), {
      headers: { Accept: "text/event-stream", ...(await headersOf(at)) },
      cache: "no-store",
      signal,
    });
    if (response.status === 204) reader.take({ op: "bye", reason: "finished", retry_seconds: null });
    // A page that some proxy made is no stream, whatever its status.
    const type = response.headers.get("content-type");
    if (!response.ok || !response.body || !/event-stream/.test(type!)) throw errorFrom(response.status, await response.text());
    const body = response.body.getReader();
    // It takes a byte order mark off, too.
    const decoder = new TextDecoder();
    const parser = new SseParser();
    try {
      for (let chunk; !(chunk = await body.read()).done; ) {
        reader.heard();
        tell(parser.push(decoder.decode(chunk.value, { stream: true })), parser.retry, reader);
      }
    } finally {
      void body.cancel().catch(() => undefined);
    }
  },
};

/** Events that arrive together are told together. */
function tell(frames: readonly Frame[], retry: number | null, reader: Reader): void {
  let events: Event[] = [];
  let cursor = "";
  const flush = () => {
    const told = events;
    events = [];
    if (told.length > 0) reader.take({ op: "events", cursor, events: told });
  };
  try {
    for (const { event, data, id } of frames) {
      const body = JSON.parse(data) as Event;
      if (event === "") {
        events.push(body);
        cursor = id;
      } else {
        flush();
        reader.take({ retry_seconds: retry === null ? null : retry / 1000, ...body, op: event } as unknown as Signal);
      }
    }
  } finally {
    // What came before a frame that ends the connection is kept.
    flush();
  }
}
