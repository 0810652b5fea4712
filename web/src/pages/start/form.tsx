import { useMutation } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { call, isActive, type Run } from "pulsetrain";
import { Play, TriangleAlert } from "lucide-react";
import { useMemo, useState, type ReactNode } from "react";
import { useStale } from "../../app/connection.tsx";
import { runList } from "../../app/live.ts";
import { useTrainers, type Dataset, type Trainer } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { Problem } from "../../parts/problem.tsx";
import { boundsOf, fieldsOf, parametersOf, wrongWith, type Draft, type Field } from "./schema.ts";

/** The start form, made from the trainer's own schema. */
export function StartForm({ dataset }: { dataset: Dataset | null }): ReactNode {
  const trainers = useTrainers();
  const search = useSearch({ from: "/" });
  const navigate = useNavigate({ from: "/" });
  const all = trainers.data ?? [];
  // Examples for language are for the trainer that takes nothing else.
  const fits = dataset?.task === "nlu" ? all.find((each) => each.available && each.data === "jsonl") : undefined;
  const trainer = all.find((each) => each.name === search.trainer) ?? fits ?? all.find((each) => each.available) ?? all[0];
  return (
    <section className="panel form" aria-label="Start form">
      {trainers.isError && (
        <div className="body">
          <Problem error={trainers.error} />
        </div>
      )}
      {trainers.isPending && <div className="skeleton" style={{ height: 320, margin: 14 }} />}
      {trainers.isSuccess && !trainer && <p className="empty">The server knows no trainer.</p>}
      {trainer && (
        <>
          <header className="trainer">
            <div className="grow">
              <h2>{trainer.title}</h2>
              <p className="muted">{trainer.summary}</p>
            </div>
            {all.length > 1 && (
              <select
                className="input"
                aria-label="Trainer"
                value={trainer.name}
                onChange={(event) => void navigate({ search: (old) => ({ ...old, trainer: event.target.value }), resetScroll: false })}
              >
                {all.map((each) => (
                  <option key={each.name} value={each.name}>
                    {each.title}
                  </option>
                ))}
              </select>
            )}
          </header>
          <Fields key={trainer.name} trainer={trainer} dataset={dataset} />
        </>
      )}
    </section>
  );
}

function Fields({ trainer, dataset }: { trainer: Trainer; dataset: Dataset | null }): ReactNode {
  const navigate = useNavigate();
  const fields = useMemo(() => fieldsOf(trainer), [trainer]);
  const [draft, setDraft] = useState<Draft>({});
  const [name, setName] = useState("");
  const stale = useStale();
  const start = useMutation({
    mutationFn: () => {
      const body = {
        trainer: trainer.name,
        ...(trainer.data === null ? {} : { dataset: dataset?.id }),
        parameters: parametersOf(fields, draft),
        ...(name.trim() === "" ? {} : { name: name.trim() }),
        tags: [],
      };
      return call<{ run: Run }>(server, "POST", "/api/runs", { body });
    },
    onSuccess: ({ run }) => void navigate({ to: "/runs/$id", params: { id: run.id } }),
  });
  const wrong = fields.find((field) => wrongWith(field, draft[field.key] ?? field.initial) !== null);
  const why = blocked(trainer, dataset, stale, wrong);
  const busy = runList.runs.filter((run) => isActive(run.state)).length;
  const show = (field: Field) => (
    <Input key={field.key} field={field} text={draft[field.key] ?? field.initial} onText={(text) => setDraft({ ...draft, [field.key]: text })} />
  );
  const advanced = fields.filter((field) => field.advanced);
  return (
    <form
      className="fields"
      onSubmit={(event) => {
        event.preventDefault();
        if (why === null && !start.isPending) start.mutate();
      }}
    >
      {fields.filter((field) => !field.advanced).map(show)}
      <div className="field">
        <label htmlFor="run-name">Name</label>
        <input id="run-name" className="input" placeholder="Chosen for you" maxLength={120} value={name} onChange={(event) => setName(event.target.value)} data-testid="run-name" />
      </div>
      {advanced.length > 0 && (
        <details className="advanced" open={advanced.includes(wrong!) || undefined} data-testid="advanced">
          <summary>Advanced ({advanced.length})</summary>
          <div className="fields-in">{advanced.map(show)}</div>
        </details>
      )}
      {trainer.problem && (
        <div className="notice warn">
          <TriangleAlert className="icon" aria-hidden />
          <pre className="trainer-problem" data-testid="trainer-problem">
            {trainer.problem}
          </pre>
        </div>
      )}
      {start.isError && <Problem error={start.error} testid="start-error" />}
      <div className="go">
        <button className="button primary big" disabled={why !== null || start.isPending} aria-describedby="start-why" data-testid="start-training">
          <Play className="icon" fill="currentColor" aria-hidden />
          {start.isPending ? "Starting…" : "Start Training"}
        </button>
        <p id="start-why" className="faint" role="status" data-testid="start-why">
          {why ?? (busy > 0 ? `${busy === 1 ? "A run is" : `${busy} runs are`} going. If all places are taken, this one waits for its turn.` : (dataset?.name ?? ""))}
        </p>
      </div>
    </form>
  );
}

/** Why ▶ cannot be pressed, or null. */
function blocked(trainer: Trainer, dataset: Dataset | null, stale: boolean, wrong: Field | undefined): string | null {
  if (!trainer.available) return "This trainer cannot run here.";
  if (trainer.data !== null && dataset === null) return "Choose a data set first.";
  if (trainer.data === "jsonl" && dataset?.format !== "jsonl") return "This trainer learns from JSON Lines. Choose another data set.";
  if (trainer.data !== null && dataset?.problem) return `This data set cannot be used: ${dataset.problem}`;
  if (wrong) return `Check “${wrong.title}”.`;
  return stale ? "The server cannot be reached." : null;
}

function sentence(words: string): string {
  return words === "" ? "" : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

function Input({ field, text, onText }: { field: Field; text: string; onText: (text: string) => void }): ReactNode {
  const { key, kind, title, help, property } = field;
  const id = `field-${key}`;
  const wrong = wrongWith(field, text);
  const shared = { id, "aria-describedby": `${id}-help`, "aria-invalid": wrong !== null, "data-testid": id } as const;
  if (kind === "boolean") {
    return (
      <div className="field check">
        <label htmlFor={id}>
          <input {...shared} type="checkbox" checked={text === "true"} onChange={(event) => onText(String(event.target.checked))} />
          {title}
        </label>
        <p id={`${id}-help`} className="faint">
          {help}
        </p>
      </div>
    );
  }
  return (
    <div className={kind === "text" ? "field" : "field short"}>
      <label htmlFor={id}>{title}</label>
      {kind === "choice" ? (
        <select {...shared} className="input" value={text} onChange={(event) => onText(event.target.value)}>
          {property.enum!.map((choice) => (
            <option key={String(choice)}>{String(choice)}</option>
          ))}
        </select>
      ) : property["x-lines"] ? (
        <textarea
          {...shared}
          className="input lines"
          rows={Math.min(8, 1 + text.split("\n").length)}
          spellCheck={false}
          autoComplete="off"
          placeholder={field.required ? "" : "Not set"}
          value={text}
          onChange={(event) => onText(event.target.value)}
        />
      ) : (
        <input
          {...shared}
          className="input"
          inputMode={kind === "integer" ? "numeric" : kind === "number" ? "decimal" : "text"}
          autoComplete="off"
          placeholder={field.required ? "" : "Not set"}
          value={text}
          onChange={(event) => onText(event.target.value)}
        />
      )}
      <p id={`${id}-help`} className={wrong ? "wrong" : "faint"} role={wrong ? "alert" : undefined}>
        {wrong ?? [help, sentence(boundsOf(property))].filter(Boolean).join(" ")}
      </p>
    </div>
  );
}
