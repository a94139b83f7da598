import { test } from "vitest";
import { expectCleanStop } from "./stop.ts";

test("Ctrl-C while the servers start stops every process and says where the logs are", async () => {
  await expectCleanStop(/Starting PostgreSQL/);
});

test("Ctrl-C before anybody has typed a word stops every process", async () => {
  await expectCleanStop(/Drawbridge sandbox: a whole migration/);
});
