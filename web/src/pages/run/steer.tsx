import { isFinal, type Control, type Run } from "pulsetrain";
import { Check, ChevronDown, LoaderCircle, Minus, Plus, TriangleAlert } from "lucide-react";
import { useId, useState, type KeyboardEvent, type ReactNode } from "react";
import { useStale } from "../../app/connection.tsx";
import { explain } from "../../app/queries.ts";
import { count, label } from "../../format.ts";
import { useOrder, type Ordered } from "./commands.ts";
import type { OpenRun } from "./open.ts";
import { boundsText, nudged, typed } from "./steer-values.ts";
import { commandName, valueText } from "./timeline.ts";
import "./steer.css";

const NARROW = 980;

/** What a run that is under way can be asked for: other values, a checkpoint now, a note. */
export function Steer({ run, open }: { run: Run; open: OpenRun }): ReactNode {
  const [shown, setShown] = useState(() => window.innerWidth > NARROW);
  if (isFinal(run.state) || run.state === "lost") return null;
  const steers = run.controls.length > 0 || run.actions.length > 0;
  return (
    <section className="panel steer" aria-label="Steer" data-testid="steer">
      <header>
        <h2 className="grow">
          <button className="fold" aria-expanded={shown} onClick={() => setShown(!shown)} data-testid="steer-fold">
            Steer
            <span className="faint">{steers ? summary(run) : "notes only"}</span>
            <ChevronDown className="icon" aria-hidden />
          </button>
        </h2>
      </header>
      {shown && (
        <div className="body">
          {run.state !== "queued" && run.controls.map((control) => <ControlRow key={control.name} control={control} run={run} open={open} />)}
          {run.state !== "queued" && run.actions.length > 0 && <ActionRow run={run} open={open} />}
          <NoteRow run={run} open={open} />
        </div>
      )}
    </section>
  );
}

function summary(run: Run): string {
  return run.controls.map((control) => `${control.name} ${valueText(control.value)}`).join(" · ");
}

interface RowProps {
  run: Run;
  open: OpenRun;
}

function ControlRow({ control, run, open }: RowProps & { control: Control }): ReactNode {
  const id = useId();
  const stale = useStale();
  const order = useOrder(run, open.timeline);
  const [draft, setDraft] = useState<string | null>(null);
  const now = String(control.value ?? "");
  const read = typed(control, draft ?? now);
  const changed = draft !== null && draft.trim() !== now;
  const other = run.commands.find(({ command, arguments: given }) => command === "set" && given["name"] === control.name);
  const send = () => {
    if (!changed || read.value === undefined || stale) return;
    order.give({ command: "set", arguments: { name: control.name, value: read.value } });
    setDraft(null);
  };
  const back = () => {
    setDraft(null);
    order.forget();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Enter") send();
    if (event.key === "Escape") back();
    if (event.key === "Enter" || event.key === "Escape") event.preventDefault();
  };
  const asked = order.waits ? order.order?.arguments?.["value"] : other?.arguments["value"];
  const problem = changed ? read.problem : undefined;
  return (
    <div className="control" data-testid={`control-${control.name}`} onKeyDown={keys}>
      <div className="row">
        <label htmlFor={id} className="grow cut" title={control.name}>
          {label(control.name)}
        </label>
        {(changed || asked !== undefined) && <span className="now">now {valueText(control.value)}</span>}
      </div>
      <div className="row setting">
        <Field id={id} control={control} text={draft ?? now} onText={setDraft} invalid={problem !== undefined} describedBy={`${id}-told`} />
        {changed && (
          <>
            <button className="button primary small" disabled={read.value === undefined || stale} onClick={send} data-testid="apply">
              Apply
            </button>
            <button className="button quiet small" onClick={back} aria-label={`Keep ${control.name} as it is`} title="Esc">
              Esc
            </button>
          </>
        )}
      </div>
      <p id={`${id}-told`} className="told" role="status" data-testid="told">
        {problem ? (
          <span className="bad">{problem}</span>
        ) : asked !== undefined ? (
          <Waits text={`${valueText(asked)} is asked for; ${run.state === "paused" ? "the run takes it when it goes on" : "the run takes it at its next step"}`} />
        ) : order.order && !changed ? (
          <Outcome order={order} />
        ) : (
          <span className="faint">{help(control)}</span>
        )}
      </p>
    </div>
  );
}

function help(control: Control): string {
  const bounds = boundsText(control);
  return [control.help, bounds && `${bounds.charAt(0).toUpperCase()}${bounds.slice(1)}.`].filter(Boolean).join(" ");
}

interface FieldProps {
  id: string;
  control: Control;
  text: string;
  onText: (text: string) => void;
  invalid: boolean;
  describedBy: string;
}

function Field({ id, control, text, onText, invalid, describedBy }: FieldProps): ReactNode {
  if (control.choices) {
    return (
      <select id={id} className="input" value={text} onChange={(event) => onText(event.target.value)} aria-describedby={describedBy}>
        {control.choices.map((choice) => (
          <option key={String(choice)} value={String(choice)}>
            {valueText(choice)}
          </option>
        ))}
      </select>
    );
  }
  if (control.type === "boolean") {
    return (
      <label className="steer-switch grow">
        <input id={id} type="checkbox" role="switch" checked={text === "true"} onChange={(event) => onText(String(event.target.checked))} aria-describedby={describedBy} />
        <span>{text === "true" ? "on" : "off"}</span>
      </label>
    );
  }
  const input = (
    <input
      id={id}
      className="input mono"
      inputMode={control.type === "string" ? "text" : control.type === "integer" ? "numeric" : "decimal"}
      value={text}
      autoComplete="off"
      aria-invalid={invalid}
      aria-describedby={describedBy}
      onChange={(event) => onText(event.target.value)}
      onKeyDown={(event) => {
        const way = ({ ArrowUp: 1, ArrowDown: -1 } as const)[event.key];
        if (way === undefined || control.type === "string") return;
        event.preventDefault();
        nudge(way);
      }}
    />
  );
  if (control.type === "string") return input;
  const nudge = (way: 1 | -1) => {
    const from = Number(text.replace(",", "."));
    onText(String(nudged(control, Number.isFinite(from) ? from : Number(control.value ?? 0), way)));
  };
  return (
    <div className="stepper grow">
      <button className="button icon-only" onClick={() => nudge(-1)} aria-label={`Lower ${control.name}`} tabIndex={-1}>
        <Minus className="icon" aria-hidden />
      </button>
      {input}
      <button className="button icon-only" onClick={() => nudge(1)} aria-label={`Raise ${control.name}`} tabIndex={-1}>
        <Plus className="icon" aria-hidden />
      </button>
    </div>
  );
}

function Waits({ text }: { text: string }): ReactNode {
  return (
    <span className="waits">
      <LoaderCircle className="icon" aria-hidden />
      {text}
    </span>
  );
}

/** What came of an order: when it took effect, or why it did not. */
function Outcome({ order, done = "Took effect" }: { order: Ordered; done?: string }): ReactNode {
  const { answer, error } = order;
  if (error) {
    const { message, hint } = explain(error);
    return <span className="bad">{`${message} ${hint}`.trim()}</span>;
  }
  if (!answer) return null;
  if (!answer.applied) {
    return (
      <span className="bad">
        <TriangleAlert className="icon" aria-hidden />
        Refused: {answer.reason}
      </span>
    );
  }
  return (
    <span className="took">
      <Check className="icon" aria-hidden />
      {done}
      {answer.step === null ? "" : ` after step ${count(answer.step)}`}
    </span>
  );
}

function ActionRow({ run, open }: RowProps): ReactNode {
  const stale = useStale();
  const order = useOrder(run, open.timeline);
  const name = commandName(order.order?.command ?? "");
  return (
    <div className="control">
      <div className="row actions">
        {run.actions.map((action) => (
          <button
            key={action}
            className="button small"
            disabled={stale || order.waits || run.commands.some(({ command }) => command === action)}
            onClick={() => order.give({ command: action })}
            data-testid={`action-${action}`}
          >
            {commandName(action)} now
          </button>
        ))}
      </div>
      <p className="told" role="status" data-testid="action-told">
        {order.waits ? <Waits text={`${name}: ${run.state === "paused" ? "when the run goes on" : "at the next safe point"}`} /> : order.order && <Outcome order={order} done={`${name} done`} />}
      </p>
    </div>
  );
}

const MOST_CHARACTERS = 2000;

function NoteRow({ run, open }: RowProps): ReactNode {
  const stale = useStale();
  const order = useOrder(run, open.timeline);
  const [text, setText] = useState("");
  const ready = text.trim() !== "" && !stale;
  return (
    <form
      className="control"
      onSubmit={(event) => {
        event.preventDefault();
        if (!ready) return;
        order.give({ command: "note", arguments: { text } });
        setText("");
      }}
    >
      <div className="row setting">
        <input
          className="input grow"
          placeholder="A note at this step"
          aria-label="Note"
          value={text}
          maxLength={MOST_CHARACTERS}
          autoComplete="off"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === "Escape" && setText("")}
          data-testid="note"
        />
        <button className="button small" disabled={!ready} data-testid="add-note">
          Note
        </button>
      </div>
      {(order.waits || order.error) && (
        <p className="told" role="status">
          {order.waits ? <Waits text="Noting…" /> : <Outcome order={order} />}
        </p>
      )}
    </form>
  );
}
