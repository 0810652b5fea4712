import { useId, type ReactNode } from "react";
import type { Trainer } from "../../app/queries.ts";
import { useMachine } from "../../app/queue.ts";
import { bytes, counted, label } from "../../format.ts";
import { Fold } from "./fold.tsx";
import { ACTIONS, wrongIn, wrongOf, type Plan } from "./plan.ts";

interface WhenProps {
  trainer: Trainer;
  plan: Plan;
  onPlan: (plan: Plan) => void;
}

/** When and where the run goes, and what is watched meanwhile; nobody has to open it. */
export function When({ trainer, plan, onPlan }: WhenProps): ReactNode {
  const machine = useMachine();
  const set = (change: Partial<Plan>) => onPlan({ ...plan, ...change });
  const { cores, memory_bytes: memory, gpus } = trainer.resources;
  const has = machine ? `This machine has ${counted(machine.cores, "core")} and ${bytes(machine.memory_bytes)}.` : "";
  return (
    <Fold title="When and where" urgent={wrongOf(plan) !== null} testid="when">
      <Entry plan={plan} name="priority" title="Priority" hint="0" help="Higher goes first." onText={(priority) => set({ priority })} />
      <Entry plan={plan} name="retries" title="Retries" hint="0" help="Tried again after a crash." onText={(retries) => set({ retries })} />
      <Entry plan={plan} name="cores" title="Cores" hint={String(cores)} onText={(text) => set({ cores: text })} />
      <Entry plan={plan} name="memory" title="Memory in GB" hint={memory === null ? "Any" : String(memory / 1e9)} onText={(text) => set({ memory: text })} />
      {((machine?.gpus.length ?? 0) > 0 || plan.gpus !== "") && (
        <Entry
          plan={plan}
          name="gpus"
          title="GPUs"
          hint={String(gpus)}
          help={`How many, or which: ${machine?.gpus.map(({ index, name }) => `#${index} ${name}`).join(", ") ?? ""}`}
          onText={(text) => set({ gpus: text })}
        />
      )}
      {has && <p className="faint wide">{has} A run waits until what it takes is free.</p>}
      <Watchdogs plan={plan} set={set} />
    </Fold>
  );
}

function Watchdogs({ plan, set }: { plan: Plan; set: (change: Partial<Plan>) => void }): ReactNode {
  return (
    <fieldset className="watchdogs" data-testid="watchdogs">
      <legend>Watchdogs</legend>
      <Dog plan={plan} name="nan" title="Loss is NaN or infinite" set={set} />
      <Dog plan={plan} name="stalled" title="No progress for" set={set}>
        <Small plan={plan} name="minutes" title="Minutes without progress" set={set} /> minutes
      </Dog>
      <Dog plan={plan} name="bound" title="Metric" set={set}>
        <Small plan={plan} name="metric" title="Which metric" set={set} />
        <select className="input" aria-label="Above or below" value={plan.side} onChange={(event) => set({ side: event.target.value === "below" ? "below" : "above" })}>
          <option value="above" aria-label="above">&gt;</option>
          <option value="below" aria-label="below">&lt;</option>
        </select>
        <Small plan={plan} name="value" title="Bound of the metric" set={set} />
      </Dog>
      <Dog plan={plan} name="disk" title="Disk has less than" set={set}>
        <Small plan={plan} name="free" title="Free percent of the disk" set={set} /> % free
      </Dog>
      {plan.others.length > 0 && <p className="faint">{counted(plan.others.length, "more watchdog")} of the run that this one is like.</p>}
    </fieldset>
  );
}

interface DogProps {
  plan: Plan;
  name: "nan" | "stalled" | "bound" | "disk";
  title: string;
  set: (change: Partial<Plan>) => void;
  children?: ReactNode;
}

function Dog({ plan, name, title, set, children }: DogProps): ReactNode {
  const action = plan[name];
  return (
    <div className="dog" data-off={action === "off"}>
      <span className="grow when">
        <span>{title}</span>
        {children}
      </span>
      <select
        className="input"
        aria-label={`${title}: what to do`}
        value={action}
        onChange={(event) => set({ [name]: ACTIONS.find((each) => each === event.target.value) ?? "warn" })}
        data-testid={`watchdog-${name}`}
      >
        {ACTIONS.map((each) => (
          <option key={each} value={each}>
            {label(each)}
          </option>
        ))}
      </select>
    </div>
  );
}

function Small({ plan, name, title, set }: { plan: Plan; name: "minutes" | "metric" | "value" | "free"; title: string; set: DogProps["set"] }): ReactNode {
  const wrong = wrongIn(plan, name);
  return (
    <input
      className={name === "metric" ? "input metric" : "input"}
      aria-label={title}
      aria-invalid={wrong !== null}
      title={wrong ?? title}
      placeholder={name === "metric" ? "name" : name === "value" ? "1.0" : ""}
      inputMode={name === "metric" ? "text" : "decimal"}
      autoComplete="off"
      value={plan[name]}
      onChange={(event) => set({ [name]: event.target.value })}
    />
  );
}

interface EntryProps {
  plan: Plan;
  name: "priority" | "cores" | "memory" | "gpus" | "retries";
  title: string;
  hint: string;
  help?: string;
  onText: (text: string) => void;
}

function Entry({ plan, name, title, hint, help = "", onText }: EntryProps): ReactNode {
  const id = useId();
  const wrong = wrongIn(plan, name);
  return (
    <div className="field short">
      <label htmlFor={id}>{title}</label>
      <input
        id={id}
        className="input"
        inputMode={name === "gpus" ? "text" : "decimal"}
        autoComplete="off"
        placeholder={hint}
        aria-invalid={wrong !== null}
        aria-describedby={`${id}-help`}
        value={plan[name]}
        onChange={(event) => onText(event.target.value)}
        data-testid={`when-${name}`}
      />
      <p id={`${id}-help`} className={wrong ? "wrong" : "faint"} role={wrong ? "alert" : undefined}>
        {wrong ?? help}
      </p>
    </div>
  );
}
