import { place, type Place } from "pulsetrain";

/** The server that gave us this page. */
export const server: Place = place("", { headers: { "Pulsetrain-Client": "page" } });
