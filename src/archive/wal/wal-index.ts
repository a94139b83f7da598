import { compressedExtensions } from "../codec/sniff.ts";
import { parseWalObject, walKind } from "../format/wal-names.ts";
import type { ObjectInfo, ObjectStore } from "../store/object-store.ts";

/** Where WAL lies under an archive's prefix. */
export const walPrefix = "wal_005/";

/** How many names one look ahead takes: what S3 gives in one answer. */
const pageKeys = 1_000;

/** How old an answer may be. */
export interface FindOptions {
  /** "It is not there" may be told from a listing of so many milliseconds ago; 0 unless told. */
  readonly freshMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Which objects hold which WAL file. */
export interface WalIndex {
  /**
   * The objects that hold `name`, one per compression. Empty only when a listing that succeeded has shown it, at most one
   * request; nothing is asked for names in the thousand that were listed ahead.
   */
  find(name: string, options?: FindOptions): Promise<readonly ObjectInfo[]>;
  /** Takes `name` out of what was listed ahead, after an object turned out to be gone. */
  forget(name: string): void;
}

/** What one listing has shown: all names between two keys. */
interface Window {
  /** Key before the first one seen. */
  readonly after: string;
  /** The last key seen; `undefined` when the listing came to the archive's end. */
  readonly through: string | undefined;
  readonly atMs: number;
  readonly names: Map<string, ObjectInfo[]>;
}

/** Opens an index that reads ahead. `nowMs`: a clock in milliseconds. */
export function openWalIndex(store: ObjectStore, nowMs: () => number): WalIndex {
  let window: Window | undefined;
  const find: WalIndex["find"] = async (name, { freshMs = 0, signal } = {}) => {
    const key = walPrefix + name;
    if (window && covers(window, key)) {
      const known = window.names.get(name);
      if (known) return known;
      if (nowMs() - window.atMs < freshMs) return [];
    }
    if (walKind(name) !== "segment") return findWal(store, name, signal);
    window = await readWindow(store, keyBefore(name), nowMs(), signal);
    return window.names.get(name) ?? [];
  };
  return { find, forget: (name) => void window?.names.delete(name) };
}

/** Objects that hold `name`, by one listing of its own. Those of an unknown extension come last. */
export async function findWal(store: ObjectStore, name: string, signal?: AbortSignal): Promise<readonly ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const object of store.list(walPrefix + name, signal ? { signal } : {})) {
    if (parseWalObject(object.key.slice(walPrefix.length))?.name === name) found.push(object);
  }
  return found.toSorted((a, b) => Number(!isReadable(a)) - Number(!isReadable(b)));
}

/** One WAL file of the archive, by all objects that hold it. */
export interface WalFile {
  readonly name: string;
  readonly objects: readonly ObjectInfo[];
}

/** All WAL files from `first` on in the order of their names (so on its timeline and later ones). */
export async function* listWal(store: ObjectStore, first: string, signal?: AbortSignal): AsyncGenerator<WalFile> {
  let held: { name: string; objects: ObjectInfo[] } | undefined;
  for await (const object of store.list(walPrefix, { startAfter: keyBefore(first), ...(signal ? { signal } : {}) })) {
    const name = parseWalObject(object.key.slice(walPrefix.length))?.name;
    if (name === undefined) continue;
    if (held?.name === name) held.objects.push(object);
    else {
      if (held) yield held;
      held = { name, objects: [object] };
    }
  }
  if (held) yield held;
}

/** Whether an object's extension is one that we know. */
export function isReadable(object: ObjectInfo): boolean {
  const extension = extensionOf(object);
  return extension === undefined || compressedExtensions.includes(extension);
}

/** The extension of a WAL object's compression. */
export function extensionOf(object: ObjectInfo): string | undefined {
  return parseWalObject(object.key.slice(walPrefix.length))?.extension;
}

function covers(window: Window, key: string): boolean {
  return window.after < key && (window.through === undefined || key <= window.through);
}

async function readWindow(
  store: ObjectStore,
  after: string,
  atMs: number,
  signal: AbortSignal | undefined,
): Promise<Window> {
  const names = new Map<string, ObjectInfo[]>();
  let through: string | undefined;
  let seen = 0;
  for await (const object of store.list(walPrefix, { startAfter: after, ...(signal ? { signal } : {}) })) {
    const name = parseWalObject(object.key.slice(walPrefix.length))?.name;
    if (name !== undefined) names.set(name, [...(names.get(name) ?? []), object]);
    seen += 1;
    // leaving here keeps the store from asking for its next page
    if (seen === pageKeys) {
      through = object.key;
      break;
    }
  }
  for (const [name, objects] of names)
    names.set(
      name,
      objects.toSorted((a, b) => Number(!isReadable(a)) - Number(!isReadable(b))),
    );
  return { after, through, atMs, names };
}

/** A key right before all keys of `name`, so that a listing after it starts with them. */
function keyBefore(name: string): string {
  return walPrefix + name.slice(0, -1) + String.fromCharCode(name.charCodeAt(name.length - 1) - 1) + "~";
}
