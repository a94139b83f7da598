import { processorOf } from "./job.ts";

/** Window 1: writes move from Heroku to the bridge. */
export const promote = processorOf("promote");
