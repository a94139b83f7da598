import { processorOf } from "./job.ts";

/** Waits until the bridge has caught up and stays so. */
export const follow = processorOf("follow");
