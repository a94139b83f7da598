import type { ObjectInfo, ObjectStore } from "./object-store.ts";

/** A folder of a store, as a store of its own: keys in and out are relative to it. `folder` ends with a slash. */
export function storeFolder(store: ObjectStore, folder: string): ObjectStore {
  const outer = (key: string): string => `${folder}${key}`;
  const inner = (info: ObjectInfo): ObjectInfo => ({ ...info, key: info.key.slice(folder.length) });
  return {
    async *list(prefix, options = {}) {
      const { startAfter, ...rest } = options;
      const all = startAfter === undefined ? rest : { ...rest, startAfter: outer(startAfter) };
      for await (const info of store.list(outer(prefix), all)) yield inner(info);
    },
    head: async (key, signal) => {
      const info = await store.head(outer(key), signal);
      return info && inner(info);
    },
    get: async (key, options) => {
      const found = await store.get(outer(key), options);
      return found && { ...found, info: inner(found.info) };
    },
    put: (key, body, signal) => store.put(outer(key), body, signal),
    delete: (key) => store.delete(outer(key)),
  };
}
