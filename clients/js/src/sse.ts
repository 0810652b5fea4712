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
  #started = false;
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
    if (!this.#started) {
      this.#started = true;
      if (chunk.startsWith("\uFEFF")) chunk = chunk.slice(1);
    }
    // A line ends in CR, LF or CRLF; a CRLF may be cut in two.
    if (this.#afterReturn && chunk.startsWith("\n")) chunk = chunk.slice(1);
    this.#afterReturn = chunk === "" ? false : chunk.endsWith("\r");
    const lines = (this.#rest + chunk).split(/\r\n|\r|\n/);
    this.#rest = lines.pop()!;
    return lines;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) this.retry = Number(value);
  }
}
