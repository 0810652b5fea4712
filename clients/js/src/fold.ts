/**
 * The fold: `(state, event) → state`, the same rules as `pulsetrain.model.fold`.
 * `protocol/fixtures/fold.json` checks both. Pure: what changed is a new object, the rest is shared.
 */
import type { Alert, Artifact, Event, LogLine, Metric, MetricsData, Num, Progress, Run, RunState, Stage, SystemSample, Table } from "./types.ts";

const MOVES: Readonly<Record<RunState, readonly RunState[]>> = {
  queued: ["starting", "running", "failed", "stopped", "lost"],
  starting: ["running", "paused", "succeeded", "failed", "stopped", "lost"],
  running: ["paused", "succeeded", "failed", "stopped", "lost"],
  paused: ["running", "succeeded", "failed", "stopped", "lost"],
  // Lost means silent, not dead: data that returns heals it.
  lost: ["running", "paused", "succeeded", "failed", "stopped"],
  succeeded: [],
  failed: [],
  stopped: [],
};

/** Whether a run in state `old` may go to state `next`. Staying is not a move. */
export function mayMove(old: RunState, next: RunState): boolean {
  return MOVES[old].includes(next);
}

/** Whether nothing overwrites this state any more. */
export function isFinal(state: RunState): boolean {
  return MOVES[state].length === 0;
}

/** Whether a run in this state may still do something by itself. */
export function isActive(state: RunState): boolean {
  return !isFinal(state) && state !== "lost";
}

type Draft = { -readonly [K in keyof Run]: Run[K] };
type Rule = (run: Draft, event: Event) => void;

/** `run` after `event`. An event of another run, or one that was folded before, changes nothing. */
export function fold(run: Run | null, event: Event): Run | null {
  if (event.type === "run.created") return run ?? created(event);
  if (run === null || event.run !== run.id || event.seq <= run.last_seq) return run;
  const next: Draft = { ...run, last_seq: event.seq, updated_at: event.time };
  RULES[event.type]?.(next, event);
  return next;
}

const read = <T>(event: Event): T => event.data as T;

function created(event: Event): Run {
  const data = read<Omit<Partial<Run>, "stages"> & { name: string; stages?: string[] | null }>(event);
  return {
    id: event.run!,
    name: data.name,
    created_at: event.time,
    updated_at: event.time,
    first_seq: event.seq,
    last_seq: event.seq,
    project: data.project ?? null,
    trainer: data.trainer ?? null,
    command: data.command ?? null,
    dataset: data.dataset ?? null,
    parameters: data.parameters ?? {},
    tags: data.tags ?? [],
    by: data.by ?? null,
    resume_from: data.resume_from ?? null,
    retry_of: data.retry_of ?? null,
    cloned_from: data.cloned_from ?? null,
    retries: data.retries ?? 0,
    priority: data.priority ?? 0,
    order: null,
    resources: data.resources ?? null,
    watchdogs: data.watchdogs ?? [],
    dataset_digest: data.dataset_digest ?? null,
    state: "queued",
    message: null,
    return_code: null,
    signal: null,
    ended_by: null,
    processes_left: null,
    responsive: true,
    last_seen: null,
    started_at: null,
    ended_at: null,
    stages: (data.stages ?? []).map((name) => ({ name, state: "pending", started_at: null, ended_at: null })),
    stage: null,
    progress: null,
    metrics: {},
    system: null,
    artifacts: [],
    results: { passed: 0, failed: 0, unknown: 0 },
    commands: [],
    controls: [],
    actions: [],
    tables: {},
    alerts: [],
    log_lines: 0,
    errors: 0,
    last_error: null,
  };
}

const status: Rule = (run, event) => {
  const data = read<Pick<Run, "state"> & Partial<Run>>(event);
  const state = data.state;
  if (state !== run.state && !mayMove(run.state, state)) return;
  if (state === "running") run.started_at ??= event.time;
  run.state = state;
  run.message = data.message ?? null;
  if (!isFinal(state) && state !== "lost") {
    run.ended_at = null;
    return;
  }
  run.ended_at = event.time;
  run.return_code = data.return_code ?? null;
  run.signal = data.signal ?? null;
  run.ended_by = data.ended_by ?? null;
  run.processes_left = data.processes_left ?? null;
  if (isFinal(state)) {
    run.responsive = true;
    run.commands = [];
    run.stages = run.stages.map((stage) => (stage.state === "running" ? ended(stage, state, event.time) : stage));
  }
};

function ended(stage: Stage, state: RunState, time: string): Stage {
  return { ...stage, state: state === "succeeded" ? "done" : (state as "failed" | "stopped"), ended_at: time };
}

const lease: Rule = (run, event) => {
  const data = read<{ held: boolean; last_seen?: number | null }>(event);
  run.responsive = Boolean(data.held);
  run.last_seen = data.last_seen ?? null;
};

const stage: Rule = (run, event) => {
  const { name, state = "running" } = read<{ name: string; state?: Stage["state"] }>(event);
  const running = state === "running";
  const known = run.stages.find((each) => each.name === name) ?? { name, state, started_at: null, ended_at: null };
  const next: Stage = {
    name,
    state,
    started_at: known.started_at ?? event.time,
    ended_at: running ? null : event.time,
  };
  const others = run.stages.includes(known) ? run.stages : [...run.stages, known];
  run.stages = others.map((each) => {
    if (each === known) return next;
    return running && each.state === "running" ? { ...each, state: "done", ended_at: event.time } : each;
  });
  if (running) run.stage = name;
};

const progress: Rule = (run, event) => {
  const data = read<Partial<Progress>>(event);
  run.progress = {
    percent: data.percent ?? null,
    epoch: data.epoch ?? null,
    epochs: data.epochs ?? null,
    step: data.step ?? null,
    steps: data.steps ?? null,
    rate: data.rate ?? null,
    unit: data.unit ?? null,
    eta_seconds: data.eta_seconds ?? null,
    queue_position: data.queue_position ?? null,
    start_seconds: data.start_seconds ?? null,
    time: event.time,
  };
};

const metrics: Rule = (run, event) => {
  const { step, time, values } = read<MetricsData>(event);
  const all: Record<string, Metric> = { ...run.metrics };
  for (const [key, column] of Object.entries(values)) {
    let metric: { -readonly [K in keyof Metric]: Metric[K] } | null = all[key] ? { ...all[key] } : null;
    column.forEach((value, row) => {
      if (value === null) return;
      metric ??= { last: value, step: null, time: 0, min: null, max: null, count: 0 };
      metric.last = value;
      metric.step = step[row] ?? null;
      metric.time = time[row]!;
      metric.count += 1;
      if (typeof value === "number") {
        metric.min = metric.min === null ? value : Math.min(metric.min, value);
        metric.max = metric.max === null ? value : Math.max(metric.max, value);
      }
    });
    if (metric) all[key] = metric;
  }
  run.metrics = all;
};

const log: Rule = (run, event) => {
  for (const line of read<{ lines: readonly LogLine[] }>(event).lines) {
    run.log_lines += 1;
    if (line.level === "error") {
      run.errors += 1;
      run.last_error = line.text;
    }
  }
};

const result: Rule = (run, event) => {
  const { success } = read<{ success?: boolean | null }>(event);
  const key = success === true ? "passed" : success === false ? "failed" : "unknown";
  run.results = { ...run.results, [key]: run.results[key] + 1 };
};

const artifact: Rule = (run, event) => {
  const { name, kind, size, digest } = read<Artifact>(event);
  const next = { name, kind, size, digest };
  run.artifacts = run.artifacts.some((each) => each.name === name)
    ? run.artifacts.map((each) => (each.name === name ? next : each))
    : [...run.artifacts, next];
};

const system: Rule = (run, event) => {
  run.system = read<SystemSample>(event);
};

const queue: Rule = (run, event) => {
  const data = read<Pick<Run, "priority"> & Partial<Run>>(event);
  run.priority = data.priority;
  run.order = data.order ?? null;
};

const controls: Rule = (run, event) => {
  const data = read<Pick<Run, "controls"> & Partial<Run>>(event);
  run.controls = data.controls.map((each) => ({ ...NO_BOUNDS, ...each }));
  run.actions = data.actions ?? [];
};

const NO_BOUNDS = { type: "number", minimum: null, maximum: null, choices: null, help: null } as const;

const table: Rule = (run, event) => {
  const { name, columns, rows } = read<Pick<Table, "columns" | "rows"> & { name: string }>(event);
  run.tables = { ...run.tables, [name]: { columns, rows, time: event.time } };
};

const alert: Rule = (run, event) => {
  const next = { watchdog: null, action: null, step: null, ...read<Partial<Alert> & Pick<Alert, "severity" | "message">>(event), time: event.time };
  run.alerts = [...run.alerts.slice(-19), next];
};

const requested: Rule = (run, event) => {
  const data = read<{ id: string; command: string; arguments?: Record<string, unknown>; by?: string | null }>(event);
  const { id, command, arguments: given, by } = data;
  run.commands = [...run.commands, { id, command, arguments: given ?? {}, by: by ?? null, requested_at: event.time }];
};

const answered: Rule = (run, event) => {
  const { id } = read<{ id: string }>(event);
  run.commands = run.commands.filter((command) => command.id !== id);
};

const RULES: Readonly<Record<string, Rule>> = {
  "run.status": status,
  "run.lease": lease,
  "run.stage": stage,
  "run.progress": progress,
  "run.metrics": metrics,
  "run.log": log,
  "run.result": result,
  "run.artifact": artifact,
  "run.system": system,
  "run.queue": queue,
  "run.controls": controls,
  "run.table": table,
  alert,
  "command.requested": requested,
  "command.applied": answered,
  "command.rejected": answered,
};

/** The state that `events` fold into, or null if none of them creates it. */
export function foldAll(events: readonly Event[]): Run | null {
  return events.reduce<Run | null>(fold, null);
}

/** Whether `value` is one of the numbers that JSON lacks. */
export function isNonFinite(value: Num): boolean {
  return typeof value === "string";
}
