import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** One end of a WebSocket: text in, text out. */
export interface WebSocketEnd {
  send(text: string): void;
  /** Says goodbye and closes. */
  close(): void;
  /** Cuts the connection without a word. */
  cut(): void;
}

/** What comes over it. */
export interface WebSocketCalls {
  onText(text: string): void;
  onClose(): void;
}

/** Appended to the client's key for the proof of understanding. Source: RFC 6455, section 1.3. */
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const opcodes = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/**
 * Takes an HTTP upgrade as a WebSocket. As much of RFC 6455 as Slack's client uses: whole text frames, ping, pong, close;
 * no extensions, no fragments.
 */
export function acceptWebSocket(request: IncomingMessage, socket: Duplex, calls: WebSocketCalls): WebSocketEnd {
  const key = `${request.headers["sec-websocket-key"]}${guid}`;
  const accept = createHash("sha1").update(key).digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: upgrade"];
  socket.write([...head, `sec-websocket-accept: ${accept}`, "", ""].join("\r\n"));
  let pending = Buffer.alloc(0);
  const write = (opcode: number, payload: Buffer): void => {
    if (!socket.destroyed) socket.write(frame(opcode, payload));
  };
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (let next = readFrame(pending); next !== undefined; next = readFrame(pending)) {
      pending = pending.subarray(next.bytes);
      if (next.opcode === opcodes.text) calls.onText(next.payload.toString());
      else if (next.opcode === opcodes.ping) write(opcodes.pong, next.payload);
      else if (next.opcode === opcodes.close) {
        write(opcodes.close, next.payload);
        socket.end();
      }
    }
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => calls.onClose());
  return {
    send: (text) => write(opcodes.text, Buffer.from(text)),
    close: () => write(opcodes.close, Buffer.from([0x03, 0xe8])),
    cut: () => void socket.destroy(),
  };
}

/** A frame from the server: not masked. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}

/** The first whole frame of what a client sent; clients mask. `bytes`: how long it was. */
function readFrame(
  data: Buffer,
): { readonly opcode: number; readonly payload: Buffer; readonly bytes: number } | undefined {
  const [first, second] = data;
  if (first === undefined || second === undefined) return undefined;
  const short = second & 0x7f;
  const masked = (second & 0x80) !== 0;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const at = 2 + lengthBytes + (masked ? 4 : 0);
  if (data.length < at) return undefined;
  const length = lengthBytes === 2 ? data.readUInt16BE(2) : lengthBytes === 8 ? Number(data.readBigUInt64BE(2)) : short;
  if (data.length < at + length) return undefined;
  const mask = data.subarray(at - 4, at);
  const payload = Buffer.from(data.subarray(at, at + length));
  if (masked) for (let n = 0; n < length; n += 1) payload[n] = (payload[n] ?? 0) ^ (mask[n % 4] ?? 0);
  return { opcode: first & 0x0f, payload, bytes: at + length };
}
