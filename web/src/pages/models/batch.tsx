import { useMutation } from "@tanstack/react-query";
import { Download, FileUp, Sparkles } from "lucide-react";
import { useId, useState, type ReactNode } from "react";
import { counted } from "../../format.ts";
import { Problem } from "../../parts/problem.tsx";
import { ask, type InputSchema, type Model } from "./queries.ts";
import { answersAs, rowsOf, type Form } from "./rows.ts";

interface Answered {
  form: Form;
  text: string;
  count: number;
}

/** Ask about many rows at once: paste or choose them, and take the answers home. */
export function Batch({ model, schema }: { model: Model; schema: InputSchema }): ReactNode {
  const id = useId();
  const [text, setText] = useState("");
  const asked = useMutation({
    mutationFn: async (content: string): Promise<Answered> => {
      const { form, rows } = rowsOf(content, schema);
      return { form, text: answersAs(form, rows, await ask(model, rows)), count: rows.length };
    },
  });
  const choose = async (file: File | undefined) => {
    if (file) setText(await file.text());
    asked.reset();
  };
  return (
    <div className="ask">
      <div className="row">
        <label htmlFor={id} className="grow muted">
          CSV with a header, or JSON Lines
        </label>
        <label className="button small">
          <FileUp className="icon" aria-hidden />
          Choose a file
          <input
            type="file"
            className="sr"
            accept=".csv,.jsonl,.json,text/csv,application/json"
            onChange={(event) => {
              void choose(event.target.files?.[0]);
              event.target.value = "";
            }}
            data-testid="batch-file"
          />
        </label>
      </div>
      <textarea
        id={id}
        className="input lines"
        rows={6}
        spellCheck={false}
        placeholder={exampleOf(schema)}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          asked.reset();
        }}
        data-testid="batch-text"
      />
      <div className="row">
        <button className="button primary" disabled={text.trim() === "" || asked.isPending} onClick={() => asked.mutate(text)} data-testid="batch-ask">
          <Sparkles className="icon" aria-hidden />
          {asked.isPending ? "Asking…" : "Predict all"}
        </button>
        {asked.data && <Save model={model} answered={asked.data} />}
      </div>
      {asked.isError && <Problem error={asked.error} testid="batch-error" />}
      {asked.data && (
        <pre className="sample scroll" tabIndex={0} data-testid="batch-answers">
          {asked.data.text.split("\n").slice(0, 6).join("\n")}
        </pre>
      )}
    </div>
  );
}

function Save({ model, answered }: { model: Model; answered: Answered }): ReactNode {
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([answered.text], { type: answered.form === "csv" ? "text/csv" : "application/x-ndjson" }));
    link.download = `${model.name}-v${model.version}-predictions.${answered.form}`;
    link.click();
    // The download has taken its own hold of it by then.
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  return (
    <button className="button" onClick={save} data-testid="batch-download">
      <Download className="icon" aria-hidden />
      Download {counted(answered.count, "answer")}
    </button>
  );
}

function exampleOf(schema: InputSchema): string {
  const [example] = schema.examples ?? [];
  return example ? answersAs("csv", [example], []).trimEnd() : Object.keys(schema.properties ?? {}).join(",");
}
