import { useMutation } from "@tanstack/react-query";
import { Dices, Sparkles } from "lucide-react";
import { useMemo, useState, type ReactNode } from "react";
import { FieldInput } from "../../parts/field.tsx";
import { Problem } from "../../parts/problem.tsx";
import { draftOf, fieldsOf, valueOf, wrongWith, type Draft } from "../../parts/schema.ts";
import { Answer } from "./answer.tsx";
import { Batch } from "./batch.tsx";
import { ask, useInput, type InputSchema, type Model, type Row } from "./queries.ts";

/** Ask the model: one row by a form, or many by a file. It is loaded only once somebody has `chosen` it. */
export function Predict({ model, chosen }: { model: Model; chosen: boolean }): ReactNode {
  const [wanted, setWanted] = useState(false);
  const on = wanted || chosen || model.deployments.length > 0;
  const input = useInput(model, on);
  const [many, setMany] = useState(false);
  return (
    <section className="part" aria-label="Predict" data-testid="predict">
      <div className="row">
        <h3 className="grow">Predict</h3>
        {on && (
          <div className="segments" role="group" aria-label="How many rows">
            <button aria-pressed={!many} onClick={() => setMany(false)}>
              One
            </button>
            <button aria-pressed={many} onClick={() => setMany(true)} data-testid="batch-tab">
              Many
            </button>
          </div>
        )}
      </div>
      {!on && (
        <button className="button load" onClick={() => setWanted(true)} data-testid="predict-open">
          <Sparkles className="icon" aria-hidden />
          Load it and ask
        </button>
      )}
      {on && input.isPending && (
        <>
          <div className="skeleton" style={{ height: 90 }} />
          <p className="faint">The model is being loaded.</p>
        </>
      )}
      {input.isError && <Problem error={input.error} />}
      {input.data && (many ? <Batch model={model} schema={input.data} /> : <One model={model} schema={input.data} />)}
    </section>
  );
}

function One({ model, schema }: { model: Model; schema: InputSchema }): ReactNode {
  const fields = useMemo(() => fieldsOf(schema), [schema]);
  const examples = schema.examples ?? [];
  const [draft, setDraft] = useState<Draft>(() => draftOf(fields, examples[0] ?? {}));
  const [next, setNext] = useState(1);
  const asked = useMutation({
    mutationFn: async (row: Row) => ({ row, answer: (await ask(model, [row]))[0]! }),
  });
  const wrong = fields.find((field) => wrongWith(field, draft[field.key] ?? field.initial) !== null);
  const row = () => {
    const filled = fields.filter((field) => (draft[field.key] ?? field.initial).trim() !== "");
    return Object.fromEntries(filled.map((field) => [field.key, valueOf(field, draft[field.key] ?? field.initial)]));
  };
  return (
    <form
      className="ask"
      onSubmit={(event) => {
        event.preventDefault();
        if (!wrong && !asked.isPending) asked.mutate(row());
      }}
    >
      <div className="fields">
        {fields.map((field) => (
          <FieldInput
            key={field.key}
            field={field}
            text={draft[field.key] ?? field.initial}
            onText={(text) => setDraft({ ...draft, [field.key]: text })}
            offered={field.property.examples?.map(String)}
          />
        ))}
      </div>
      <div className="row">
        <button className="button primary" disabled={wrong !== undefined || asked.isPending} data-testid="ask">
          <Sparkles className="icon" aria-hidden />
          {asked.isPending ? "Asking…" : "Predict"}
        </button>
        {examples.length > 1 && (
          <button
            type="button"
            className="button quiet"
            onClick={() => {
              setDraft(draftOf(fields, examples[next % examples.length]!));
              setNext(next + 1);
            }}
          >
            <Dices className="icon" aria-hidden />
            Another example
          </button>
        )}
      </div>
      {asked.isError && <Problem error={asked.error} testid="ask-error" />}
      {asked.data && !asked.isError && <Answer row={asked.data.row} answer={asked.data.answer} />}
    </form>
  );
}
