/** npm `@microsoft/fetch-event-source`. It is made for pages: `window` and `document` are what it asks of them. */
import { createRequire } from "node:module";
import { print, url } from "./print.mjs";

globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };

const { fetchEventSource } = createRequire(import.meta.url)("@microsoft/fetch-event-source");
fetchEventSource(url, {
  openWhenHidden: true,
  onmessage(message) {
    if (message.event === "") print(message.id, message.data);
  },
  onclose() {
    throw new Error("Come back: a stream that ended in good order is not the end.");
  },
});
