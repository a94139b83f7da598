/** What `looking` at a path brings, or `undefined` when nothing is there (`ENOENT`). @throws every other failure. */
export async function ifThere<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (cause) {
    if (isNotThere(cause)) return undefined;
    throw cause;
  }
}

/** Whether a file or a program was not found. */
export function isNotThere(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
}
