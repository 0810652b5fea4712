/**
 * Sends files. Small ones go in one request; larger ones in pieces that go on where they were after a broken
 * connection, a restart of the server, and also after this page was closed and the same file is chosen again.
 */
import { ApiError, call, errorFrom } from "pulsetrain";
import type { Dataset } from "./queries.ts";
import { server } from "./server.ts";

/** Files above this size are sent in pieces. */
export const ONE_PIECE = 8 * 1024 * 1024;
const PATIENCE_MS = 10 * 60_000;

export interface Sending {
  /** Bytes that have arrived, or are on their way. */
  sent: number;
  /** The connection is broken; it is tried again. */
  waiting: boolean;
}

export interface SendOptions {
  /** The data set whose next version the file is. */
  replace?: string | undefined;
  onSent: (state: Sending) => void;
  signal: AbortSignal;
}

export async function sendFile(file: File, options: SendOptions): Promise<Dataset> {
  if (file.size <= ONE_PIECE) return sendWhole(file, options);
  return sendPieces(file, options);
}

interface Asked {
  method: string;
  url: string;
  body: Blob | FormData;
  headers?: Record<string, string>;
  onSent: (bytes: number) => void;
  signal: AbortSignal;
}

/** fetch cannot tell how much was sent, so this is an XMLHttpRequest. */
function ask({ method, url, body, headers = {}, onSent, signal }: Asked): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.upload.onprogress = (event) => onSent(event.loaded);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve({ status: request.status, text: request.responseText });
      else reject(errorFrom(request.status, request.responseText));
    };
    request.onerror = () => reject(new ApiError(0, "unreachable", "The file could not be sent: the connection broke.", "Is the server still running? Try again."));
    request.onabort = () => reject(new DOMException("given up", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    request.open(method, url);
    for (const [name, value] of Object.entries({ Accept: "application/json", "Pulsetrain-Client": "page", ...headers })) request.setRequestHeader(name, value);
    request.send(body);
  });
}

async function sendWhole(file: File, { replace, onSent, signal }: SendOptions): Promise<Dataset> {
  const body = new FormData();
  body.append("file", file);
  const url = `/api/datasets${replace ? `?replace=${encodeURIComponent(replace)}` : ""}`;
  const { text } = await ask({ method: "POST", url, body, signal, onSent: (sent) => onSent({ sent, waiting: false }) });
  return (JSON.parse(text) as { dataset: Dataset }).dataset;
}

interface Begun {
  id: string;
  offset: number;
}

async function sendPieces(file: File, options: SendOptions): Promise<Dataset> {
  const { onSent, signal } = options;
  let { id, offset } = await begin(file, options);
  let broken: number | null = null;
  for (let tries = 0; ; ) {
    try {
      const piece = file.slice(offset, offset + ONE_PIECE);
      const from = offset;
      const { status, text } = await ask({
        method: "PATCH",
        url: `/api/uploads/${id}`,
        body: piece,
        headers: { "Upload-Offset": String(from), "Content-Type": "application/octet-stream" },
        signal,
        onSent: (sent) => onSent({ sent: from + sent, waiting: false }),
      });
      broken = null;
      tries = 0;
      offset += piece.size;
      if (status === 201) {
        forget(file, options.replace);
        return (JSON.parse(text) as { dataset: Dataset }).dataset;
      }
    } catch (error) {
      if (signal.aborted || Date.now() - (broken ??= Date.now()) > PATIENCE_MS) throw error;
      if (!mayPass(error)) {
        forget(file, options.replace);
        throw error;
      }
      onSent({ sent: offset, waiting: true });
      await pause(Math.min(10_000, 500 * 2 ** tries++), signal);
      offset = (await state(id, signal))?.offset ?? offset;
    }
  }
}

/** What may be better a moment later: no connection, a server that starts again, a request that still hangs there. */
function mayPass(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 502 || error.code === "upload_offset");
}

async function begin(file: File, { replace, signal }: SendOptions): Promise<Begun> {
  const known = remembered(file, replace);
  const there = known === null ? null : await state(known, signal);
  if (there !== null) return there;
  const body = { name: file.name, size: file.size, ...(replace ? { replace } : {}) };
  const made = await call<Begun>(server, "POST", "/api/uploads", { body, signal });
  remember(file, replace, made.id);
  return made;
}

/** How far the upload is; null where the server knows none, or cannot be asked now. */
async function state(id: string, signal: AbortSignal): Promise<Begun | null> {
  try {
    return await call<Begun>(server, "GET", `/api/uploads/${id}`, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    return null;
  }
}

export async function giveUp(file: File, replace?: string): Promise<void> {
  const id = remembered(file, replace);
  forget(file, replace);
  if (id !== null) await fetch(`/api/uploads/${id}`, { method: "DELETE" }).catch(() => undefined);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(new DOMException("given up", "AbortError"))), { once: true });
  });
}

// The same file, chosen again, goes on: it is known by name, size and date.
const keyOf = (file: File, replace: string | undefined) => `pulsetrain.upload:${file.name}:${file.size}:${file.lastModified}:${replace ?? ""}`;

function remembered(file: File, replace: string | undefined): string | null {
  try {
    return localStorage.getItem(keyOf(file, replace));
  } catch {
    return null;
  }
}

function remember(file: File, replace: string | undefined, id: string): void {
  try {
    localStorage.setItem(keyOf(file, replace), id);
  } catch {
    // A browser that keeps nothing: the upload goes on as long as this page is open.
  }
}

function forget(file: File, replace: string | undefined): void {
  try {
    localStorage.removeItem(keyOf(file, replace));
  } catch {
    // as above
  }
}
