/** The script of the SharedWorker: a page's own worker file says `import "pulsetrain/worker"`. */
import { poll } from "../sources/poll.ts";
import { sse } from "../sources/sse.ts";
import { webSocket } from "../sources/websocket.ts";
import { BEAT_SECONDS, Fanout, type Request } from "./fanout.ts";

// One WebSocket carries every filter that the tabs ask for; event streams would use up the six connections of HTTP/1.
const fanout = new Fanout([webSocket(), sse, poll]);

setInterval(() => fanout.beat(), BEAT_SECONDS * 1000);

globalThis.addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0]!;
  port.onmessage = ({ data }: MessageEvent<Request>) => fanout.take(port, data);
});
