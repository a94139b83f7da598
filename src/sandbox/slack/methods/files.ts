import { randomBytes } from "node:crypto";
import type {
  FilesCompleteUploadExternalResponse,
  FilesGetUploadURLExternalResponse,
  FilesInfoResponse,
} from "@slack/web-api";
import { z } from "zod";
import { postMessage } from "../acts.ts";
import { joinedChannelOf, jsonArg, messageOf, textArg, type Call } from "../calls.ts";
import type { StoredFile, Workspace } from "../model.ts";
import { fileOnWire, isRefusal, refuse, type Refusal, type Typed } from "../wire.ts";

/** `files.getUploadURLExternal`: the first of three steps; the bytes follow at `upload_url`. */
export function filesGetUploadUrl(ws: Workspace, call: Call): Typed<FilesGetUploadURLExternalResponse> | Refusal {
  const name = textArg(call, "filename");
  const bytes = Number(textArg(call, "length"));
  if (name === undefined || !Number.isInteger(bytes) || bytes <= 0) return refuse("invalid_arguments");
  const file: StoredFile = {
    id: `F${randomBytes(5).toString("hex").toUpperCase()}`,
    name,
    altText: textArg(call, "alt_text") ?? textArg(call, "alt_txt") ?? "",
    declaredBytes: bytes,
    owner: call.caller.id,
    title: name,
    mimetype: mimeOf(name),
    content: undefined,
    shared: false,
  };
  ws.files.set(file.id, file);
  return { ok: true, file_id: file.id, upload_url: `${ws.baseUrl}/upload/v1/${file.id}` };
}

/** The bytes of a file, sent raw or as a form; true when there are as many as announced. */
export async function receiveUpload(file: StoredFile, contentType: string, body: Buffer): Promise<boolean> {
  const content = contentType.startsWith("multipart/") ? await formFile(contentType, body) : body;
  if (content?.length !== file.declaredBytes) return false;
  file.content = content;
  return true;
}

async function formFile(contentType: string, body: Buffer): Promise<Buffer | undefined> {
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": contentType } }).formData();
  for (const [, value] of form) if (typeof value !== "string") return Buffer.from(await value.arrayBuffer());
  return undefined;
}

const uploads = z.array(z.object({ id: z.string(), title: z.string().optional() })).min(1);

/** `files.completeUploadExternal`: shows what was uploaded in a channel, or keeps it private without one. */
export function filesCompleteUpload(ws: Workspace, call: Call): Typed<FilesCompleteUploadExternalResponse> | Refusal {
  const given = jsonArg(call, "files");
  const parsed = uploads.safeParse(given === "malformed" ? undefined : given?.value);
  if (!parsed.success) return refuse("invalid_arguments");
  const files = parsed.data.flatMap(({ id, title }) => {
    const file = ws.files.get(id);
    if (file?.content === undefined || file.owner !== call.caller.id) return [];
    file.title = title ?? file.title;
    return [file];
  });
  if (files.length < parsed.data.length) return refuse("file_not_found");
  const shared = share(ws, call, files);
  if (shared !== undefined) return shared;
  return { ok: true, files: files.map((each) => fileOnWire(ws, each)) };
}

function share(ws: Workspace, call: Call, files: readonly StoredFile[]): Refusal | undefined {
  if (textArg(call, "channel_id") === undefined) return undefined;
  const inChannel = { ...call, args: { ...call.args, channel: textArg(call, "channel_id") } };
  const channel = joinedChannelOf(ws, inChannel, true);
  if (isRefusal(channel)) return channel;
  const parent = textArg(call, "thread_ts") === undefined ? undefined : messageOf(channel, call, "thread_ts");
  if (parent !== undefined && isRefusal(parent)) return refuse("invalid_thread_ts");
  for (const file of files) file.shared = true;
  const text = textArg(call, "initial_comment") ?? "";
  postMessage(ws, channel, { user: call.caller.id, text, files, threadTs: parent?.threadTs ?? parent?.ts });
  return undefined;
}

/** `files.info` */
export function filesInfo(ws: Workspace, call: Call): Typed<FilesInfoResponse> | Refusal {
  const file = ws.files.get(textArg(call, "file") ?? "");
  return file === undefined ? refuse("file_not_found") : { ok: true, file: fileOnWire(ws, file) };
}

const mimeTypes: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  svg: "image/svg+xml",
  json: "application/json",
  csv: "text/csv",
  md: "text/markdown",
  txt: "text/plain",
};

function mimeOf(name: string): string {
  return mimeTypes[name.split(".").at(-1)?.toLowerCase() ?? ""] ?? "application/octet-stream";
}
