/** When and where a run goes, and what is watched: as a form holds it, and as the server takes it. Pure. */
import type { Resources } from "pulsetrain";

export const ACTIONS = ["off", "warn", "pause", "stop"] as const;
export type Action = (typeof ACTIONS)[number];

export type Watchdog = Readonly<Record<string, unknown>>;

/** Texts as they were typed; "" where the server's own choice holds. */
export interface Plan {
  readonly priority: string;
  readonly cores: string;
  readonly memory: string;
  readonly gpus: string;
  readonly retries: string;
  readonly nan: Action;
  readonly stalled: Action;
  readonly minutes: string;
  readonly bound: Action;
  readonly metric: string;
  readonly side: "above" | "below";
  readonly value: string;
  readonly disk: Action;
  readonly free: string;
  /** Watchdogs of a run that is cloned for which the form has no field. */
  readonly others: readonly Watchdog[];
}

export const PLAN: Plan = {
  priority: "",
  cores: "",
  memory: "",
  gpus: "",
  retries: "",
  nan: "warn",
  stalled: "off",
  minutes: "15",
  bound: "off",
  metric: "",
  side: "above",
  value: "",
  disk: "warn",
  free: "5",
  others: [],
};

const GB = 1e9;
const WATCHED = ["nan", "stalled", "bound", "metric", "side", "minutes", "value", "disk", "free", "others"] as const;

interface Rule {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly whole?: boolean;
}

const RULES: Readonly<Partial<Record<keyof Plan, Rule>>> = {
  priority: { name: "Priority", low: -100, high: 100, whole: true },
  cores: { name: "Cores", low: 0.01, high: 4096 },
  memory: { name: "Memory", low: 0, high: 1e6 },
  retries: { name: "Retries", low: 0, high: 100, whole: true },
};

/** What is wrong with the text in `key`, or null. */
export function wrongIn(plan: Plan, key: keyof Plan): string | null {
  const text = String(plan[key]).trim();
  const rule = RULES[key];
  if (rule && text !== "") {
    const value = Number(text);
    const fits = Number.isFinite(value) && value >= rule.low && value <= rule.high && (!rule.whole || Number.isInteger(value));
    return fits ? null : `${rule.whole ? "A whole number from" : "From"} ${rule.low} to ${rule.high.toLocaleString("en-US")}`;
  }
  if (key === "gpus" && text !== "" && gpusOf(text) === null) return "How many, or which: “2”, or “#0, #1”";
  if (key === "minutes" && plan.stalled !== "off") return Number(text) > 0 && Number(text) <= 10_080 ? null : "Minutes, a week at most";
  if (key === "free" && plan.disk !== "off") return Number(text) > 0 && Number(text) < 100 ? null : "A percentage";
  if (key === "metric" && plan.bound !== "off") return text === "" ? "Which metric?" : null;
  if (key === "value" && plan.bound !== "off") return text !== "" && Number.isFinite(Number(text)) ? null : "A number";
  return null;
}

/** The first field that is not right. */
export function wrongOf(plan: Plan): keyof Plan | null {
  return (Object.keys(plan) as (keyof Plan)[]).find((key) => wrongIn(plan, key) !== null) ?? null;
}

/** "2" is how many, "#0, #1" is which. */
function gpusOf(text: string): Pick<Resources, "gpus" | "gpu_indices"> | null {
  if (/^\d+$/.test(text)) return { gpus: Number(text), gpu_indices: null };
  if (!/^#\d+(\s*,\s*#\d+)*$/.test(text)) return null;
  const named = text.split(",").map((each) => Number(each.trim().slice(1)));
  return new Set(named).size === named.length ? { gpus: named.length, gpu_indices: named } : null;
}

function watchdogsOf(plan: Plan): Watchdog[] {
  const dogs: Watchdog[] = [];
  if (plan.nan !== "off") dogs.push({ kind: "nan", action: plan.nan });
  if (plan.stalled !== "off") dogs.push({ kind: "stalled", action: plan.stalled, minutes: Number(plan.minutes) });
  if (plan.bound !== "off") dogs.push({ kind: "bound", action: plan.bound, metric: plan.metric.trim(), [plan.side]: Number(plan.value) });
  if (plan.disk !== "off") dogs.push({ kind: "disk", action: plan.disk, free_percent: Number(plan.free) });
  return [...dogs, ...plan.others];
}

/** What to send of `plan`: only what differs from `old`, so that defaults stay the server's. */
export function wishesOf(plan: Plan, old: Plan = PLAN): Record<string, unknown> {
  const wishes: Record<string, unknown> = {};
  const changed = (key: keyof Plan) => plan[key] !== old[key];
  if (changed("priority")) wishes["priority"] = Number(plan.priority);
  if (changed("retries")) wishes["retries"] = Number(plan.retries);
  const resources: Record<string, unknown> = {};
  if (changed("cores") && plan.cores.trim() !== "") resources["cores"] = Number(plan.cores);
  if (changed("memory") && plan.memory.trim() !== "") resources["memory_bytes"] = Math.round(Number(plan.memory) * GB);
  if (changed("gpus")) Object.assign(resources, gpusWished(plan.gpus.trim()));
  if (Object.keys(resources).length > 0) wishes["resources"] = resources;
  if (WATCHED.some(changed)) wishes["watchdogs"] = watchdogsOf(plan);
  return wishes;
}

function gpusWished(text: string): Record<string, unknown> {
  const { gpus, gpu_indices: named } = gpusOf(text) ?? { gpus: 0, gpu_indices: null };
  return named === null ? { gpus } : { gpu_indices: named };
}

export interface Planned {
  readonly priority: number;
  readonly retries: number;
  readonly resources: Resources | null;
  readonly watchdogs: readonly Watchdog[];
}

/** The plan that an earlier run went by. */
export function planOf({ priority, retries, resources, watchdogs }: Planned): Plan {
  const of = (kind: string) => watchdogs.find((dog) => dog["kind"] === kind && shown(dog));
  const action = (dog: Watchdog | undefined): Action => ACTIONS.find((each) => each === (dog ? (dog["action"] ?? "warn") : "off")) ?? "warn";
  const text = (value: unknown, otherwise: string) => (value === undefined || value === null ? otherwise : String(value));
  const [nan, stalled, bound, disk] = ["nan", "stalled", "bound", "disk"].map(of);
  const side = typeof bound?.["below"] === "number" ? "below" : "above";
  const named = resources?.gpu_indices;
  return {
    priority: priority === 0 ? "" : String(priority),
    retries: retries === 0 ? "" : String(retries),
    cores: text(resources?.cores, ""),
    memory: resources?.memory_bytes == null ? "" : String(resources.memory_bytes / GB),
    gpus: named ? named.map((index) => `#${index}`).join(", ") : resources?.gpus ? String(resources.gpus) : "",
    nan: action(nan),
    stalled: action(stalled),
    minutes: text(stalled?.["minutes"], PLAN.minutes),
    bound: action(bound),
    metric: text(bound?.["metric"], ""),
    side,
    value: text(bound?.[side], ""),
    disk: action(disk),
    free: text(disk?.["free_percent"], PLAN.free),
    others: watchdogs.filter((dog) => ![nan, stalled, bound, disk].includes(dog)),
  };
}

/** Whether the form's one row of its kind says all that the watchdog does. */
function shown(dog: Watchdog): boolean {
  if (dog["kind"] === "nan") return dog["metric"] == null;
  if (dog["kind"] === "bound") return (typeof dog["above"] === "number") !== (typeof dog["below"] === "number");
  return true;
}
