import { Info } from "lucide-react";
import type { ReactNode } from "react";

/** What the reader should know before trusting a report. */
export function Notes({ notes }: { notes: readonly string[] }): ReactNode {
  if (notes.length === 0) return null;
  return (
    <div className="notice">
      <Info className="icon" aria-hidden />
      <ul className="notes">
        {notes.map((note, index) => (
          <li key={index}>{note}</li>
        ))}
      </ul>
    </div>
  );
}
