import { describe, expect, test } from "vitest";
import { waitFor } from "../../src/clock.ts";
import { requestClaim, writeAttestation } from "../../src/journal/claims.ts";
import { appendEvent } from "../../src/journal/events.ts";
import { setIntent } from "../../src/journal/migrations.ts";
import { intend } from "../../src/journal/outbox.ts";
import { journalOfFile } from "../support/journal-of-file.ts";
import { journalKit, passwordsCount } from "./kit.ts";

const { journal } = await journalOfFile({ hba: passwordsCount });
const { migration, approval } = journalKit(journal);

describe("the journal", () => {
  test("changes are announced to whoever listens", async () => {
    const heard: string[] = [];
    const stop = await journal.bot.listen((change) => heard.push(`${change.table}:${change.migrationId}`));
    const id = await migration();
    await setIntent(journal.worker, id, "hold", "dan");
    const gate = await approval(id);
    await requestClaim(journal.worker, { nonce: `h-${id}`, approvals: [gate], migrationId: id, epoch: 0n });
    await writeAttestation(journal.bot, `h-${id}`, {});
    await intend(journal.worker, { kind: "note", migrationId: id, key: "k", audience: "thread" });
    await appendEvent(journal.bot, { migrationId: id, kind: "k", actor: "bot" });
    const wanted = ["migration", "approval", "claim_request", "attestation", "outbox", "event"].map(
      (table) => `${table}:${id}`,
    );
    await waitFor(() => wanted.every((line) => heard.includes(line)), {
      deadlineMs: 5_000,
      everyMs: 10,
      what: "notifications",
    });
    expect(heard).toEqual(expect.arrayContaining(wanted));
    stop();
  });
});
