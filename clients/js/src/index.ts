/** Follow pulsetrain runs from JavaScript: `Room`s of parts that a snapshot fills and the event stream keeps true. */
export * from "./types.ts";
export { formatCursor, parseCursor, type Cursor } from "./cursor.ts";
export { fold, foldAll, isActive, isFinal, isNonFinite, mayMove } from "./fold.ts";
export { backoff } from "./backoff.ts";
export { SseParser, type Frame } from "./sse.ts";
export { ApiError, call, errorFrom, place, type Fetch, type Place } from "./http.ts";
export { EventStream, replay, type Connection, type ReplayOptions, type StreamOptions } from "./stream.ts";
export { Room, type Part, type RoomOptions } from "./room.ts";
export { LogPart, RunList, RunState, SeriesPart, SystemPart, type SeqLine, type TimedSample } from "./runs.ts";
export { Column } from "./series.ts";
