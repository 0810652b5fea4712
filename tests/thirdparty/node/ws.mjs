/** npm `ws`, which leaves coming back to its user. */
import WebSocket from "ws";
import { print, url } from "./print.mjs";

const address = new URL(url.replace(/^http/, "ws"));

function open() {
  const socket = new WebSocket(address, ["pulsetrain.v1.json"], { perMessageDeflate: true });
  socket.on("message", (text) => {
    const message = JSON.parse(text);
    if (message.cursor) address.searchParams.set("cursor", message.cursor);
    if (message.op !== "events") return;
    const generation = message.cursor.split("-")[0];
    for (const event of message.events) print(`${generation}-${event.seq}`, JSON.stringify(event));
  });
  socket.on("error", () => {});
  socket.on("close", () => setTimeout(open, 200));
}

open();
