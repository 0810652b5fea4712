/** Cursors: positions in one life of the log, written `<generation>-<seq>`. */

export interface Cursor {
  readonly generation: string;
  readonly seq: number;
}

const FORM = /^([a-z2-7]{8})-(0|[1-9][0-9]{0,15})$/;

/** The cursor that `text` writes, or null if it is not one. */
export function parseCursor(text: string): Cursor | null {
  const match = FORM.exec(text);
  return match ? { generation: match[1]!, seq: Number(match[2]) } : null;
}

export function formatCursor(cursor: Cursor): string {
  return `${cursor.generation}-${cursor.seq}`;
}
