import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { call, isActive, type Run } from "pulsetrain";
import { Play, TriangleAlert } from "lucide-react";
import { useMemo, useState, type ReactNode } from "react";
import { useStale } from "../../app/connection.tsx";
import { runList } from "../../app/live.ts";
import { usePreview, type Dataset, type Trainer } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { FieldInput } from "../../parts/field.tsx";
import { Problem } from "../../parts/problem.tsx";
import { changesOf, fieldsOf, parametersOf, wrongWith, type Draft, type Field } from "../../parts/schema.ts";
import { takes } from "./choice.ts";
import { Fold } from "./fold.tsx";
import { PLAN, wishesOf, wrongOf, type Plan } from "./plan.ts";
import { When } from "./when.tsx";

/** An earlier run, as the form has it. */
export interface Like {
  run: Run;
  draft: Draft;
  plan: Plan;
}

interface FieldsProps {
  trainer: Trainer;
  dataset: Dataset | null;
  like: Like | null;
}

/** What the trainer asks, when and where, and ▶. */
export function Fields({ trainer, dataset, like }: FieldsProps): ReactNode {
  const fields = useMemo(() => fieldsOf(trainer.parameters), [trainer]);
  const [draft, setDraft] = useState<Draft>(like?.draft ?? {});
  const [plan, setPlan] = useState<Plan>(like?.plan ?? PLAN);
  const [name, setName] = useState("");
  const stale = useStale();
  const columns = usePreview(trainer.data !== null && dataset && !dataset.problem ? dataset.id : null).data?.table.columns.map((column) => column.name);
  const start = useStart({ trainer, dataset, like, fields, draft, plan, name });
  const wrong = fields.find((field) => wrongWith(field, draft[field.key] ?? field.initial) !== null);
  const why = blocked(trainer, dataset, stale, wrong) ?? (wrongOf(plan) === null ? null : "Check “When and where”.");
  const show = (field: Field) => (
    <FieldInput
      key={field.key}
      field={field}
      text={draft[field.key] ?? field.initial}
      onText={(text) => setDraft({ ...draft, [field.key]: text })}
      offered={field.key === "target" || field.key.endsWith("_column") ? columns : undefined}
    />
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
      {trainer.available && (
        <div className="field">
          <label htmlFor="run-name">Name</label>
          <input id="run-name" className="input" placeholder="Chosen for you" maxLength={120} value={name} onChange={(event) => setName(event.target.value)} data-testid="run-name" />
        </div>
      )}
      {advanced.length > 0 && (
        <Fold title={`Advanced (${advanced.length})`} urgent={advanced.includes(wrong!)} testid="advanced">
          {advanced.map(show)}
        </Fold>
      )}
      {trainer.available && <When trainer={trainer} plan={plan} onPlan={setPlan} />}
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
          {why ?? going(trainer, dataset)}
        </p>
      </div>
    </form>
  );
}

interface Filled extends FieldsProps {
  fields: Field[];
  draft: Draft;
  plan: Plan;
  name: string;
}

function useStart({ trainer, dataset, like, fields, draft, plan, name }: Filled) {
  const navigate = useNavigate();
  const named = name.trim() === "" ? {} : { name: name.trim() };
  return useMutation({
    mutationFn: () => {
      if (like) {
        const other = dataset && dataset.id !== like.run.dataset && trainer.data !== null ? { dataset: dataset.id } : {};
        const body = { ...other, ...named, parameters: changesOf(fields, like.draft, draft), ...wishesOf(plan, like.plan) };
        return call<{ run: Run }>(server, "POST", `/api/runs/${encodeURIComponent(like.run.id)}/clone`, { body });
      }
      const data = trainer.data === null ? {} : { dataset: dataset?.id };
      const body = { trainer: trainer.name, ...data, ...named, parameters: parametersOf(fields, draft), tags: [], ...wishesOf(plan) };
      return call<{ run: Run }>(server, "POST", "/api/runs", { body });
    },
    onSuccess: ({ run }) => void navigate({ to: "/runs/$id", params: { id: run.id } }),
  });
}

/** What is said below ▶ when it can be pressed. */
function going(trainer: Trainer, dataset: Dataset | null): string {
  const busy = runList.runs.filter((run) => isActive(run.state)).length;
  if (busy > 0) return `${busy === 1 ? "A run is" : `${busy} runs are`} going. If all places are taken, this one waits for its turn.`;
  return trainer.data === null ? "" : (dataset?.name ?? "");
}

/** Why ▶ cannot be pressed, or null. */
function blocked(trainer: Trainer, dataset: Dataset | null, stale: boolean, wrong: Field | undefined): string | null {
  if (!trainer.available) return "This trainer cannot run here.";
  if (trainer.data !== null && dataset === null) return "Choose a data set first.";
  if (dataset && trainer.data !== null && !takes(trainer, dataset)) return "This trainer learns from JSON Lines. Choose another data set.";
  if (trainer.data !== null && dataset?.problem) return `This data set cannot be used: ${dataset.problem}`;
  if (wrong) return `Check “${wrong.title}”.`;
  return stale ? "The server cannot be reached." : null;
}
