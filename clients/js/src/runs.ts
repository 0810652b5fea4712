/** The parts that rooms are made of: the list of runs, one run, its series, its log. */
import { formatCursor, parseCursor } from "./cursor.ts";
import { fold } from "./fold.ts";
import { ApiError, get, type Place } from "./http.ts";
import type { Part } from "./room.ts";
import { Column } from "./series.ts";
import { replay } from "./replay.ts";
import type { Event, LogLine, MetricsData, Run, Series, SystemSample } from "./types.ts";

/** The newest runs, newest first, and older ones on request. */
export class RunList implements Part {
  runs: readonly Run[] = [];
  total = 0;
  /** Runs beside the newest; null where the server knows none, undefined while it is asked. */
  readonly #others = new Map<string, Run | null | undefined>();
  /** What came for a run while it was fetched. */
  readonly #meanwhile = new Map<string, Event[]>();

  constructor(
    readonly at: Place,
    readonly limit = 200,
  ) {}

  async load(signal: AbortSignal): Promise<string> {
    const path = `/api/runs?limit=${this.limit}`;
    const answer = await get<{ cursor: string; runs: Run[]; total: number }>(this.at, path, signal);
    this.runs = answer.runs;
    this.total = answer.total;
    const others = [...this.#others.keys()];
    this.#others.clear();
    await Promise.all(others.map((id) => this.fetch(id, signal)));
    return answer.cursor;
  }

  /** The run `id`: undefined if it is not among those known, null if there is no such run. */
  find(id: string): Run | null | undefined {
    return this.runs.find((run) => run.id === id) ?? this.#others.get(id);
  }

  /** Know the run `id` from now on, if need be by asking the server. */
  async fetch(id: string, signal?: AbortSignal): Promise<void> {
    if (this.#others.has(id) || this.find(id)) return;
    this.#others.set(id, undefined);
    const meanwhile: Event[] = [];
    this.#meanwhile.set(id, meanwhile);
    try {
      const { run } = await get<{ run: Run }>(this.at, `/api/runs/${encodeURIComponent(id)}`, signal);
      // The snapshot may be older than what came while it was on its way; what it has already, the fold drops.
      this.#others.set(id, meanwhile.reduce<Run | null>(fold, run));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.#others.set(id, null);
      else this.#others.delete(id);
    } finally {
      this.#meanwhile.delete(id);
    }
  }

  apply(event: Event): void {
    const id = event.run;
    if (id === null) return;
    this.#meanwhile.get(id)?.push(event);
    const index = this.runs.findIndex((run) => run.id === id);
    const known = this.runs[index] ?? this.#others.get(id) ?? null;
    const next = fold(known, event);
    if (next === null || next === known) return;
    if (index >= 0) {
      this.runs = this.runs.map((run, at) => (at === index ? next : run));
    } else if (known !== null) {
      this.#others.set(id, next);
    } else {
      this.runs = [next, ...this.runs];
      this.total += 1;
      this.#others.delete(id);
    }
  }
}

/** One run, folded. */
export class RunState implements Part {
  run: Run | null = null;
  /** Event time of the newest sign of work: anything but a sample of the machine or a heartbeat. */
  workedAt: string | null = null;

  constructor(
    readonly at: Place,
    readonly id: string,
  ) {}

  async load(signal: AbortSignal): Promise<string> {
    const answer = await get<{ cursor: string; run: Run }>(this.at, `/api/runs/${this.id}`, signal);
    this.run = answer.run;
    this.workedAt = answer.run.progress?.time ?? answer.run.started_at;
    return answer.cursor;
  }

  apply(event: Event): void {
    this.run = fold(this.run, event);
    if (event.type !== "run.system" && event.type !== "run.lease") this.workedAt = event.time;
  }
}

/** All points of a run, one `Column` for each metric. */
export class SeriesPart implements Part {
  readonly columns = new Map<string, Column>();

  constructor(
    readonly at: Place,
    readonly id: string,
  ) {}

  async load(signal: AbortSignal): Promise<string> {
    const path = `/api/runs/${this.id}/series`;
    const answer = await get<{ cursor: string; series: Record<string, Series> }>(this.at, path, signal);
    this.columns.clear();
    for (const [key, series] of Object.entries(answer.series)) this.columns.set(key, Column.from(series));
    return answer.cursor;
  }

  apply(event: Event): void {
    if (event.type !== "run.metrics") return;
    const { step, time, values } = event.data as unknown as MetricsData;
    for (const [key, column] of Object.entries(values)) {
      column.forEach((value, row) => {
        if (value !== null) this.#column(key).append(step[row] ?? null, time[row]!, value);
      });
    }
  }

  #column(key: string): Column {
    let column = this.columns.get(key);
    if (!column) this.columns.set(key, (column = new Column()));
    return column;
  }
}

export interface SeqLine extends LogLine {
  readonly seq: number;
}

/** The newest lines of a run's log; older ones on request. */
export class LogPart implements Part {
  /** Oldest first. Grows in place; `version` tells of changes. */
  lines: SeqLine[] = [];
  version = 0;
  /** Where older lines are read from; null when there are none. */
  before: number | null = null;

  constructor(
    readonly at: Place,
    readonly id: string,
    readonly limit = 1000,
  ) {}

  async load(signal: AbortSignal): Promise<string> {
    const answer = await this.#page(`limit=${this.limit}`, signal);
    this.lines = answer.lines;
    this.before = answer.before;
    this.version += 1;
    return answer.cursor;
  }

  /** Read one page of older lines, if there are any. Answers how many came. */
  async older(signal?: AbortSignal): Promise<number> {
    if (this.before === null) return 0;
    const from = this.before;
    const answer = await this.#page(`limit=${this.limit}&before=${from}`, signal);
    if (this.before !== from) return 0;
    this.lines = [...answer.lines, ...this.lines];
    this.before = answer.before;
    this.version += 1;
    return answer.lines.length;
  }

  apply(event: Event): void {
    if (event.type !== "run.log") return;
    for (const line of (event.data as { lines: LogLine[] }).lines) this.lines.push({ ...line, seq: event.seq });
    this.version += 1;
  }

  #page(query: string, signal?: AbortSignal): Promise<{ cursor: string; lines: SeqLine[]; before: number | null }> {
    return get(this.at, `/api/runs/${this.id}/logs?${query}`, signal);
  }
}

export interface TimedSample extends SystemSample {
  readonly seq: number;
  /** Unix seconds. */
  readonly time: number;
}

/** The samples of a run's process tree. The past is replayed from the log beside the live ones. */
export class SystemPart implements Part {
  /** Oldest first. */
  samples: TimedSample[] = [];

  /** `onReplayed` is called when the past has been filled in. */
  constructor(
    readonly at: Place,
    readonly id: string,
    readonly onReplayed: () => void = () => undefined,
  ) {}

  async load(signal: AbortSignal): Promise<string> {
    const { cursor: text, run } = await get<{ cursor: string; run: Run }>(this.at, `/api/runs/${this.id}`, signal);
    this.samples = [];
    const cursor = parseCursor(text);
    if (cursor) void this.#past({ generation: cursor.generation, seq: run.first_seq }, cursor.seq, signal);
    return text;
  }

  apply(event: Event): void {
    if (event.type === "run.system") this.samples.push(sample(event));
  }

  async #past(from: { generation: string; seq: number }, upto: number, signal: AbortSignal): Promise<void> {
    const past: TimedSample[] = [];
    const onEvent = (event: Event) => void (event.seq <= upto && past.push(sample(event)));
    await replay({ at: this.at, run: [this.id], type: ["run.system"], cursor: formatCursor(from), onEvent, signal });
    if (signal.aborted) return;
    this.samples = [...past, ...this.samples];
    this.onReplayed();
  }
}

function sample(event: Event): TimedSample {
  return { ...(event.data as unknown as SystemSample), seq: event.seq, time: Date.parse(event.time) / 1000 };
}
