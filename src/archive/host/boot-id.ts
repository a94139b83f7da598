import { readFile } from "node:fs/promises";

/** Changes with every start of the machine (`random(4)`); `undefined` where the system does not tell. */
export async function bootId(): Promise<string | undefined> {
  return readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}
