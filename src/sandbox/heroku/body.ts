import type { z } from "zod";
import { invalid } from "./refusal.ts";

/** Checks a request's body by the rule of Heroku's schema. @throws Refusal 422 `invalid_params` */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const words = read.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
  throw invalid(`Invalid params: ${words.join("; ")}`);
}
