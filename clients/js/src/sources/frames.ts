/** Server-sent events, as text. A pure parser: chunks in, frames out, however the network cuts them. */

export interface Frame {
  /** Empty for unnamed frames. */
  readonly event: string;
  readonly data: string;
  /** The last id seen so far: it stays until the next one. */
  readonly id: string;
}

export class SseParser {
  /** Milliseconds that the server asked to wait before a reconnect, if it did. */
  retry: number | null = null;

  #rest = "";
  #afterReturn = false;
  #event = "";
  #data: string[] = [];
  #id = "";

  /** The frames that `chunk` completes. */
  push(chunk: string): Frame[] {
    const frames: Frame[] = [];
    for (const line of this.#lines(chunk)) {
      if (line === "") {
        if (this.#data.length > 0) frames.push({ event: this.#event, data: this.#data.join("\n"), id: this.#id });
        this.#event = "";
        this.#data = [];
      } else {
        this.#field(line);
      }
    }
    return frames;
  }

  #lines(chunk: string): string[] {
    if (chunk === "") return [];
    // A line ends in CR, LF or CRLF; a CRLF may be cut in two.
    if (this.#afterReturn && chunk.startsWith("\n")) chunk = chunk.slice(1);
    this.#afterReturn = chunk.endsWith("\r");
    const lines = (this.#rest + chunk).split(/\r\n|\r|\n/);
    this.#rest = lines.pop()!;
    return lines;
  }

  #field(line: string): void {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (name === "data") this.#data.push(value);
    if (name === "event") this.#event = value;
    if (name === "id" && !value.includes("\0")) this.#id = value;
    if (name === "retry" && /^[0-9]+$/.test(value)) this.retry = Number(value);
  }
}
