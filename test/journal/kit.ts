import { createApproval } from "../../src/journal/approvals-rows.ts";
import { createDraft } from "../../src/journal/migrations.ts";
import type { TestJournal } from "../support/journal.ts";

/** Password logins over TCP: a role's own credentials are what is tested. */
export const passwordsCount = "local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256";

/** Makes drafts and gates, each under a name of its own. */
export function journalKit(journal: TestJournal): {
  readonly migration: () => Promise<string>;
  readonly approval: (migrationId: string, windowId?: number) => Promise<string>;
} {
  let made = 0;
  return {
    migration: async () => {
      const id = `shop-${++made}`;
      await createDraft(journal.worker, { id, driver: "dan", configDigest: "c0ffee" });
      return id;
    },
    approval: async (migrationId, windowId) => {
      const id = `${migrationId}-maintenance-${++made}`;
      await createApproval(journal.worker, {
        id,
        migrationId,
        windowId,
        gate: "maintenance",
        step: "turn-maintenance-on",
        digest: "d1",
        subject: { app: "shop" },
        evidence: {},
        requesters: ["dan"],
        expiresInMs: 60_000,
      });
      return id;
    },
  };
}
