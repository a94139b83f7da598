import { processorOf } from "./job.ts";

/** Looks for what would break the migration; touches nothing. */
export const preflight = processorOf("preflight");
