import type { ReactNode } from "react";
import { piecesOf, type Span } from "./spans.ts";

/** A text with its marked parts; each says its label in words, so that none is told by colour alone. */
export function Marked({ text, spans, labels }: { text: string; spans: Span[]; labels: string[] }): ReactNode {
  return (
    <p className="marked">
      {piecesOf(text, spans).map(({ text: piece, start, label }) =>
        label === null ? (
          piece
        ) : (
          <mark key={start} data-hue={hueOf(label, labels)}>
            {piece}
            <small>{label}</small>
          </mark>
        ),
      )}
    </p>
  );
}

/** One of the six colours; the same label has the same one everywhere in a data set. */
export function hueOf(label: string, labels: readonly string[]): number {
  const at = labels.indexOf(label);
  return ((at === -1 ? labels.length : at) % 6) + 1;
}
