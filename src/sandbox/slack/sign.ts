import { createHmac } from "node:crypto";
import type { Secret } from "../../redact.ts";

/**
 * Headers of a request signed as Slack signs: HMAC-SHA256 over `v0:{seconds}:{raw body}`.
 * Source: docs.slack.dev/authentication/verifying-requests-from-slack.
 */
export function signedHeaders(secret: Secret, body: string, now: Date, contentType: string): Record<string, string> {
  const seconds = String(Math.floor(now.getTime() / 1000));
  const signature = createHmac("sha256", secret.reveal()).update(`v0:${seconds}:${body}`).digest("hex");
  return {
    "content-type": contentType,
    "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
    "x-slack-request-timestamp": seconds,
    "x-slack-signature": `v0=${signature}`,
  };
}
