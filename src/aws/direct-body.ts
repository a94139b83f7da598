import { Readable } from "node:stream";
import type { FillingBody } from "../archive/store/object-store.ts";
import { DrawbridgeError } from "../errors.ts";
import type { DirectSocket } from "./direct-socket.ts";

/** A body that fills memory straight from its connection, and can be read like any other stream as well. */
export class DirectBody extends Readable implements FillingBody {
  readonly #socket: DirectSocket;
  #isBegun = false;
  #isOver = false;

  constructor(socket: DirectSocket) {
    super();
    this.#socket = socket;
  }

  async fillInto(room: Uint8Array): Promise<number> {
    this.#isBegun = true;
    let length = 0;
    await this.#socket.drain({
      room: () => room.subarray(length),
      take: (bytes, isThere) => {
        if (length + bytes.length > room.length) {
          this.#socket.destroy(new DrawbridgeError("DB_ARCHIVE_INVALID", "the store sent more than was asked for"));
          return false;
        }
        if (!isThere) bytes.copy(room, length);
        length += bytes.length;
        return true;
      },
    });
    this.#isOver = true;
    return length;
  }

  override _read(): void {
    if (this.#isBegun) return this.#socket.resume();
    this.#isBegun = true;
    this.#socket.drain({ take: (bytes) => this.push(Buffer.from(bytes)) }).then(
      () => {
        this.#isOver = true;
        this.push(null);
      },
      (fault: unknown) => this.destroy(fault instanceof Error ? fault : new Error(String(fault))),
    );
  }

  override _destroy(fault: Error | null, done: (fault: Error | null) => void): void {
    if (!this.#isOver) this.#socket.destroy(fault ?? undefined);
    done(fault);
  }
}
