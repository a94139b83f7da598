import type { ObjectStore } from "../archive/store/object-store.ts";
import { DrawbridgeError } from "../errors.ts";

/**
 * The source's archive as the agent sees it: whatever its keys allow, nothing is written there. WAL of the promoted bridge in
 * it would tell every later restore of the source of a timeline that the source never had.
 */
export function readOnlyStore(store: ObjectStore): ObjectStore {
  const refuse = (key: string): Promise<never> =>
    Promise.reject(
      new DrawbridgeError("DB_UNEXPECTED", `${key} must not be changed: the source's archive is only read`),
    );
  return {
    list: (prefix, options) => store.list(prefix, options),
    head: (key, signal) => store.head(key, signal),
    get: (key, options) => store.get(key, options),
    put: refuse,
    delete: refuse,
  };
}
