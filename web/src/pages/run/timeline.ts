/** What happened to a run beside its numbers: the part that follows it, and how it reads. */
import { get, type Event, type Part, type Place } from "pulsetrain";
import { counted } from "../../format.ts";

export type EntryKind = "state" | "stage" | "command" | "note" | "alert" | "file";

export interface Entry {
  /** The event's seq: entries are told apart and put in order by it. */
  readonly seq: number;
  readonly kind: EntryKind;
  readonly text: string;
  /** What stands below it: how, or why not. */
  readonly detail: string;
  readonly by: string | null;
  /** Event time. */
  readonly time: string;
  /** The last step that was logged when it took effect, where that was told. */
  readonly step: number | null;
  readonly tone: "" | "ok" | "warn" | "danger";
}

/** What came of a command that somebody gave. */
export interface Answer {
  readonly applied: boolean;
  readonly step: number | null;
  readonly reason: string;
}

/** The run's timeline: read once, then kept as new as the log. */
export class TimelinePart implements Part {
  events: readonly Event[] = [];

  constructor(
    readonly at: Place,
    readonly id: string,
  ) {}

  async load(signal: AbortSignal): Promise<string> {
    const answer = await get<{ cursor: string; events: Event[] }>(this.at, `/api/runs/${this.id}/timeline`, signal);
    this.events = answer.events;
    return answer.cursor;
  }

  apply(event: Event): void {
    if (event.type in READ) this.events = [...this.events, event];
  }

  /** The answer to the command `id`; null while it waits for one. */
  answer(id: string): Answer | null {
    const found = this.events.findLast((event) => event.data["id"] === id && event.type !== "command.requested");
    if (!found) return null;
    const { step, reason } = found.data as { step?: number; reason?: string };
    return { applied: found.type === "command.applied", step: step ?? null, reason: reason ?? "" };
  }
}

type Data = Readonly<Record<string, unknown>>;
type Reading = Pick<Entry, "kind" | "text"> & Partial<Entry>;

const READ: Readonly<Record<string, (data: Data, asked: ReadonlyMap<unknown, Event>) => Reading | null>> = {
  "run.status": ({ state, message }) => ({ kind: "state", text: STATES[String(state)] ?? String(state), detail: textOf(message), tone: TONES[String(state)] ?? "" }),
  "run.stage": ({ name, state }) =>
    state === "running" ? { kind: "stage", text: textOf(name) } : state === "failed" ? { kind: "stage", text: `${textOf(name)} failed`, tone: "danger" } : null,
  "run.artifact": ({ name, kind }) => ({ kind: "file", text: textOf(name), detail: textOf(kind) }),
  alert: ({ severity, message, watchdog, action, step }) => ({
    kind: "alert",
    text: textOf(message),
    detail: alertDetail(watchdog, action),
    step: numberOf(step),
    tone: severity === "error" ? "danger" : severity === "warning" ? "warn" : "",
  }),
  "command.requested": () => null,
  "command.applied": (data, asked) => ({ ...commandOf(data, asked), step: numberOf(data["step"]) }),
  "command.rejected": (data, asked) => {
    const read = commandOf(data, asked);
    return { ...read, text: `${read.text}: refused`, detail: textOf(data["reason"]), tone: "warn" };
  },
};

const STATES: Readonly<Record<string, string>> = { queued: "Queued", starting: "Starting", running: "Running", paused: "Paused", succeeded: "Succeeded", failed: "Failed", stopped: "Stopped", lost: "Lost" };
const TONES: Readonly<Record<string, Entry["tone"]>> = { succeeded: "ok", failed: "danger", lost: "danger", paused: "warn" };
const COMMANDS: Readonly<Record<string, string>> = { stop: "Stop", pause: "Pause", resume: "Resume", checkpoint: "Checkpoint", evaluate: "Evaluate", sample: "Sample" };

/** What a command is called that is not `set` or `note`. */
export function commandName(command: string): string {
  return COMMANDS[command] ?? command;
}

function commandOf(data: Data, asked: ReadonlyMap<unknown, Event>): Reading {
  const request = asked.get(data["id"])?.data;
  const given = (request?.["arguments"] ?? {}) as Data;
  const details = (data["details"] ?? {}) as Data;
  const by = typeof request?.["by"] === "string" ? request["by"] : null;
  const command = String(data["command"]);
  if (command === "note") return { kind: "note", text: textOf(given["text"] ?? details["text"]), by };
  if (command === "set") {
    const name = textOf(details["name"] ?? given["name"]);
    const [before, after] = [details["previous"], details["value"] ?? given["value"]];
    return { kind: "command", text: before === undefined ? `${name} → ${valueText(after)}` : `${name} ${valueText(before)} → ${valueText(after)}`, by };
  }
  return { kind: "command", text: commandName(command), detail: command === "pause" ? howText(data["how"]) : "", by };
}

function howText(how: unknown): string {
  if (how === "SIGSTOP") return "where it was";
  return how === "safe point" ? "at a safe point" : textOf(how);
}

function alertDetail(watchdog: unknown, action: unknown): string {
  const did = action === "stop" ? "it stopped the run" : action === "pause" ? "it paused the run" : "";
  return [typeof watchdog === "string" ? `Watchdog “${watchdog}”` : "", did].filter(Boolean).join(": ");
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** A control's value as people read it. */
export function valueText(value: unknown): string {
  if (typeof value === "number") return String(Number(value.toPrecision(6)));
  if (typeof value === "boolean") return value ? "on" : "off";
  return textOf(value);
}

/** The timeline as people read it, oldest first: a command and its answer are one entry. */
export function entriesOf(events: readonly Event[]): Entry[] {
  const asked = new Map(events.filter(({ type }) => type === "command.requested").map((event) => [event.data["id"], event]));
  return events.flatMap((event): Entry[] => {
    const read = READ[event.type]?.(event.data, asked);
    return read ? [{ seq: event.seq, time: event.time, detail: "", by: null, step: null, tone: "", ...read }] : [];
  });
}

/** Of an entry, what a chart says at its mark. */
export function markText({ kind, text, by, step, detail }: Entry): string {
  const head = kind === "note" ? `“${text}”` : kind === "stage" ? `Stage ${text}` : text;
  const after = step === null ? "" : `after step ${step.toLocaleString("en-US")}`;
  return [head.replace(/\.$/, ""), after, by ? `by ${by}` : "", kind === "file" ? "" : detail].filter(Boolean).join(" · ");
}

/** What is marked on charts: what somebody did, what watchdogs saw, where stages begin, and checkpoints. */
export function isMarked({ kind, detail }: Entry): boolean {
  return kind === "command" || kind === "note" || kind === "alert" || kind === "stage" || (kind === "file" && detail === "checkpoint");
}

/** How many entries there are beside those shown. */
export function moreText(more: number): string {
  return `Show ${counted(more, "earlier entry", "earlier entries")}`;
}
