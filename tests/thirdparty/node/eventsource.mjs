/** npm `eventsource`: the browsers' EventSource for Node. It comes back by itself, with Last-Event-ID. */
import { EventSource } from "eventsource";
import { print, url } from "./print.mjs";

new EventSource(url).onmessage = (event) => print(event.lastEventId, event.data);
