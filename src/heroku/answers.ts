import { z } from "zod";

/** Shapes of Heroku's answers, as far as we read them (Platform API v3, its hyper-schema); more fields may be there. */
const named = z.object({ id: z.string(), name: z.string() });

export const appAnswer = z.object({
  id: z.string(),
  name: z.string(),
  maintenance: z.boolean(),
  region: z.object({ name: z.string() }),
  space: z.object({ name: z.string() }).nullish(),
  generation: z.object({ name: z.string() }).nullish(),
});
export const accountAnswer = z.object({ id: z.string(), email: z.string() });
export const rateLimitAnswer = z.object({ remaining: z.number() });
export const formationAnswer = z.array(
  z.object({ type: z.string(), quantity: z.number(), size: z.string(), command: z.string() }),
);
export const dynoAnswer = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  state: z.string(),
  command: z.string(),
  release: z.object({ version: z.number() }),
});
export const featureAnswer = z.object({ enabled: z.boolean() });
export const configVarsAnswer = z.record(z.string(), z.string());
export const addonAnswer = z.object({
  id: z.string(),
  name: z.string(),
  app: named,
  plan: z.object({ name: z.string() }),
  state: z.string(),
  config_vars: z.array(z.string()),
});
export const addonConfigAnswer = z.array(z.object({ name: z.string(), value: z.string().nullable() }));
export const attachmentAnswer = z.object({
  id: z.string(),
  name: z.string(),
  namespace: z.string().nullish(),
  addon: z.object({ id: z.string(), name: z.string(), app: named }),
  app: named,
});
export const releaseAnswer = z.object({
  id: z.string(),
  version: z.number(),
  description: z.string(),
  status: z.enum(["pending", "succeeded", "failed", "expired"]),
  current: z.boolean(),
  created_at: z.string(),
});
