import type { IncomingMessage } from "node:http";
import { type Body, Refused } from "./intake.ts";

/**
 * Reads a request's body, at most so many bytes.
 * @throws Refused 413 as soon as it is known to be larger, 400 when the sender hangs up before its end.
 */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > mostBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > mostBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(400, "the request broke off");
  }
  return Buffer.concat(chunks);
}

function tooLarge(): Refused {
  return new Refused(413, "a body that is too large");
}

/**
 * Parses a body that Slack sent: events as JSON, commands as a form, interactions as JSON in a form's `payload`.
 * @throws Refused 400 when it is nothing of these.
 */
export function parseBody(text: string, isForm: boolean): Body {
  if (!isForm) return jsonObject(text);
  const fields = [...new URLSearchParams(text)];
  const form = Object.fromEntries(fields);
  // of two values for one name, one reader takes the first and the next one the last
  if (Object.keys(form).length !== fields.length) throw new Refused(400, "a field comes twice");
  return form["payload"] === undefined ? form : jsonObject(form["payload"]);
}

function jsonObject(text: string): Body {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Refused(400, "no JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Refused(400, "no JSON object");
  return Object.fromEntries(Object.entries(parsed));
}
