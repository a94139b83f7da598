import { processorOf } from "./job.ts";

/** Ends the way back and removes the bridge. */
export const retire = processorOf("retire");
