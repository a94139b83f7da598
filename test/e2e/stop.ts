import { expect } from "vitest";
import { lives, poll, processesOf, startSandbox } from "../support/sandbox.ts";

/** Starts a sandbox, presses Ctrl-C once its output has the words, and looks for what is left. */
export async function expectCleanStop(words: RegExp, args: readonly string[] = []): Promise<void> {
  await using sandbox = startSandbox(args);
  const folder = await poll("the first line", 30_000, () => sandbox.directory());
  const seen = new Map<string, string>();
  await poll(`the output to say ${words}`, 300_000, () => {
    for (const line of processesOf(folder)) seen.set(line.split(" ")[0] ?? "", line);
    return words.test(sandbox.output()) ? true : undefined;
  });
  for (const { role, pid } of sandbox.info()?.processes ?? []) seen.set(String(pid), role);
  sandbox.signal("SIGINT");
  expect(await sandbox.ended, sandbox.output().slice(-2_000)).toBe(130);
  expect(sandbox.output()).toContain("every process that was started has ended");
  expect(sandbox.output()).toMatch(/Logs: \/\S+\/logs\n/);
  const left = [...seen].filter(([pid]) => Number(pid) !== sandbox.pid && lives(Number(pid)));
  expect(left, "processes that are left").toEqual([]);
  expect(processesOf(folder), "processes of the run's folder").toEqual([]);
}
