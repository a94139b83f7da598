import { readFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { sendText } from "./http.ts";
import type { Workspace } from "./model.ts";

const types: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "style.css": "text/css; charset=utf-8",
  "messages.css": "text/css; charset=utf-8",
  "forms.css": "text/css; charset=utf-8",
  "phone.css": "text/css; charset=utf-8",
  "store.js": "text/javascript; charset=utf-8",
  "app.js": "text/javascript; charset=utf-8",
  "dom.js": "text/javascript; charset=utf-8",
  "messages.js": "text/javascript; charset=utf-8",
  "composer.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
};

/** Serves the page, its parts (only those named above) and uploaded files. */
export async function servePage(ws: Workspace, response: ServerResponse, path: string): Promise<void> {
  const file = ws.files.get(/^\/files\/([^/]+)\//.exec(path)?.[1] ?? "");
  if (file?.content !== undefined)
    return sendText(response, 200, file.content, file.mimetype, "max-age=86400, immutable");
  const name = path === "/" || path.startsWith("/archives/") ? "index.html" : path.replace(/^\/page\//, "");
  const type = Object.hasOwn(types, name) ? types[name] : undefined;
  if (type === undefined) return sendText(response, 404, "not found");
  sendText(response, 200, await readFile(new URL(`page/${name}`, import.meta.url)), type);
}
