import { Highlighter, X } from "lucide-react";
import { useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Problem } from "../../parts/problem.tsx";
import { hueOf } from "./marked.tsx";
import type { Example } from "./queries.ts";
import { entitiesOf, marked, moved, piecesOf, spansOf, trimmed, wordsOf, type Span } from "./spans.ts";
import "../../parts/field.css";

export interface Draft {
  text: string;
  intent: string;
  entities: Span[];
}

interface EditorProps {
  /** null for a new one. */
  example: Example | null;
  intents: string[];
  labels: string[];
  busy: boolean;
  error: unknown;
  onSave: (draft: Draft) => void;
  onCancel: () => void;
}

/**
 * Text, intent, and the parts that matter. A part is chosen in the text field as any text is, with mouse or keyboard, or
 * by its words below; then it is given a label.
 */
export function Editor({ example, intents, labels, busy, error, onSave, onCancel }: EditorProps): ReactNode {
  const [text, setText] = useState(example?.text ?? "");
  const [intent, setIntent] = useState(example?.intent ?? "");
  const [spans, setSpans] = useState(() => spansOf(example?.text ?? "", example?.entities ?? []));
  const [chosen, setChosen] = useState<{ start: number; end: number } | null>(null);
  const [label, setLabel] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const labelField = useRef<HTMLInputElement>(null);
  const ids = useId();
  const ready = text.trim() !== "" && intent.trim() !== "";

  const choose = (start: number, end: number) => {
    const found = trimmed(text, start, end);
    setChosen(found);
    const within = found && spans.find((span) => span.start < found.end && span.end > found.start);
    if (within) setLabel(within.label);
  };
  const word = (start: number, end: number, extend: boolean) => {
    const from = extend && chosen ? Math.min(chosen.start, start) : start;
    const to = extend && chosen ? Math.max(chosen.end, end) : end;
    field.current?.setSelectionRange(from, to);
    choose(from, to);
    if (!extend) labelField.current?.focus();
  };
  const mark = () => {
    if (!chosen || label.trim() === "") return;
    setSpans(marked(spans, { ...chosen, label: label.trim() }));
    setChosen(null);
    setLabel("");
    field.current?.focus();
  };
  const save = () => {
    if (ready && !busy) onSave({ text, intent: intent.trim(), entities: entitiesOf(text, spans) });
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      onCancel();
    }
  };
  return (
    <form
      className="editor"
      onKeyDown={keys}
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
      data-testid="example-editor"
    >
      <label className="field">
        <span>Text</span>
        <textarea
          ref={field}
          className="input"
          rows={Math.min(6, 1 + Math.ceil(text.length / 90))}
          autoFocus
          value={text}
          placeholder="What somebody might say"
          onChange={(event) => {
            setSpans(moved(spans, text, event.target.value));
            setText(event.target.value);
            setChosen(null);
          }}
          onSelect={(event) => choose(event.currentTarget.selectionStart, event.currentTarget.selectionEnd)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey) return;
            event.preventDefault();
            save();
          }}
          data-testid="example-text"
        />
      </label>
      <label className="field">
        <span>Intent</span>
        <input className="input" list={`${ids}-intents`} value={intent} placeholder="What is meant" maxLength={200} autoComplete="off" onChange={(event) => setIntent(event.target.value)} data-testid="example-intent" />
      </label>
      <div className="field whole">
        <span id={`${ids}-parts`}>Entities</span>
        <p className="marked words" role="group" aria-labelledby={`${ids}-parts`}>
          {piecesOf(text, spans).map((piece) =>
            piece.label === null ? (
              wordsOf(piece).map((each) =>
                each.word ? (
                  <button
                    key={each.start}
                    type="button"
                    aria-pressed={chosen !== null && each.start >= chosen.start && each.start < chosen.end}
                    onClick={(event) => word(each.start, each.start + each.text.length, event.shiftKey)}
                  >
                    {each.text}
                  </button>
                ) : (
                  each.text
                ),
              )
            ) : (
              <mark key={piece.start} data-hue={hueOf(piece.label, labels)}>
                {piece.text}
                <small>{piece.label}</small>
                <button type="button" onClick={() => setSpans(spans.filter((span) => span.start !== piece.start))} aria-label={`Remove the mark ${piece.label} of ${piece.text}`}>
                  <X className="icon" />
                </button>
              </mark>
            ),
          )}
          {text === "" && <span className="faint">Nothing to mark yet.</span>}
        </p>
        <div className="row mark-as">
          <Highlighter className="icon faint" aria-hidden />
          {chosen === null ? (
            <span className="faint">Select a part of the text, or click its words (Shift for several), to mark it.</span>
          ) : (
            <b className="cut">{text.slice(chosen.start, chosen.end)}</b>
          )}
          <input
            ref={labelField}
            className="input"
            list={`${ids}-labels`}
            aria-label="Label"
            placeholder="Label"
            maxLength={200}
            autoComplete="off"
            value={label}
            onChange={(event) => setLabel(event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return;
              event.preventDefault();
              mark();
            }}
            data-testid="mark-label"
          />
          <button type="button" className="button" disabled={chosen === null || label.trim() === ""} onClick={mark} data-testid="mark">
            Mark
          </button>
        </div>
      </div>
      {error !== null && (
        <div className="whole">
          <Problem error={error} testid="example-error" />
        </div>
      )}
      <div className="row end whole">
        <span className="faint grow keys-hint">
          <kbd>Enter</kbd> saves, <kbd>Esc</kbd> leaves
        </span>
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button className="button primary" disabled={!ready || busy} data-testid="save-example">
          {busy ? "Saving…" : example === null ? "Add" : "Save"}
        </button>
      </div>
      <datalist id={`${ids}-intents`}>
        {intents.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
      <datalist id={`${ids}-labels`}>
        {labels.map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </form>
  );
}
