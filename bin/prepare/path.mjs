// Looks programs up as a shell does.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The absolute path of a program, as a shell would find it, or undefined. */
export function onPath(program, env) {
  return pathParts(env)
    .map((part) => join(part, program))
    .find(executable);
}

/** The absolute directories of PATH. */
export const pathParts = (env) => (env.PATH ?? "").split(delimiter).filter((part) => part.startsWith("/"));

/** Whether we may run a file. */
export function executable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
