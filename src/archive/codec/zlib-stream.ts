import { constants, createBrotliDecompress, createGunzip, createZstdDecompress } from "node:zlib";
import { DrawbridgeError } from "../../errors.ts";

const kinds = {
  zstd: { open: createZstdDecompress, goOn: constants.ZSTD_e_continue, finish: constants.ZSTD_e_end },
  brotli: {
    open: createBrotliDecompress,
    goOn: constants.BROTLI_OPERATION_PROCESS,
    finish: constants.BROTLI_OPERATION_FINISH,
  },
  gzip: { open: createGunzip, goOn: constants.Z_NO_FLUSH, finish: constants.Z_FINISH },
};

/** What node:zlib decodes. */
export type ZlibCompression = keyof typeof kinds;

/** What became of a call. */
export interface Decoded {
  /** Bytes of the input that were taken in. */
  readonly used: number;
  /** Bytes of the output that were written. */
  readonly written: number;
  readonly fault: Error | undefined;
}

/** One compressed stream, decoded into memory of the caller's. */
export interface ZlibStream {
  /** Decodes until input or room is used up, or the stream is over. After a fault only `close` may follow. */
  decode(input: Uint8Array, room: Uint8Array): Decoded;
  /** There is no more input: the fault if there should be. */
  finish(): Error | undefined;
  close(): void;
}

/**
 * node:zlib's own decoder without the stream around it. That is not documented: the stream's `_handle` does the work
 * (`writeSync`, in Node's lib/zlib.js since 0.11) and says in `_writeState` how much room and input it left. A stream makes a
 * new buffer for each piece of output, whose pages the system has to clear and V8 to collect: with memory of our own zstd takes
 * half of the CPU and brotli two thirds. @throws DrawbridgeError `DB_UNEXPECTED` for a Node that has it no more.
 */
export function openZlibStream(compression: ZlibCompression): ZlibStream {
  const { open, goOn, finish } = kinds[compression];
  const stream = open();
  // told by `errored` at once; unheard the event would end the process
  stream.on("error", () => undefined);
  const { _handle: handle, _writeState: left } = insideOf(stream);
  const run = (flush: number, input: Uint8Array, room: Uint8Array): Decoded => {
    handle.writeSync(flush, input, 0, input.length, room, 0, room.length);
    const fault = stream.errored ?? undefined;
    if (fault) return { used: 0, written: 0, fault };
    return { used: input.length - (left[1] ?? 0), written: room.length - (left[0] ?? 0), fault };
  };
  return {
    decode: (input, room) => run(goOn, input, room),
    finish: () => run(finish, new Uint8Array(0), new Uint8Array(64)).fault,
    close: () => stream.destroy(),
  };
}

interface Inside {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputAt: number,
      inputLength: number,
      output: Uint8Array,
      outputAt: number,
      outputLength: number,
    ): void;
  };
  /** Room and input that were left by the last call. */
  readonly _writeState: Uint32Array;
}

function insideOf(stream: object): Inside {
  if (isInside(stream)) return stream;
  throw new DrawbridgeError("DB_UNEXPECTED", `the zlib of Node ${process.version} is not the one that is known here`);
}

function isInside(stream: object): stream is Inside {
  if (!("_handle" in stream && "_writeState" in stream && stream._writeState instanceof Uint32Array)) return false;
  const handle = stream._handle;
  return typeof handle === "object" && handle !== null && "writeSync" in handle;
}
