import { CircleAlert, CirclePlay, FileBox, Layers, SlidersHorizontal, StickyNote } from "lucide-react";
import { useState, type ReactNode } from "react";
import { count, dateTime, ms } from "../../format.ts";
import type { OpenRun } from "./open.ts";
import { entriesOf, moreText, type Entry, type EntryKind } from "./timeline.ts";
import "./events.css";

const ICONS: Readonly<Record<EntryKind, typeof FileBox>> = {
  state: CirclePlay,
  stage: Layers,
  command: SlidersHorizontal,
  note: StickyNote,
  alert: CircleAlert,
  file: FileBox,
};
const FIRST = 12;

/** What happened to the run, newest first: with who did it and when. */
export function Timeline({ open }: { open: OpenRun }): ReactNode {
  const [all, setAll] = useState(false);
  const entries = entriesOf(open.timeline.events).reverse();
  const shown = all ? entries : entries.slice(0, FIRST);
  if (entries.length === 0) return null;
  return (
    <section className="panel timeline" aria-label="Timeline" data-testid="timeline">
      <header>
        <h2>Timeline</h2>
      </header>
      <ol className="body">
        {shown.map((entry) => (
          <Line key={entry.seq} entry={entry} />
        ))}
      </ol>
      {shown.length < entries.length && (
        <button className="button quiet small" onClick={() => setAll(true)}>
          {moreText(entries.length - shown.length)}
        </button>
      )}
    </section>
  );
}

function Line({ entry }: { entry: Entry }): ReactNode {
  const Icon = ICONS[entry.kind];
  const about = [entry.step === null ? "" : `after step ${count(entry.step)}`, entry.by ? `by ${entry.by}` : "", entry.detail].filter(Boolean);
  return (
    <li data-tone={entry.tone} data-kind={entry.kind} data-testid="timeline-entry">
      <Icon className="icon" role="img" aria-label={entry.kind} />
      <div className="grow">
        <p className="what">{entry.text}</p>
        {about.length > 0 && <p className="faint">{about.join(" · ")}</p>}
      </div>
      <time className="faint mono" dateTime={entry.time} title={dateTime(entry.time)}>
        {new Date(ms(entry.time)).toLocaleTimeString("en-GB")}
      </time>
    </li>
  );
}
