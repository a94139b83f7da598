import { stat } from "node:fs/promises";
import { dirname } from "node:path";

/** The number of the user who owns a directory, or the nearest one above it that can be looked at. */
export async function ownerAbove(path: string): Promise<number> {
  try {
    return (await stat(path)).uid;
  } catch (cause) {
    const parent = dirname(path);
    if (parent === path) throw cause;
    return ownerAbove(parent);
  }
}
