import { processorOf } from "./job.ts";

/** Restores the bridge from Heroku's archive as a standby. */
export const restoreBridge = processorOf("restore-bridge");
