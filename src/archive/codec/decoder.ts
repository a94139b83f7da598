import { lz4Steps } from "./lz4-decoder.ts";
import { lzopSteps } from "./lzop-decoder.ts";
import { SteppedDecoder } from "./push-input.ts";
import type { Compression } from "./sniff.ts";
import { ZlibDecoder } from "./zlib-decoder.ts";

/**
 * Takes one compressed object in chunks of any size. After an error the decoder is of no more use. A chunk belongs to the
 * caller again when `push` has returned: by then it is decoded, in this thread.
 */
export interface Decoder {
  /** @throws DrawbridgeError `DB_ARCHIVE_INVALID` for damage; errors of the sink as they are. */
  push(chunk: Uint8Array): void;
  /** The object is over. @throws DrawbridgeError `DB_ARCHIVE_INVALID` when its content is not. */
  end(): void;
}

/**
 * A decoder for one object. `what` names the object in errors. `sink` gets the content in order, some 256 KiB
 * at a time (a whole block where the format has larger ones), as views that are valid during the call only.
 * Content that the sink got is proven only when `end` has returned.
 */
export function createDecoder(compression: Compression, what: string, sink: (bytes: Uint8Array) => void): Decoder {
  switch (compression) {
    case "lzop":
      return new SteppedDecoder(what, (input) => lzopSteps(input, what, sink));
    case "lz4":
      return new SteppedDecoder(what, (input) => lz4Steps(input, what, sink));
    case "none":
      return { push: sink, end: () => undefined };
    case "zstd":
    case "brotli":
    case "gzip":
      return new ZlibDecoder(compression, what, sink);
  }
}
