import type { WebClient } from "@slack/web-api";
import type { Journal } from "../journal/open.ts";
import { getOutbox } from "../journal/outbox.ts";
import { lagChart } from "../report/lag-chart.ts";
import type { LagSeries } from "../report/lag.ts";

/** Longest wait for Slack to take the picture. */
const uploadMs = 10_000;

/**
 * Draws lag and puts the picture, with its words as alt text, into the thread of the card.
 * @returns false when the card is not posted, so that there is no thread.
 */
export async function uploadLagChart(
  client: WebClient,
  journal: Journal,
  migrationId: string,
  series: LagSeries,
): Promise<boolean> {
  const card = await getOutbox(journal.db, "card", migrationId, "card");
  if (card?.channel === undefined || card.messageTs === undefined) return false;
  const { png, altText } = lagChart(series);
  const filename = `lag-${series.last.at.toISOString().slice(0, 19).replaceAll(":", "")}.png`;
  const place = await client.files.getUploadURLExternal({ filename, length: png.length, alt_text: altText });
  if (place.upload_url === undefined || place.file_id === undefined)
    throw new Error("Slack named no place for the picture");
  const sent = await fetch(place.upload_url, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: new Uint8Array(png),
    signal: AbortSignal.timeout(uploadMs),
  });
  await sent.body?.cancel();
  if (!sent.ok) throw new Error(`Slack did not take the picture: ${sent.status}`);
  await client.files.completeUploadExternal({
    files: [{ id: place.file_id, title: "Replication lag" }],
    channel_id: card.channel,
    thread_ts: card.messageTs,
    initial_comment: altText,
  });
  return true;
}
