/** The script of the SharedWorker that reads the events for all tabs of this page. */
import "pulsetrain/worker";
