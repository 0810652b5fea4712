/**
 * The tab's side of a SharedWorker (`pulsetrain/worker`) that reads for all tabs of a page's origin: one connection,
 * however many tabs. A tab keeps its own cursor; what the worker no longer holds is read by pages before it joins.
 */
import { ApiError, headersOf } from "../http.ts";
import type { Answer, PortableAsk, Request } from "../worker/fanout.ts";
import { pageSignals, readPage } from "./poll.ts";
import type { Ask, Reader, Source } from "./source.ts";

/**
 * Reads through the worker that `connect` makes, where there are SharedWorkers. How a worker's script is found is the
 * bundler's business, so the call stands in the page: `() => new SharedWorker(new URL("./worker.ts", import.meta.url),
 * { type: "module" })`, and that file says `import "pulsetrain/worker"`.
 */
export function shared(connect: () => SharedWorker): Source {
  return new Shared(connect);
}

class Shared implements Source {
  readonly transport = "shared";
  readonly #connect: () => SharedWorker;
  readonly #listeners = new Map<number, (answer: Answer) => void>();
  #usable = typeof SharedWorker !== "undefined";
  #worker: SharedWorker | null = null;
  #count = 0;

  constructor(connect: () => SharedWorker) {
    this.#connect = connect;
    // A page that comes back from the browser's cache finds that it was dropped, and joins again.
    globalThis.addEventListener?.("pagehide", () => this.#send({ op: "leave" }));
  }

  usable(): boolean {
    return this.#usable;
  }

  retryNow(): void {
    this.#send({ op: "retry" });
  }

  async read(ask: Ask, reader: Reader, signal: AbortSignal): Promise<void> {
    if (!this.#worker) this.#open();
    let { cursor } = ask;
    for (let sure = false; ; sure = true) {
      await this.#join({ ...ask, cursor }, sure, reader, signal);
      for (let live = false; !live; ) {
        const page = await readPage({ ...ask, cursor }, 0, signal);
        for (const each of pageSignals(page)) reader.take(each);
        ({ cursor, live } = page);
      }
    }
  }

  #open(): void {
    try {
      this.#worker = this.#connect();
    } catch (error) {
      this.#usable = false;
      throw error;
    }
    this.#worker.port.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.op === "heartbeat") this.#send({ op: "here" });
      this.#listeners.get(data.id)?.(data);
    };
    // The script was not found, or not allowed: this tab does without.
    this.#worker.onerror = () => {
      this.#usable = false;
      for (const [id, listener] of this.#listeners) listener({ id, op: "gone" });
    };
  }

  /** Resolves where the worker does not hold what comes after the cursor of `ask`; rejects where the reading ends. */
  #join(ask: Ask, sure: boolean, reader: Reader, signal: AbortSignal): Promise<void> {
    const id = ++this.#count;
    let answered = false;
    return new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#listeners.set(id, (answer) => {
        answered = true;
        try {
          if (answer.op === "behind") resolve();
          else if (answer.op === "gone") throw new Error("the worker let go");
          else if (answer.op === "refused") throw revived(answer.error);
          else reader.take(answer);
        } catch (error) {
          reject(error);
        }
      });
      void portable(ask).then((carried) => signal.aborted || this.#send({ op: "open", id, ask: carried, sure }), reject);
    }).finally(() => {
      this.#listeners.delete(id);
      this.#send({ op: "close", id });
      // It may have died: the next reading asks for it anew.
      if (!answered && this.#listeners.size === 0) this.#worker = null;
    });
  }

  #send(request: Request): void {
    this.#worker?.port.postMessage(request);
  }
}

/** `ask` as a message can carry it: the address in full, the headers as they are now, no functions. */
async function portable({ at, ...ask }: Ask): Promise<PortableAsk> {
  const { href } = new URL(at.base || "/", globalThis.location?.href);
  return { ...ask, at: { base: href, headers: await headersOf(at) } };
}

function revived({ status, code, message, hint }: ApiError): ApiError {
  return new ApiError(status, code, message, hint);
}
