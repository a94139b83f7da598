import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  appendEvent,
  type EventHead,
  eventHead,
  formatHead,
  parseHead,
  readEvents,
  verifyChain,
} from "../../src/journal/events.ts";
import { createDraft } from "../../src/journal/migrations.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { makeJournal, type TestJournal } from "../support/journal.ts";

let cluster: TestCluster;
let journal: TestJournal;
let noted: EventHead;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

/** Twenty events of both parts at once; `noted` is the end that somebody kept when there were twelve. */
beforeEach(async () => {
  journal = await makeJournal(cluster);
  await createDraft(journal.worker, { id: "m", driver: "dan", configDigest: "c" });
  const append = (n: number) =>
    appendEvent(n % 2 ? journal.worker : journal.bot, { migrationId: "m", kind: "k", actor: "a", facts: { n } });
  await Promise.all(Array.from({ length: 12 }, (_, n) => append(n)));
  noted = await eventHead(journal.bot);
  await Promise.all(Array.from({ length: 8 }, (_, n) => append(12 + n)));
  return () => journal[Symbol.asyncDispose]();
});

/** As the server's superuser, whom triggers do not stop. */
async function tamper(...statements: readonly string[]): Promise<void> {
  await journal.admin.transaction(async (tx) => {
    await tx.query("set local session_replication_role = replica");
    for (const statement of statements) await tx.query(statement);
  });
}

/** A forger who knows how: computes every hash anew from `from` on, and the note of the end with them. */
const rewrite = (from: number): string => `do $$
  declare e record; prev text;
  begin
    select coalesce((select hash from journal.event where id = ${from} - 1), repeat('0', 64)) into prev;
    for e in select * from journal.event where id >= ${from} order by id loop
      update journal.event set prev_hash = prev, hash = journal.event_hash(prev, e.id, e.migration_id, e.at, e.kind, e.actor, e.facts)
        where id = e.id returning hash into prev;
    end loop;
    update journal.event_head set (id, hash) = (select id, hash from journal.event order by id desc limit 1);
  end $$`;
const shift = "update journal.event set id = -id where id > 7; update journal.event set id = -id - 1 where id < 0";

describe("what was done to the event log is found in the journal alone", () => {
  test("nothing, where nothing was done; and the log's end is what the last event says", async () => {
    const { fault, head } = await verifyChain(journal.bot, [noted]);
    expect(fault).toBeUndefined();
    expect(head).toEqual(await eventHead(journal.worker));
    expect(head.id).toBe(20n);
    expect(parseHead(formatHead(head))).toEqual(head);
    expect(await readEvents(journal.bot, "m", { afterId: 15n })).toHaveLength(5);
  });
  test.each<[string, readonly string[], RegExp]>([
    ["facts changed", ["update journal.event set facts = '{\"n\": 99}' where id = 7"], /event 7 does not fit/],
    ["an actor changed", ["update journal.event set actor = 'b' where id = 20"], /event 20 does not fit/],
    ["a moment changed", ["update journal.event set at = at + interval '1 us' where id = 3"], /event 3 does not fit/],
    [
      "one changed, its own hash with it",
      [
        "update journal.event set actor = 'b' where id = 7",
        "update journal.event set hash = journal.event_hash(prev_hash, id, migration_id, at, kind, actor, facts) where id = 7",
      ],
      /event 8 does not fit/,
    ],
    ["the first removed", ["delete from journal.event where id = 1"], /before event 2 there are others missing/],
    [
      "one in the middle removed",
      ["delete from journal.event where id = 5"],
      /before event 6 there are others missing/,
    ],
    [
      "one in the middle removed and the gap closed",
      ["delete from journal.event where id = 7", shift],
      /event 7 does not fit/,
    ],
    ["the last removed", ["delete from journal.event where id = 20"], /events 20 to 20 were cut off at the end/],
    ["the tail removed", ["delete from journal.event where id > 12"], /events 13 to 20 were cut off/],
    ["all removed", ["truncate journal.event"], /events 1 to 20 were cut off/],
    [
      "two swapped",
      [
        "update journal.event set id = case id when 6 then -7 else -6 end where id in (6, 7)",
        "update journal.event set id = -id where id < 0",
      ],
      /event 6 does not fit/,
    ],
    [
      "one inserted",
      [
        "insert into journal.event select 21, migration_id, at, 'vote', actor, facts, hash, journal.event_hash(hash, 21, migration_id, at, 'vote', actor, facts) from journal.event where id = 20",
      ],
      /not as the journal noted it/,
    ],
    [
      "one slipped in between",
      [
        "update journal.event set id = -id where id > 7",
        "update journal.event set id = 1 - id where id < 0",
        "insert into journal.event select 8, migration_id, at, kind, actor, facts, hash, hash from journal.event where id = 7",
      ],
      /event 8 does not fit/,
    ],
    [
      "the tail rewritten, its note of the end not",
      ["update journal.event set actor = 'b' where id = 7", rewrite(7).replace(/update journal.event_head[^;]*;/, "")],
      /not as the journal noted it/,
    ],
    ["the note of the end removed", ["delete from journal.event_head"], /note of the log's end is gone/],
  ])("%s", async (_what, statements, says) => {
    await tamper(...statements);
    expect((await verifyChain(journal.bot)).fault).toMatch(says);
  });
});

describe("a forger who writes every table anew is found only by an end that was kept elsewhere", () => {
  test.each<[string, readonly string[], RegExp]>([
    [
      "an event before it changed, all hashes made anew",
      ["update journal.event set actor = 'b' where id = 5", rewrite(5)],
      /event 12 is not the one that was noted/,
    ],
    [
      "the log cut off before it",
      ["delete from journal.event where id > 10", rewrite(1)],
      /events 11 to 12 were there when 12:.* was noted and are gone/,
    ],
    [
      "all of it gone",
      ["truncate journal.event", "update journal.event_head set id = 0, hash = repeat('0', 64)"],
      /events 1 to 12 were there/,
    ],
  ])("%s", async (_what, statements, says) => {
    await tamper(...statements);
    expect((await verifyChain(journal.bot)).fault).toBeUndefined();
    expect((await verifyChain(journal.bot, [noted])).fault).toMatch(says);
  });
  test("and what came after that end can be forged: it is found by a later end only", async () => {
    const later = await eventHead(journal.bot);
    await tamper("update journal.event set actor = 'b' where id = 15", rewrite(15));
    expect((await verifyChain(journal.bot, [noted])).fault).toBeUndefined();
    expect((await verifyChain(journal.bot, [noted, later])).fault).toMatch(/event 20 is not the one/);
  });
});

test("an end that is none is refused", () => {
  for (const text of ["", "12", "12:xyz", `12:${"g".repeat(64)}`, `-1:${"0".repeat(64)}`])
    expect(parseHead(text)).toBeUndefined();
});
