import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** One archive by the real wal-e lies in the repository; the others, where the checkout has them, beside it. */
const places = [
  resolve(import.meta.dirname, "../fixtures/archives"),
  resolve(import.meta.dirname, "../../../shared/fixtures/archives"),
];

/** The folder of a real archive, or `undefined` where this machine does not have it. */
export function findArchive(name: string): string | undefined {
  return places.map((place) => join(place, name)).find((path) => existsSync(path));
}

/** The folder of a real archive. @throws when this machine does not have it: such a test is to be skipped. */
export function archiveFolder(name: string): string {
  const found = findArchive(name);
  if (found === undefined) throw new Error(`there is no archive ${name} in ${places.join(" or ")}`);
  return found;
}
