import { processorOf } from "./job.ts";

/** Window 2: writes move from the bridge to RDS. */
export const cutover = processorOf("cutover");
