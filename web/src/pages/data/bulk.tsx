import * as Dialog from "@radix-ui/react-dialog";
import { useMutation } from "@tanstack/react-query";
import { errorFrom } from "pulsetrain";
import { X } from "lucide-react";
import { useState, type ReactNode } from "react";
import type { RowProblem } from "../../app/queries.ts";
import { counted } from "../../format.ts";
import { Problem } from "../../parts/problem.tsx";
import { pathOf } from "./queries.ts";
import { refresh } from "./examples.tsx";

const HELP = '{"text": "play some jazz", "intent": "play_music", "entities": [{"start": 10, "end": 14, "label": "genre"}]}';

/** The JSON of each line that is not blank, and the number of each that is none. */
export function parsed(text: string): { examples: unknown[]; lines: number[]; wrong: RowProblem[] } {
  const examples: unknown[] = [];
  const lines: number[] = [];
  const wrong: RowProblem[] = [];
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "") return;
    try {
      examples.push(JSON.parse(line));
      lines.push(index + 1);
    } catch {
      wrong.push({ row: index + 1, message: "The line is no JSON." });
    }
  });
  return { examples, lines, wrong };
}

class WrongRows extends Error {
  constructor(readonly problems: RowProblem[]) {
    super();
  }
}

/** Adds `examples`. Throws WrongRows where the server says which of them are wrong. */
async function addAll(id: string, examples: unknown[]): Promise<void> {
  const headers = { "Content-Type": "application/json", "Pulsetrain-Client": "page" };
  const answer = await fetch(`${pathOf(id)}/examples`, { method: "POST", headers, body: JSON.stringify({ examples }) });
  if (answer.ok) return;
  const text = await answer.text();
  const said = answer.status === 422 ? (JSON.parse(text) as { error?: { problems?: RowProblem[] } }).error?.problems : undefined;
  throw said ? new WrongRows(said) : errorFrom(answer.status, text);
}

/** Many examples at once, pasted as JSON Lines: all of them, or none and the number of each wrong line. */
export function Bulk({ id, onClose }: { id: string; onClose: () => void }): ReactNode {
  const [text, setText] = useState("");
  const { examples, lines, wrong } = parsed(text);
  const add = useMutation({
    mutationFn: () => addAll(id, examples),
    onSuccess: async () => {
      await refresh(id);
      onClose();
    },
  });
  const refused = add.error instanceof WrongRows ? add.error.problems.map(({ row, message }) => ({ row: lines[row - 1] ?? row, message })) : [];
  const problems = wrong.length > 0 ? wrong : refused;
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="veil" />
        <Dialog.Content className="dialog bulk" data-testid="bulk">
          <div className="row">
            <Dialog.Title className="grow">Add many examples</Dialog.Title>
            <Dialog.Close className="button quiet icon-only" aria-label="Close">
              <X className="icon" />
            </Dialog.Close>
          </div>
          <Dialog.Description className="muted">One JSON object a line. Start and end count characters; entities may be left out.</Dialog.Description>
          <textarea
            className="input mono"
            rows={10}
            aria-label="Examples as JSON Lines"
            placeholder={HELP}
            spellCheck={false}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              add.reset();
            }}
            data-testid="bulk-text"
          />
          {add.isError && refused.length === 0 && <Problem error={add.error} />}
          {problems.length > 0 && (
            <div className="notice danger" role="alert" data-testid="bulk-problems">
              <ul className="bulk-problems">
                {problems.map(({ row, message }) => (
                  <li key={row}>
                    <b>Line {row}</b> {message}
                  </li>
                ))}
              </ul>
            </div>
          )}
          <footer>
            <span className="faint grow">{examples.length > 0 && counted(examples.length, "example")}</span>
            <Dialog.Close className="button">Cancel</Dialog.Close>
            <button className="button primary" disabled={examples.length === 0 || wrong.length > 0 || add.isPending} onClick={() => add.mutate()} data-testid="bulk-save">
              {add.isPending ? "Adding…" : "Add them"}
            </button>
          </footer>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
