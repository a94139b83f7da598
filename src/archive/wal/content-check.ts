import { DrawbridgeError } from "../../errors.ts";
import {
  readSegmentHeader,
  SegmentCheck,
  segmentHeaderBytes,
  type SegmentExpectation,
  type SegmentFacts,
} from "../format/segment-check.ts";
import { parseHistory } from "../format/timeline-history.ts";
import { usualSegmentBytes, walKind } from "../format/wal-names.ts";

/** What a file was found to be. */
export interface DecodedWal {
  readonly sizeBytes: number;
  /** Of a segment. */
  readonly facts: SegmentFacts | undefined;
  /** Of a history file: its text. */
  readonly history: string | undefined;
}

/** Takes the content of one WAL file in order, in pieces that belong to the caller again after each call. */
export interface ContentCheck {
  /** @throws DrawbridgeError `DB_ARCHIVE_INVALID` that names the file, also for content that has no end. */
  push(piece: Uint8Array): void;
  /** The content is over. @throws DrawbridgeError `DB_ARCHIVE_INVALID` when it is not what the name says. */
  end(): DecodedWal;
}

/** Longest history, `.backup` or other small file that is believed. */
const smallBytes = 4 * 1024 * 1024;

/** A check for the file `name`. */
export function checkContent(name: string, expected: SegmentExpectation): ContentCheck {
  const kind = walKind(name);
  if (kind === "segment") return checkSegment(name, expected);
  if (kind === "partial") return checkPartial(name, expected.segmentBytes);
  return checkSmall(name, kind === "history");
}

function checkSegment(name: string, expected: SegmentExpectation): ContentCheck {
  const check = new SegmentCheck(name, expected);
  return {
    push: (piece) => check.push(piece),
    end: () => {
      const facts = check.end();
      return { sizeBytes: facts.segmentBytes, facts, history: undefined };
    },
  };
}

/** A segment that nobody promises to be whole: its first page is read, and it is no longer than a segment. */
function checkPartial(name: string, limitBytes = usualSegmentBytes): ContentCheck {
  let [head, sizeBytes] = [Buffer.alloc(0), 0];
  return {
    push: (piece) => {
      sizeBytes += piece.length;
      if (sizeBytes > limitBytes) throw tooLong(name, limitBytes);
      if (head.length < segmentHeaderBytes) head = Buffer.concat([head, piece]).subarray(0, segmentHeaderBytes);
    },
    end: () => {
      readSegmentHeader(head, name);
      return { sizeBytes, facts: undefined, history: undefined };
    },
  };
}

function checkSmall(name: string, isHistory: boolean): ContentCheck {
  let content = Buffer.alloc(0);
  return {
    push: (piece) => {
      if (content.length + piece.length > smallBytes) throw tooLong(name, smallBytes);
      content = Buffer.concat([content, piece]);
    },
    end: () => {
      if (content.length === 0) throw new DrawbridgeError("DB_ARCHIVE_INVALID", `WAL file ${name}: it is empty`);
      const history = isHistory ? content.toString("utf8") : undefined;
      if (history !== undefined) parseHistory(history, name);
      return { sizeBytes: content.length, facts: undefined, history };
    },
  };
}

function tooLong(name: string, limitBytes: number): DrawbridgeError {
  return new DrawbridgeError("DB_ARCHIVE_INVALID", `WAL file ${name}: it has more than ${limitBytes} bytes`);
}
