import { processorOf } from "./job.ts";

/** Makes the bridge's host and the target, and waits until both answer. */
export const provision = processorOf("provision");
