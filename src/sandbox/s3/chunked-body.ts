import { createHash } from "node:crypto";
import { Transform } from "node:stream";

/** Takes `aws-chunked` framing off a body: `size;chunk-signature=…\r\n data \r\n … 0\r\n trailers`. Chunk signatures are not checked. */
export function dechunk(): Transform {
  let waiting: Buffer = Buffer.alloc(0);
  let left = 0;
  let ended = false;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      waiting = waiting.length === 0 ? piece : Buffer.concat([waiting, piece]);
      while (!ended && waiting.length > 0) {
        if (left > 0) {
          const data = waiting.subarray(0, left);
          waiting = waiting.subarray(data.length);
          left -= data.length;
          this.push(data);
          continue;
        }
        if (waiting[0] === 13) {
          if (waiting.length < 2) break; // the line end after a chunk's data, cut in two
          waiting = waiting.subarray(2);
          continue;
        }
        const lineEnd = waiting.indexOf("\r\n");
        if (lineEnd < 0) break;
        left = Number.parseInt(waiting.subarray(0, lineEnd).toString("latin1"), 16);
        if (Number.isNaN(left)) return done(new Error("a chunk has no size"));
        waiting = waiting.subarray(lineEnd + 2);
        ended = left === 0;
      }
      done();
    },
    flush(done) {
      done(ended ? null : new Error("the last chunk is missing"));
    },
  });
}

/** Passes a body through and fails at its end when it is not what its sender announced. */
export function checkBody(expected: { sha256?: string; length?: number }): Transform {
  const hash = createHash("sha256");
  let length = 0;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      length += piece.length;
      done(null, piece);
    },
    flush(done) {
      if (expected.length !== undefined && expected.length !== length) return done(new Error("IncompleteBody"));
      if (expected.sha256 !== undefined && hash.digest("hex") !== expected.sha256)
        return done(new Error("XAmzContentSHA256Mismatch"));
      done();
    },
  });
}
