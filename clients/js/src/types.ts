/** The protocol's forms (protocol/PROTOCOL.md §§2–4). Unknown keys are ignored; `null` means *no value*. */

/** A number, or the name of one that JSON lacks. */
export type Num = number | "NaN" | "Infinity" | "-Infinity";

export interface Event<D = Record<string, unknown>> {
  readonly seq: number;
  readonly run: string | null;
  readonly type: string;
  /** ISO 8601 UTC with microseconds. */
  readonly time: string;
  readonly data: D;
}

export type RunState = "queued" | "starting" | "running" | "paused" | "succeeded" | "failed" | "stopped" | "lost";
export type StageState = "pending" | "running" | "done" | "failed" | "stopped" | "lost";
export type Level = "debug" | "info" | "warning" | "error";

export interface Stage {
  readonly name: string;
  readonly state: StageState;
  readonly started_at: string | null;
  readonly ended_at: string | null;
}

export interface Progress {
  /** Share of the whole run that is done, 0–100. */
  readonly percent: number | null;
  readonly epoch: number | null;
  readonly epochs: number | null;
  readonly step: number | null;
  readonly steps: number | null;
  /** `unit`s per second. */
  readonly rate: number | null;
  readonly unit: string | null;
  readonly eta_seconds: number | null;
  /** Of a run that waits: its place in the queue from 1, and about how long until it starts. */
  readonly queue_position: number | null;
  readonly start_seconds: number | null;
  readonly time: string | null;
}

export interface Metric {
  readonly last: Num;
  readonly step: number | null;
  /** Unix seconds. */
  readonly time: number;
  /** Of the finite values; null until there is one. */
  readonly min: number | null;
  readonly max: number | null;
  readonly count: number;
}

export interface Gpu {
  readonly index: number;
  readonly name: string;
  readonly utilization_percent: number | null;
  readonly memory_bytes: number | null;
  readonly memory_total_bytes: number | null;
  readonly temperature_celsius: number | null;
}

export interface SystemSample {
  /** 100 = one core. */
  readonly cpu_percent: number | null;
  readonly memory_bytes: number | null;
  readonly processes: number | null;
  readonly threads: number | null;
  readonly gpu: readonly Gpu[];
}

export interface Artifact {
  readonly name: string;
  readonly kind: string;
  readonly size: number;
  readonly digest: string;
}

export interface PendingCommand {
  readonly id: string;
  readonly command: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly by: string | null;
  readonly requested_at: string;
}

/** What a run takes of a machine while it runs. */
export interface Resources {
  readonly cores: number;
  readonly memory_bytes: number | null;
  /** How many, where it does not matter which. */
  readonly gpus: number;
  readonly gpu_indices: readonly number[] | null;
}

/** A value that the run offers to be steered by. */
export interface Control {
  readonly name: string;
  readonly value: number | string | boolean | null;
  readonly type: "number" | "integer" | "string" | "boolean";
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly choices: readonly (number | string | boolean)[] | null;
  readonly help: string | null;
}

export type Cell = string | number | boolean | null;

/** The newest table of its name that the run has shown. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly time: string;
}

export interface Alert {
  readonly severity: "info" | "warning" | "error";
  readonly message: string;
  readonly time: string;
  readonly watchdog: string | null;
  readonly action: "warn" | "pause" | "stop" | null;
  readonly step: number | null;
}

/** The folded state of one run. */
export interface Run {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly project: string | null;
  readonly trainer: string | null;
  readonly command: readonly string[] | null;
  readonly dataset: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly tags: readonly string[];
  readonly by: string | null;
  readonly resume_from: string | null;
  readonly retry_of: string | null;
  readonly cloned_from: string | null;
  /** How often it is tried again from its last checkpoint when it fails. */
  readonly retries: number;
  readonly priority: number;
  readonly order: number | null;
  readonly resources: Resources | null;
  readonly watchdogs: readonly Readonly<Record<string, unknown>>[];
  readonly dataset_digest: string | null;
  readonly state: RunState;
  readonly message: string | null;
  readonly return_code: number | null;
  readonly signal: string | null;
  readonly ended_by: string | null;
  readonly processes_left: number | null;
  readonly responsive: boolean;
  readonly last_seen: number | null;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly stages: readonly Stage[];
  readonly stage: string | null;
  readonly progress: Progress | null;
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly system: SystemSample | null;
  readonly artifacts: readonly Artifact[];
  readonly results: { readonly passed: number; readonly failed: number; readonly unknown: number };
  readonly commands: readonly PendingCommand[];
  readonly controls: readonly Control[];
  readonly actions: readonly string[];
  readonly tables: Readonly<Record<string, Table>>;
  readonly alerts: readonly Alert[];
  readonly log_lines: number;
  readonly errors: number;
  readonly last_error: string | null;
}

export interface LogLine {
  readonly stream: "stdout" | "stderr" | "pulsetrain";
  readonly text: string;
  /** Unix seconds. */
  readonly time: number;
  readonly level: Level | null;
  /** Which of many processes printed it, where that is known. */
  readonly rank?: number | null;
}

export interface MetricsData {
  readonly step: readonly (number | null)[];
  readonly time: readonly number[];
  readonly values: Readonly<Record<string, readonly (Num | null)[]>>;
}

/** One series of a run, column by column. */
export interface Series {
  readonly step: readonly (number | null)[];
  readonly time: readonly number[];
  readonly value: readonly Num[];
}

/** `value` as a float: the names of NaN and the infinities become what they name. */
export function toFloat(value: Num): number {
  return typeof value === "number" ? value : Number(value);
}
