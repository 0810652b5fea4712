// The script of the SharedWorker that reads for all tabs of this page.
import "pulsetrain/worker";
