import { processorOf } from "./job.ts";

/** Roles, database and extensions on the target; a trial load of the schema. */
export const prepareTarget = processorOf("prepare-target");
