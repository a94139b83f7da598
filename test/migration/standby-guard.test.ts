import { expect, test } from "vitest";
import { type StandbyFacts, whyNotPromotable } from "../../src/migration/standby-guard.ts";

const good: StandbyFacts = {
  agent: { state: "following", facts: { timeline: 2, collations: [] } },
  source: { systemIdentifier: "7", timeline: 2 },
  bridge: { systemIdentifier: "7", inRecovery: true },
  acceptCollationChange: false,
};

function told(code: string, outcome: string, state: "failed" | "following" = "failed"): StandbyFacts {
  return {
    ...good,
    agent: { state, facts: { timeline: 2, collations: [], error: { code, message: "said so", outcome } } },
  };
}

test("a standby of this very source, on its timeline, may take over", () => {
  expect(whyNotPromotable(good)).toBeUndefined();
  // the archive's newest timeline comes to the bridge later than the source has it
  expect(whyNotPromotable({ ...good, source: { systemIdentifier: "7", timeline: 3 } })).toBeUndefined();
});

test.each<[string, StandbyFacts, string, RegExp]>([
  [
    "the source has become another cluster",
    { ...good, source: { systemIdentifier: "8", timeline: 1 } },
    "DB_RESTORE_AGAIN",
    /cluster 8 now, .* from cluster 7/,
  ],
  [
    "the bridge is a primary",
    { ...good, bridge: { systemIdentifier: "7", inRecovery: false } },
    "DB_RESTORE_AGAIN",
    /not in recovery/,
  ],
  ["the agent gave up on the archive's timeline", told("DB_RESTORE_AGAIN", "terminal"), "DB_RESTORE_AGAIN", /said so/],
  [
    "the archive's keys expired while it follows",
    told("DB_ARCHIVE_ACCESS", "paused", "following"),
    "DB_ARCHIVE_ACCESS",
    /said so/,
  ],
  ["the next WAL is damaged", told("DB_ARCHIVE_INVALID", "terminal", "following"), "DB_ARCHIVE_INVALID", /said so/],
  [
    "the archive leads to a timeline that the source never had",
    { ...good, source: { systemIdentifier: "7", timeline: 1 } },
    "DB_ARCHIVE_INVALID",
    /timeline 2, which the source, on timeline 1, never had/,
  ],
  [
    "the source went to a timeline that was taken for somebody else's",
    { ...good, agent: { state: "following", facts: { timeline: 1, foreignThrough: 2 } } },
    "DB_RESTORE_AGAIN",
    /gone to timeline 2/,
  ],
])("refused when %s", (_, facts, code, words) => {
  expect(whyNotPromotable(facts)).toMatchObject({ code, message: expect.stringMatching(words) });
});

test("text that the bridge sorts otherwise blocks, names itself, and is accepted knowingly only", () => {
  const collations = [{ what: "database shop", recorded: "2.31", actual: "2.36" }];
  const facts: StandbyFacts = { ...good, agent: { state: "following", facts: { timeline: 2, collations } } };
  const fault = whyNotPromotable(facts);
  expect(fault).toMatchObject({ code: "DB_COLLATION", outcome: "paused" });
  expect(fault?.message).toContain("database shop (2.31, here 2.36)");
  expect(fault?.remedy).toMatch(/imageId.*reindex/);
  expect(whyNotPromotable({ ...facts, acceptCollationChange: true })).toBeUndefined();
});

test.each([
  ["the look failed", { collationsFault: "DB_CONNECTION: refused" }, /not compared: DB_CONNECTION: refused/],
  ["the agent does not follow yet", {}, /not compared: its agent does not say so/],
])("versions that were not compared block, as if they differed: %s", (_, told, words) => {
  const facts: StandbyFacts = { ...good, agent: { state: "following", facts: { timeline: 2, ...told } } };
  expect(whyNotPromotable(facts)).toMatchObject({
    code: "DB_COLLATION",
    outcome: "retryable",
    message: expect.stringMatching(words),
  });
  expect(whyNotPromotable({ ...facts, acceptCollationChange: true })).toBeUndefined();
});

test("a trouble that the agent mends by itself blocks nothing", () => {
  expect(whyNotPromotable(told("DB_CONNECTION", "retryable", "following"))).toBeUndefined();
});
