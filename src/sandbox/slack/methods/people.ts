import type {
  AuthTestResponse,
  EmojiListResponse,
  UsergroupsListResponse,
  UsergroupsUsersListResponse,
  UsersInfoResponse,
  UsersListResponse,
} from "@slack/web-api";
import { pageOf, textArg, type Call } from "../calls.ts";
import type { Workspace } from "../model.ts";
import { isRefusal, personOnWire, refuse, type Refusal, type Typed } from "../wire.ts";

/** `auth.test` */
export function authTest(ws: Workspace, call: Call): Typed<AuthTestResponse> {
  return {
    ok: true,
    url: `${ws.baseUrl}/`,
    team: ws.team.name,
    team_id: ws.team.id,
    user: call.caller.name,
    user_id: call.caller.id,
    bot_id: call.byApp ? ws.app.botId : undefined,
    is_enterprise_install: false,
  };
}

/** `users.info` */
export function usersInfo(ws: Workspace, call: Call): Typed<UsersInfoResponse> | Refusal {
  const person = ws.people.get(textArg(call, "user") ?? "");
  if (person === undefined) return refuse("user_not_found");
  return { ok: true, user: personOnWire(person, maySeeEmail(ws, call)) };
}

/** `users.list`: people of this workspace; those of other organisations are not in it. */
export function usersList(ws: Workspace, call: Call): Typed<UsersListResponse> | Refusal {
  const own = [...ws.people.values()].filter((each) => each.teamId === ws.team.id);
  const page = pageOf(call, own, 1000);
  if (isRefusal(page)) return page;
  const members = page.items.map((each) => personOnWire(each, maySeeEmail(ws, call)));
  return { ok: true, members, response_metadata: { next_cursor: page.next } };
}

/** `usergroups.list` */
export function usergroupsList(ws: Workspace): Typed<UsergroupsListResponse> {
  const usergroups = [...ws.userGroups.values()].map(({ id, handle, name, users }) => ({
    id,
    handle,
    name,
    team_id: ws.team.id,
    is_usergroup: true,
    user_count: users.length,
    users: [...users],
  }));
  return { ok: true, usergroups };
}

/** `usergroups.users.list` */
export function usergroupsUsersList(ws: Workspace, call: Call): Typed<UsergroupsUsersListResponse> | Refusal {
  const group = ws.userGroups.get(textArg(call, "usergroup") ?? "");
  return group === undefined ? refuse("no_such_subteam") : { ok: true, users: [...group.users] };
}

/** `emoji.list`: custom emoji only; this workspace has none. */
export function emojiList(): Typed<EmojiListResponse> {
  return { ok: true, emoji: {} };
}

function maySeeEmail(ws: Workspace, call: Call): boolean {
  return !call.byApp || ws.app.scopes.includes("users:read.email");
}
