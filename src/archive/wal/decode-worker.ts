import { getPriority, setPriority } from "node:os";
import { parentPort } from "node:worker_threads";
import { asDrawbridgeError } from "../../errors.ts";
import { type Decoded, decodeWal, type DecodeJob } from "./decode-job.ts";

/** What a worker answers to one job. An error cannot cross with its class, so its parts do. */
export type DecodeAnswer =
  | { readonly decoded: Decoded }
  | { readonly fault: { readonly code: string; readonly message: string } };

const niceness = 10;

// this thread alone (Linux counts niceness by thread): what is decoded here lies ready long before it is needed, and the
// server that replays WAL on the same processors is what somebody waits for. Who was started nicer stays so: only root may turn back
setPriority(Math.max(niceness, getPriority()));

parentPort?.on("message", (job: DecodeJob) => parentPort?.postMessage(answerTo(job)));

function answerTo(job: DecodeJob): DecodeAnswer {
  try {
    return { decoded: decodeWal(job) };
  } catch (thrown) {
    const { code, message } = asDrawbridgeError(thrown);
    return { fault: { code, message } };
  }
}
