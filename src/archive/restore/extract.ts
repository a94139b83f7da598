import { DrawbridgeError } from "../../errors.ts";
import type { Owner } from "../server/owned-file.ts";
import type { TarMember } from "../tar/tar-header.ts";
import type { TarHandler } from "../tar/tar-parser.ts";
import type { FileWriter } from "./file-writer.ts";
import { cleanName, isRestoredDir, restoredName, segmentBeforeIt, symlinkFate, tablespaceOf } from "./member-fate.ts";
import { addName, keptFiles, largeFileBytes, noNames, requiredNames, type PartFacts } from "./part-facts.ts";

/** Where members go. */
export interface ExtractionTarget {
  /** The data directory. */
  readonly into: string;
  /** Gets one directory for each tablespace, named by its object identifier. */
  readonly tablespacesDir: string;
  readonly owner: Owner | undefined;
}

/** How one tar partition is unpacked. */
export interface ExtractionOptions {
  /** The object, for errors. */
  readonly key: string;
  /** Absent: nothing is written, the content is only looked at. */
  readonly files: FileWriter | undefined;
  /** Told of every member, for a comparison with a manifest. */
  readonly onName?: ((name: string) => void) | undefined;
}

/**
 * Unpacks one tar stream as it is parsed and notes what it held. Nothing is ever written outside the target's two
 * directories: no symlink of the archive is made, and names with `..` are refused.
 * Its methods throw DrawbridgeError `DB_ARCHIVE_INVALID` that names the object and the member.
 */
export class Extraction implements TarHandler {
  readonly facts: PartFacts;
  readonly #options: ExtractionOptions;
  readonly #oids = new Set<string>();
  readonly #required = new Set<string>();
  #keep: { readonly name: string; readonly parts: Buffer[] } | undefined;
  #isWriting = false;

  constructor(options: ExtractionOptions) {
    this.#options = options;
    this.facts = {
      key: options.key,
      members: 0,
      fileBytes: 0,
      tablespaceOids: [],
      laterSegments: [],
      largeFiles: [],
      hardLinks: [],
      leftOut: [],
      required: [],
      names: noNames(),
      kept: {},
    };
  }

  open(member: TarMember): void {
    const { facts } = this;
    const name = cleanName(member.name, this.#options.key);
    facts.members += 1;
    addName(facts.names, name);
    this.#options.onName?.(name);
    this.#note(name, member);
    if (member.kind === "file") this.#openFile(name, member.sizeBytes);
    else if (member.kind === "directory") this.#makeDir(name);
    else this.#link(name, member);
  }

  data(bytes: Uint8Array): void {
    this.#keep?.parts.push(Buffer.from(bytes));
    if (this.#isWriting) this.#options.files?.write(bytes);
  }

  close(): void {
    if (this.#isWriting) this.#options.files?.close();
    this.#isWriting = false;
    if (this.#keep) this.facts.kept[this.#keep.name] = Buffer.concat(this.#keep.parts).toString("base64");
    this.#keep = undefined;
  }

  /** After the last member. */
  finish(): PartFacts {
    this.facts.tablespaceOids = [...this.#oids];
    this.facts.required = [...this.#required];
    return this.facts;
  }

  #note(name: string, member: TarMember): void {
    const tablespace = tablespaceOf(name);
    if (tablespace) this.#oids.add(tablespace.oid);
    if (/^pg_(?:xact|clog)\//.test(name)) this.#required.add("pg_xact");
    if (member.kind !== "file") return;
    // a directory or hard link of that name has no content that could be judged
    if (requiredNames.has(name)) this.#required.add(name);
    this.facts.fileBytes += member.sizeBytes;
    if (segmentBeforeIt(name) !== undefined) this.facts.laterSegments.push(name);
    if (member.sizeBytes >= largeFileBytes) this.facts.largeFiles.push(name);
    const limit = keptFiles.get(name);
    if (limit === undefined) return;
    if (member.sizeBytes > limit) throw this.#invalid(`${name} has ${member.sizeBytes} bytes, which it never has`);
    this.#keep = { name, parts: [] };
  }

  #openFile(name: string, sizeBytes: number): void {
    const as = restoredName(name);
    if (as === undefined || !this.#options.files) return;
    this.#isWriting = true;
    this.#options.files.open(as, sizeBytes);
  }

  #makeDir(name: string): void {
    if (isRestoredDir(name)) this.#options.files?.makeDir(name);
  }

  /** Links of the writing host are never followed: directories become directories, hard links wait for all parts. */
  #link(name: string, member: TarMember): void {
    if (member.kind === "hardlink") {
      const to = cleanName(member.linkName, this.#options.key);
      const as = restoredName(name);
      const target = restoredName(to);
      if (as === undefined) return;
      if (target === undefined) throw this.#invalid(`the hard link ${name} leads to ${to}, which is not restored`);
      this.facts.hardLinks.push({ name: as, target });
      return;
    }
    const fate = member.kind === "symlink" ? symlinkFate(name) : "refused";
    if (fate === "volume") this.#makeDir(name);
    if (fate === "host-file") this.facts.leftOut.push(`${name} (to ${member.linkName})`);
    if (fate === "refused")
      throw this.#invalid(
        `${name} is a ${member.kind === "other" ? "device or pipe" : member.kind}; that is not restored`,
      );
  }

  #invalid(what: string): DrawbridgeError {
    return new DrawbridgeError("DB_ARCHIVE_INVALID", `${this.#options.key}: ${what}`);
  }
}
