/** What the log holds of the past, read once beside whatever follows it. */
import { EventStream, type StreamOptions } from "./stream.ts";

export interface ReplayOptions extends Pick<StreamOptions, "at" | "run" | "type" | "onEvent"> {
  /** Where to begin: events after it are read. */
  readonly cursor: string;
  readonly signal: AbortSignal;
}

/**
 * Read what the log holds after `cursor` up to its tail, once. Resolves early where the log cannot serve it any more:
 * what is replayed is an extra (the past of a sparkline), never what a state is built from.
 */
export function replay({ cursor, signal, ...rest }: ReplayOptions): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      stream.stop();
      resolve();
    };
    const stream = new EventStream({
      ...rest,
      pauseAfterMs: Infinity,
      snapshot: () => Promise.resolve(cursor),
      onConnection: ({ state }) => state === "refused" && resolve(),
      onReset: finish,
      onLive: finish,
    });
    signal.addEventListener("abort", finish, { once: true });
    stream.start();
  });
}
