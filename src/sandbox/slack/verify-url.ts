import { randomBytes } from "node:crypto";
import { callApp } from "./deliver.ts";
import type { Workspace } from "./model.ts";
import { note } from "./workspace.ts";

/** Slack's handshake with a new events URL: it must give the challenge back within three seconds. */
export async function verifyUrl(ws: Workspace, url: string): Promise<boolean> {
  const challenge = randomBytes(20).toString("hex");
  const body = JSON.stringify({ type: "url_verification", challenge });
  const answer = await callApp(ws, url, body, "application/json");
  const verified = answer.kind === "answered" && answer.status === 200 && answer.text.includes(challenge);
  note(ws, "event", "url_verification", verified ? "verified" : "not verified", { ms: answer.ms });
  return verified;
}
