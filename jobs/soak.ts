import { processorOf } from "./job.ts";

/** Watches the target for the agreed time, the way back open. */
export const soak = processorOf("soak");
