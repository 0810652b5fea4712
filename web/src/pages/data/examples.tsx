import { useMutation } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { call } from "pulsetrain";
import { ChevronLeft, ChevronRight, ListPlus, Pencil, Plus, Search, Trash2, TriangleAlert } from "lucide-react";
import { useState, type ReactNode } from "react";
import { queries, type Dataset } from "../../app/queries.ts";
import { server } from "../../app/server.ts";
import { count, counted } from "../../format.ts";
import { Confirm } from "../../parts/confirm.tsx";
import { Problem } from "../../parts/problem.tsx";
import { Bulk } from "./bulk.tsx";
import { Editor, type Draft } from "./editor.tsx";
import { Marked } from "./marked.tsx";
import { PAGE, pathOf, useExamples, type Example } from "./queries.ts";
import { spansOf } from "./spans.ts";

/** An example that is being edited, and the content that it was taken from. */
interface Editing {
  index: number | "new";
  digest: string;
}

export function Examples({ dataset }: { dataset: Dataset }): ReactNode {
  const { q = "", from = 0 } = useSearch({ from: "/data/$id" });
  const navigate = useNavigate({ from: "/data/$id" });
  const page = useExamples(dataset.id, q, from);
  const [editing, setEditing] = useState<Editing | null>(null);
  const [bulk, setBulk] = useState(false);
  const { total = 0, examples = [], intents = {}, labels = [], digest = "" } = page.data ?? {};
  const editable = !dataset.external;
  const go = (next: { q?: string | undefined; from?: number | undefined }) =>
    void navigate({ search: { tab: "examples", q: q || undefined, from: from || undefined, ...next }, replace: true, resetScroll: false });
  const save = useSave(dataset.id, () => setEditing(null));
  const edit = (next: Editing | null) => {
    save.reset();
    setEditing(next);
  };
  const editor = (example: Example | null) => (
    <Editor
      key={example?.index ?? "new"}
      example={example}
      intents={Object.keys(intents)}
      labels={labels}
      busy={save.isPending}
      error={save.isError ? save.error : null}
      onCancel={() => edit(null)}
      onSave={(draft) => save.mutate({ draft, index: example?.index ?? null, digest: editing?.digest ?? digest })}
    />
  );
  return (
    <div className="examples" data-testid="examples">
      <div className="tools">
        <label className="search">
          <Search className="icon" aria-hidden />
          <span className="sr">Search the examples</span>
          <input className="input" type="search" placeholder="Text, intent or label" value={q} onChange={(event) => go({ q: event.target.value || undefined, from: undefined })} data-testid="example-search" />
        </label>
        <span className="faint grow" role="status">
          {page.data && (q ? `${counted(total, "example")} found` : `${counted(total, "example")}, ${counted(Object.keys(intents).length, "intent")}`)}
        </span>
        {editable && (
          <>
            <button className="button" onClick={() => edit({ index: "new", digest })} data-testid="add-example">
              <Plus className="icon" aria-hidden />
              Add one
            </button>
            <button className="button" onClick={() => setBulk(true)} data-testid="bulk-add">
              <ListPlus className="icon" aria-hidden />
              Add many
            </button>
          </>
        )}
      </div>
      {page.isError && (
        <div className="body-pad">
          <Problem error={page.error} />
        </div>
      )}
      {page.isPending && <div className="skeleton" style={{ height: 240, margin: 14 }} />}
      {editing?.index === "new" && editor(null)}
      {page.isSuccess && total === 0 && editing === null && <p className="empty">{q ? "No example matches." : "No examples yet. Add the first one."}</p>}
      <ol>
        {examples.map((example) =>
          editing?.index === example.index ? (
            <li key={example.index}>{editor(example)}</li>
          ) : (
            <Row
              key={example.index}
              dataset={dataset}
              example={example}
              labels={labels}
              digest={digest}
              onEdit={editable ? () => edit({ index: example.index, digest }) : undefined}
            />
          ),
        )}
      </ol>
      {total > PAGE && (
        <nav className="row pages" aria-label="Pages of examples">
          <button className="button small icon-only" disabled={from === 0} onClick={() => go({ from: Math.max(0, from - PAGE) || undefined })} aria-label="Earlier examples">
            <ChevronLeft className="icon" />
          </button>
          <span className="faint">
            {count(from + 1)}–{count(Math.min(total, from + PAGE))} of {count(total)}
          </span>
          <button className="button small icon-only" disabled={from + PAGE >= total} onClick={() => go({ from: from + PAGE })} aria-label="Later examples">
            <ChevronRight className="icon" />
          </button>
        </nav>
      )}
      {bulk && <Bulk id={dataset.id} onClose={() => setBulk(false)} />}
    </div>
  );
}

function useSave(id: string, onDone: () => void) {
  return useMutation({
    mutationFn: ({ draft, index, digest }: { draft: Draft; index: number | null; digest: string }) =>
      index === null
        ? call(server, "POST", `${pathOf(id)}/examples`, { body: { examples: [draft] } })
        : call(server, "PUT", `${pathOf(id)}/examples/${index}`, { body: draft, headers: { "If-Match": digest } }),
    onSuccess: async () => {
      await refresh(id);
      onDone();
    },
    // Somebody else was faster: show what is there now, while the draft stays.
    onError: () => void refresh(id),
  });
}

export async function refresh(id: string): Promise<void> {
  await Promise.all([queries.invalidateQueries({ queryKey: ["examples", id] }), queries.invalidateQueries({ queryKey: ["datasets"] })]);
}

interface RowProps {
  dataset: Dataset;
  example: Example;
  labels: string[];
  digest: string;
  onEdit: (() => void) | undefined;
}

function Row({ dataset, example, labels, digest, onEdit }: RowProps): ReactNode {
  const { index, text, intent, entities, problem } = example;
  const [open, setOpen] = useState(false);
  const remove = useMutation({
    mutationFn: () => call(server, "DELETE", `${pathOf(dataset.id)}/examples/${index}`, { headers: { "If-Match": digest } }),
    onSuccess: async () => {
      setOpen(false);
      await refresh(dataset.id);
    },
    onError: () => void refresh(dataset.id),
  });
  return (
    <li className="example" data-testid={`example-${index}`}>
      <span className="faint mono number">{count(index + 1)}</span>
      <div className="said">
        <Marked text={text} spans={spansOf(text, entities)} labels={labels} />
        {problem && (
          <span className="wrong">
            <TriangleAlert className="icon" aria-hidden />
            {problem}
          </span>
        )}
      </div>
      <span className="intent">{intent && <span className="tag">{intent}</span>}</span>
      {onEdit && (
        <span className="row end">
          <button className="button quiet small icon-only" onClick={onEdit} aria-label={`Edit example ${index + 1}`} title="Edit">
            <Pencil className="icon" />
          </button>
          <button className="button quiet small icon-only" onClick={() => (remove.reset(), setOpen(true))} aria-label={`Delete example ${index + 1}`} title="Delete">
            <Trash2 className="icon" />
          </button>
        </span>
      )}
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={`Delete example ${count(index + 1)}?`}
        text={`“${text.length > 120 ? `${text.slice(0, 120)}…` : text}” The version before is kept.`}
        action="Delete"
        onConfirm={() => remove.mutate()}
      >
        {remove.isError && <Problem error={remove.error} />}
      </Confirm>
    </li>
  );
}
