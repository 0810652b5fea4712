/** Hooks over one shared room of runs: however many components use them, the page holds one connection. */
import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import { get, place, type ApiError } from "./http.ts";
import { Room, type Part, type RoomOptions } from "./room.ts";
import { RunList } from "./runs.ts";
import type { Connection, Transport } from "./sources/source.ts";
import type { Event, Run } from "./types.ts";

/** All that folds into a run but its log lines, which are many. */
const TYPES =
  "run.created run.status run.lease run.queue run.stage run.progress run.metrics run.controls run.table run.result run.artifact run.system alert command.* dataset.*".split(" ");

export interface FollowOptions extends Partial<Omit<RoomOptions, "parts" | "run" | "until">> {
  /** How many of the newest runs to begin with. */
  readonly limit?: number;
}

interface Followed {
  readonly room: Room;
  readonly list: RunList;
  readonly options: FollowOptions;
}

function follow(options: FollowOptions): Followed {
  const { at = place() } = options;
  const list = new RunList(at, options.limit);
  return { list, options, room: new Room({ type: TYPES, ...options, at, parts: [list] }) };
}

const Context = createContext<Followed | null>(null);
/** For pages without a provider: the server that the page came from. */
let own: Followed | null = null;

/** Says which server the hooks below it follow, and how. What it is given first counts. */
export function PulsetrainProvider({ children, ...options }: FollowOptions & { readonly children?: ReactNode }): ReactNode {
  const [followed] = useState(() => follow(options));
  return createElement(Context.Provider, { value: followed }, children);
}

/** Render once per frame after changes of `room`, and hold it meanwhile. */
export function useRoom(room: Room): void {
  const subscribe = useCallback(
    (draw: () => void) => {
      const release = room.hold();
      const stop = room.subscribe(draw);
      return () => {
        stop();
        release();
      };
    },
    [room],
  );
  const version = () => room.version;
  useSyncExternalStore(subscribe, version, version);
}

function useFollowed(): Followed {
  const followed = useContext(Context) ?? (own ??= follow({}));
  useRoom(followed.room);
  return followed;
}

export interface ConnectionHandlers {
  onConnected?: () => void;
  onDisconnected?: (connection: Connection) => void;
  /** What the server said at a failed attempt, or why it refuses for good. */
  onError?: (error: ApiError) => void;
}

export interface TrainingHandlers extends ConnectionHandlers {
  /** A run has changed: its folded state, and the event that changed it. */
  onJobUpdate?: (run: Run, event: Event) => void;
  onJobCreated?: (run: Run) => void;
  onDatasetUpdate?: (dataset: Dataset, action: "created" | "updated" | "deleted") => void;
}

export interface Dataset {
  readonly id: string;
  readonly name?: string;
  readonly size?: number;
  readonly rows?: number | null;
  readonly columns?: number | null;
}

export interface TrainingStream {
  readonly isConnected: boolean;
  /** Failed attempts in a row; 0 while connected. */
  readonly reconnectAttempts: number;
  readonly connection: Connection;
  /** What the events come over, while connected. */
  readonly transport: Transport | null;
  /** The first snapshot is not there yet. */
  readonly isLoading: boolean;
  readonly retryNow: () => void;
}

/** How `room` stands; tells `handlers` of its connection, and `onEvent` of each event. */
function useStanding(room: Room, handlers: ConnectionHandlers, onEvent: (event: Event) => void): TrainingStream {
  const given = { ...handlers, onEvent };
  const latest = useRef(given);
  useEffect(() => {
    latest.current = given;
  });
  useEffect(() => {
    let connected = false;
    const onConnection = (connection: Connection) => {
      const { onConnected, onDisconnected, onError } = latest.current;
      const { state, error } = connection as { state: string; error?: ApiError | null };
      const was = connected;
      connected = state === "live";
      if (connected !== was) (connected ? onConnected : onDisconnected)?.(connection);
      if (error) onError?.(error);
    };
    onConnection(room.connection);
    return room.listen({ onConnection, onEvent: (event) => latest.current.onEvent(event) });
  }, [room]);
  const { connection } = room;
  const { state, attempt = 0, transport = null } = connection as { state: string; attempt?: number; transport?: Transport };
  return {
    isConnected: state === "live",
    reconnectAttempts: attempt,
    connection,
    transport,
    isLoading: !room.loaded,
    retryNow: room.retryNow,
  };
}

/** Be told of what happens from now on, each event once and in order. What went before is in `useRuns()`. */
export function useTrainingStream(handlers: TrainingHandlers = {}): TrainingStream {
  const { room, list } = useFollowed();
  return useStanding(room, handlers, (event) => {
    const run = event.run && list.find(event.run);
    if (event.type.startsWith("dataset.")) {
      handlers.onDatasetUpdate?.(event.data as unknown as Dataset, event.type.slice(8) as "created" | "updated" | "deleted");
    } else if (run) {
      if (event.type === "run.created") handlers.onJobCreated?.(run);
      else handlers.onJobUpdate?.(run, event);
    }
  });
}

export interface EventsOptions extends ConnectionHandlers, Partial<Pick<RoomOptions, "at" | "run" | "type" | "sources">> {
  onEvent?: (event: Event) => void;
}

/**
 * Be told of events as they are, from now on, over a stream of this component's own. Nothing is kept of them, so that a
 * page with this hook alone carries no fold. Server and sources are the provider's, unless `options` say others.
 */
export function useEvents(options: EventsOptions): TrainingStream {
  const provided = useContext(Context)?.options;
  const { run, type } = options;
  const given = useRef(options);
  const filter = JSON.stringify({ run, type });
  const room = useMemo(() => {
    const { at = place(), sources } = { ...provided, ...given.current };
    const now: Part = {
      load: async (signal) => (await get<{ cursor: string }>(at, "/api/runs?limit=1", signal)).cursor,
      apply: () => undefined,
    };
    const { run, type } = JSON.parse(filter) as EventsOptions;
    return new Room({ at, run, type, ...(sources && { sources }), parts: [now] });
  }, [provided, filter]);
  useRoom(room);
  return useStanding(room, options, (event) => options.onEvent?.(event));
}

/** The newest runs, newest first. */
export function useRuns(): readonly Run[] {
  return useFollowed().list.runs;
}

/** The run `id`, however old: undefined while that is not known, null if there is none. */
export function useRun(id: string): Run | null | undefined {
  const { room, list } = useFollowed();
  const { loaded } = room;
  useEffect(() => {
    if (loaded) void list.fetch(id).then(() => room.changed());
  }, [room, list, id, loaded]);
  return list.find(id);
}
