/** Follow pulsetrain runs from JavaScript: `Room`s of parts that a snapshot fills and the event stream keeps true. */
export * from "./types.ts";
export { formatCursor, parseCursor, type Cursor } from "./cursor.ts";
export { fold, foldAll, isActive, isFinal, isNonFinite, mayMove } from "./fold.ts";
export { backoff } from "./backoff.ts";
export { ApiError, call, errorFrom, get, headersOf, place, type Fetch, type Headers, type Place } from "./http.ts";
export { documentAttention, type Attention } from "./attention.ts";
export { EventStream, type StreamOptions } from "./stream.ts";
export { replay, type ReplayOptions } from "./replay.ts";
export type { Ask, Connection, Filter, Reader, Signal, Source, Transport } from "./sources/source.ts";
export { SseParser, type Frame } from "./sources/frames.ts";
export { sse } from "./sources/sse.ts";
export { webSocket, type WebSocketConstructor } from "./sources/websocket.ts";
export { poll } from "./sources/poll.ts";
export { shared } from "./sources/shared.ts";
export { Room, type Listener, type Part, type RoomOptions } from "./room.ts";
export { LogPart, RunList, RunState, SeriesPart, SystemPart, type SeqLine, type TimedSample } from "./runs.ts";
export { Column } from "./series.ts";
