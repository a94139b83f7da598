import { connect, type OnReadOpts, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { headEnd, readHead, type ResponseHead } from "./response-head.ts";

/** Where a connection leads. */
export interface Origin {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
}

/** Times in milliseconds. */
export interface SocketTimes {
  readonly connectMs: number;
  /** A connection that stands still for so long is given up, whatever it was doing. */
  readonly idleMs: number;
}

/** Memory for heads, and for bodies that nobody has lent memory for. */
const ownBytes = 64 * 1024;
/** What the system may hand over at once of a body: 256 KiB took 40 % less CPU than 64 KiB, on both sides. */
const readBytes = 256 * 1024;
const mostHeadBytes = 64 * 1024;

/** What a body goes into. */
export interface Sink {
  /** Memory where the next bytes should arrive; the socket's own where there is none. */
  readonly room?: () => Uint8Array;
  /**
   * Gets the bytes, which are valid during the call only, unless they arrived in `room`. False: no more until `resume`.
   * `isThere`: they did.
   */
  readonly take: (bytes: Buffer, isThere: boolean) => boolean;
}

interface Waiting {
  readonly resolve: (head: ResponseHead) => void;
  readonly reject: (fault: Error) => void;
}

/**
 * One connection for HTTP/1.1 requests without a body, one after the other. Bodies arrive right where
 * they are wanted: node:http allocates and copies each 64 KiB, which took three quarters of the CPU of reading an object.
 */
export class DirectSocket {
  readonly #socket: Socket;
  readonly #own = Buffer.allocUnsafeSlow(ownBytes);
  #head = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  /** Bytes of the body that have not come yet; `undefined`: no answer is under way. */
  #left: number | undefined;
  /** Body bytes that came with the head, before anybody wanted them. */
  #held = Buffer.alloc(0);
  #sink: Sink | undefined;
  #over: { readonly resolve: () => void; readonly reject: (fault: Error) => void } | undefined;
  #keepsAlive = true;
  #fault: Error | undefined;
  /** Called when the answer has been read and the connection may be used again. */
  onFree: () => void = () => undefined;
  onClose: () => void = () => undefined;

  constructor({ isSecure, host, port }: Origin, times: SocketTimes, secure: ConnectionOptions = {}) {
    const onread: OnReadOpts = {
      buffer: () => this.#next(),
      callback: (length, room) => this.#take(Buffer.from(room.buffer, room.byteOffset, length)),
    };
    const at = { host, port, onread, noDelay: true };
    this.#socket = isSecure ? connectTls({ ...at, ...serverName(host), ...secure }) : connect(at);
    const late = setTimeout(() => this.#fail(timeout(`no connection to ${host}:${port}`)), times.connectMs);
    this.#socket.once(isSecure ? "secureConnect" : "connect", () => clearTimeout(late));
    this.#socket.setTimeout(times.idleMs, () => this.#fail(timeout(`${host}:${port} stands still`)));
    this.#socket.on("error", (fault) => this.#fail(fault));
    this.#socket.on("close", () => {
      clearTimeout(late);
      this.#fail(Object.assign(new Error(`${host}:${port} closed the connection`), { code: "ECONNRESET" }));
      this.onClose();
    });
  }

  /** Whether it can take a request. */
  get isUsable(): boolean {
    return this.#fault === undefined && this.#left === undefined && this.#waiting === undefined;
  }

  /** Whether it keeps the process alive. */
  hold(holds: boolean): void {
    if (holds) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Sends a request. Resolves with the answer's head; its body waits for `drain`. @throws the socket's error. */
  ask(request: string): Promise<ResponseHead> {
    const { promise, resolve, reject } = Promise.withResolvers<ResponseHead>();
    this.#waiting = { resolve, reject };
    if (this.#fault) this.#fail(this.#fault);
    else this.#socket.write(request, "latin1");
    return promise;
  }

  /** Gives all of the body to `sink`. @throws the socket's error when it breaks off before its end. */
  async drain(sink: Sink): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#over = { resolve, reject };
    this.#sink = sink;
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    if (this.#fault) this.#fail(this.#fault);
    else if (this.#pass(held, false)) this.resume();
    return promise;
  }

  /** The sink wants more. */
  resume(): void {
    this.#socket.resume();
  }

  /** Gives the connection up. */
  destroy(fault = new Error("the connection was given up")): void {
    this.#fail(fault);
  }

  /** Where the system is to put what it reads next: never more than belongs to this body. */
  #next(): Uint8Array {
    const room = this.#left === undefined ? undefined : this.#sink?.room?.();
    if (room === undefined || room.length === 0) return this.#own;
    return room.subarray(0, Math.min(room.length, this.#left ?? 0, readBytes));
  }

  #take(bytes: Buffer): boolean {
    if (this.#waiting) return this.#takeHead(this.#waiting, bytes);
    if (this.#left === undefined) this.#fail(new Error("the server sent what nobody asked for"));
    if (this.#fault) return false;
    if (this.#sink) return this.#pass(bytes, bytes.buffer !== this.#own.buffer);
    this.#held = Buffer.concat([this.#held, bytes]);
    return false;
  }

  #takeHead(waiting: Waiting, bytes: Buffer): boolean {
    this.#head = Buffer.concat([this.#head, bytes]);
    const end = this.#head.indexOf(headEnd);
    if (end < 0 && this.#head.length < mostHeadBytes) return true;
    const head = end < 0 ? undefined : readHead(this.#head.toString("latin1", 0, end));
    if (head === undefined) {
      this.#fail(new Error("the server's answer is not HTTP/1.1"));
      return false;
    }
    this.#held = this.#head.subarray(end + headEnd.length);
    this.#head = Buffer.alloc(0);
    this.#waiting = undefined;
    this.#left = head.bodyBytes ?? Number.POSITIVE_INFINITY;
    this.#keepsAlive = head.keepsAlive;
    waiting.resolve(head);
    return false;
  }

  /** Hands body bytes on, and notices the end. */
  #pass(bytes: Buffer, isThere: boolean): boolean {
    const left = this.#left ?? 0;
    if (bytes.length > left) {
      this.#fail(new Error("the body is longer than announced"));
      return false;
    }
    this.#left = left - bytes.length;
    const wantsMore = bytes.length === 0 || this.#sink?.take(bytes, isThere) === true;
    if (this.#left > 0) return wantsMore;
    this.#left = undefined;
    this.#sink = undefined;
    this.#over?.resolve();
    this.#over = undefined;
    if (this.#keepsAlive) this.onFree();
    else this.destroy();
    return true;
  }

  #fail(fault: Error): void {
    this.#fault ??= fault;
    this.#socket.destroy();
    this.#waiting?.reject(this.#fault);
    this.#over?.reject(this.#fault);
    this.#waiting = undefined;
    this.#over = undefined;
    this.#sink = undefined;
  }
}

function timeout(message: string): Error {
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}

/** TLS wants the server's name; an address is none (RFC 6066, 3). */
function serverName(host: string): ConnectionOptions {
  return { ALPNProtocols: ["http/1.1"], ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }) };
}
