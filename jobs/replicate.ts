import { processorOf } from "./job.ts";

/** Copies everything to the target and keeps it current. */
export const replicate = processorOf("replicate");
