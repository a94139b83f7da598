import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { asDrawbridgeError, DrawbridgeError } from "../../errors.ts";
import { FileWriter, sharedMemory } from "./file-writer.ts";
import { isHeavy } from "./heavy-part.ts";
import { OpenPart } from "./open-part.ts";
import type { FromPartWorker, PartWorkerSetup, ToPartWorker } from "./part-messages.ts";

/** Works on what the main thread sends, one message after the other, and each to its end. */
class PartWorker {
  readonly #port: MessagePort;
  readonly #setup: PartWorkerSetup;
  readonly #memory = sharedMemory();
  #part: OpenPart | undefined;
  #id = 0;

  constructor(port: MessagePort, setup: PartWorkerSetup) {
    this.#port = port;
    this.#setup = setup;
  }

  take(message: ToPartWorker): void {
    try {
      if (message.type === "part") this.#open(message);
      else if (message.type === "bytes") this.#part?.push(this.#lent(message));
      else this.#finish();
    } catch (thrown) {
      // what is still to come of this part is handed back unread
      this.#part?.abandon();
      this.#part = undefined;
      const { code, outcome, message: words } = asDrawbridgeError(thrown);
      this.#tell({ type: "failed", id: this.#id, code, outcome, message: words });
    }
    if (message.type !== "bytes") return;
    const { slot } = message;
    this.#tell({ type: "consumed", id: this.#id, slot, writtenBytes: this.#part?.writtenBytes ?? 0 });
  }

  #lent({ slot, length }: Extract<ToPartWorker, { type: "bytes" }>): Uint8Array {
    const memory = this.#setup.memory[slot];
    if (!memory) throw new DrawbridgeError("DB_UNEXPECTED", `there is no slot ${slot}`);
    return new Uint8Array(memory, 0, length);
  }

  #open(message: Extract<ToPartWorker, { type: "part" }>): void {
    this.#part?.abandon();
    this.#id = message.id;
    const { target } = this.#setup;
    const { key, existing } = message;
    const files = target && new FileWriter({ target, key, existing, direct: isHeavy(key) }, this.#memory);
    this.#part = new OpenPart(message, files);
  }

  #finish(): void {
    if (!this.#part) return;
    const facts = this.#part.end();
    if (this.#part.names.length > 0) this.#tell({ type: "names", id: this.#id, names: this.#part.names });
    this.#tell({ type: "done", id: this.#id, facts, writtenBytes: this.#part.writtenBytes });
    this.#part = undefined;
  }

  #tell(message: FromPartWorker): void {
    this.#port.postMessage(message);
  }
}

if (!parentPort) throw new DrawbridgeError("DB_UNEXPECTED", "part-worker.ts was not started as a worker thread");
const setup: PartWorkerSetup = workerData;
const worker = new PartWorker(parentPort, setup);
parentPort.on("message", (message: ToPartWorker) => worker.take(message));
