import { z } from "zod";

/** All that a job says: which migration, and where to look (law 1). No fact, no secret. */
export const payloadSchema = z.strictObject({
  migrationId: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/),
  phase: z.string().regex(/^[a-z][a-z-]{0,30}$/),
});

/** A job's payload. Only a hint: whoever gets it reads what is true from the journal. */
export type Payload = z.infer<typeof payloadSchema>;

/** The queues: phases of migrations, commands of people, and the agents on bridges. */
export type QueueName = "phases" | "commands" | "agent";

/** Prefix of all our keys in Redis. */
export const prefix = "drawbridge";
