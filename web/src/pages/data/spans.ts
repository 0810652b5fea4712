/** Marked parts of a text. The page counts as JavaScript does (UTF-16), the server in characters (code points). */

export interface Span {
  start: number;
  end: number;
  label: string;
}

export interface Piece {
  text: string;
  start: number;
  /** null outside of a span. */
  label: string | null;
}

/** What of `entities`, as a file has them, can be shown on `text`, in the page's counting and in order. */
export function spansOf(text: string, entities: readonly unknown[]): Span[] {
  const at = [0];
  for (const character of text) at.push(at.at(-1)! + character.length);
  const found: Span[] = [];
  for (const entity of entities) {
    const { start, end, label } = (entity ?? {}) as Partial<Record<keyof Span, unknown>>;
    if (typeof label !== "string" || !Number.isInteger(start) || !Number.isInteger(end)) continue;
    const [from, to] = [at[start as number], at[end as number]];
    if (from !== undefined && to !== undefined && from < to) found.push({ start: from, end: to, label });
  }
  return apart(found);
}

/** The spans as the server counts them. */
export function entitiesOf(text: string, spans: readonly Span[]): Span[] {
  const count = (units: number) => [...text.slice(0, units)].length;
  return spans.map(({ start, end, label }) => ({ start: count(start), end: count(end), label }));
}

function apart(spans: Span[]): Span[] {
  const sorted = [...spans].sort((a, b) => a.start - b.start);
  return sorted.filter((span, index) => index === 0 || span.start >= sorted[index - 1]!.end);
}

/** `spans` with another one; those that it touches give way. */
export function marked(spans: readonly Span[], added: Span): Span[] {
  const others = spans.filter((span) => span.end <= added.start || span.start >= added.end);
  return [...others, added].sort((a, b) => a.start - b.start);
}

/** Where the spans are after `before` was edited to `after`: they move along, grow and shrink with what they mark. */
export function moved(spans: readonly Span[], before: string, after: string): Span[] {
  const shortest = Math.min(before.length, after.length);
  let head = 0;
  while (head < shortest && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shortest - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const cut = before.length - tail;
  const by = after.length - before.length;
  // A span that begins in the part that was replaced begins behind what took its place; one that ends there, before it.
  const start = (at: number) => (at <= head ? at : at >= cut ? at + by : cut + by);
  const end = (at: number) => (at <= head ? at : at >= cut ? at + by : head);
  const place = (span: Span): Span => {
    const words = before.slice(span.start, span.end);
    const found = after.indexOf(words);
    // Where much was written anew at once, as by pasting: the same words are what was marked, if they are there once.
    if (span.start < cut && span.end > head && found !== -1 && after.indexOf(words, found + 1) === -1) {
      return { ...span, start: found, end: found + words.length };
    }
    return { ...span, start: start(span.start), end: end(span.end) };
  };
  return apart(spans.map(place).filter((span) => span.start < span.end));
}

/** `text` cut into what is marked and what is not. */
export function piecesOf(text: string, spans: readonly Span[]): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { start, end, label } of spans) {
    if (start > at) pieces.push({ text: text.slice(at, start), start: at, label: null });
    pieces.push({ text: text.slice(start, end), start, label });
    at = end;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), start: at, label: null });
  return pieces;
}

/** The words of a piece with what stands between them: even ones are words. */
export function wordsOf({ text, start }: Piece): { text: string; start: number; word: boolean }[] {
  const found: { text: string; start: number; word: boolean }[] = [];
  for (const match of text.matchAll(/[\p{L}\p{N}][\p{L}\p{N}\p{M}'’-]*|[^\p{L}\p{N}]+/gu)) {
    found.push({ text: match[0], start: start + match.index, word: /^[\p{L}\p{N}]/u.test(match[0]) });
  }
  return found;
}

/** A selection without the blanks at its ends; null where nothing is left. */
export function trimmed(text: string, start: number, end: number): { start: number; end: number } | null {
  while (start < end && /\s/.test(text[start]!)) start += 1;
  while (end > start && /\s/.test(text[end - 1]!)) end -= 1;
  return start < end ? { start, end } : null;
}
