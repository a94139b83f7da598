import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ifThere } from "../host/if-there.ts";

/** The number of the user who owns a directory, or the nearest one above it that exists. */
export async function ownerAbove(path: string): Promise<number> {
  const facts = await ifThere(stat(path));
  return facts?.uid ?? ownerAbove(dirname(path));
}
