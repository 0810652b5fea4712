/** npm `reconnecting-eventsource` around npm `eventsource`: it opens a new one where the old one has given up. */
import { EventSource } from "eventsource";
import module from "reconnecting-eventsource";
import { print, url } from "./print.mjs";

const ReconnectingEventSource = module.default ?? module;
const source = new ReconnectingEventSource(url, { eventSourceClass: EventSource, max_retry_time: 1000 });
// It keeps the last id of events with a listener alone, not of those that go to `onmessage`.
source.addEventListener("message", (event) => print(event.lastEventId, event.data));
