import { z } from "zod";
import type { Person, Workspace } from "./model.ts";

/** What a control request came to: an HTTP status and a body with `ok`. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: { readonly ok: boolean; readonly [key: string]: unknown };
}

/** An act that is not possible, in a sentence for whoever wrote the script. */
export function impossible(error: string, status = 400): ControlAnswer {
  return { status, body: { ok: false, error } };
}

/** An act that was done. */
export function done(facts: object = {}): ControlAnswer {
  return { status: 200, body: { ok: true, ...facts } };
}

/** One act: its input is not checked yet. */
export type Act = (ws: Workspace, input: unknown) => ControlAnswer | Promise<ControlAnswer>;

/** Binds an act to the shape of its input; a wrong shape is explained field by field. */
export function act<T>(
  schema: z.ZodType<T>,
  run: (ws: Workspace, input: T) => ControlAnswer | Promise<ControlAnswer>,
): Act {
  return (ws, input) => {
    const parsed = schema.safeParse(input);
    return parsed.success ? run(ws, parsed.data) : impossible(z.prettifyError(parsed.error));
  };
}

/** An administrator of the workspace: they may delete what others wrote. */
export function administrator(ws: Workspace): Person | undefined {
  return [...ws.people.values()].find((each) => each.isAdmin);
}
