import { afterAll } from "vitest";
import { startCluster, type TestCluster } from "./cluster.ts";
import { makeJournal, type TestJournal } from "./journal.ts";

/** A server with a journal in it for one test file, awaited at the file's top level and gone when its tests are over. */
export async function journalOfFile(
  options?: Parameters<typeof startCluster>[0],
): Promise<{ readonly cluster: TestCluster; readonly journal: TestJournal }> {
  const cluster = await startCluster(options);
  afterAll(() => cluster[Symbol.asyncDispose]());
  const journal = await makeJournal(cluster);
  // the last one registered runs first
  afterAll(() => journal[Symbol.asyncDispose]());
  return { cluster, journal };
}
