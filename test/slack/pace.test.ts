import { describe, expect, it } from "vitest";
import { type Move, openPace, type Pace } from "../../src/slack/pace.ts";

function paced(): { pace: Pace; pass: (ms: number) => void } {
  let at = 1_000_000;
  const clock = { now: () => new Date(at), sleep: () => Promise.resolve() };
  return { pace: openPace(clock), pass: (ms) => void (at += ms) };
}

const post: Move = { way: "post", channel: "C1" };
const edit: Move = { way: "edit", channel: "C1", editOf: "1.1" };
const hint: Move = { way: "private", channel: "C1" };

describe("Slack's speed", () => {
  it("one new message a second and channel; other channels, edits and private messages do not wait for it", () => {
    const { pace, pass } = paced();
    pace.went(post, "1.0");
    expect(pace.mayGo(post)).toBe(false);
    for (const other of [{ ...post, channel: "C2" }, edit, hint]) expect(pace.mayGo(other)).toBe(true);
    pass(1_100);
    expect(pace.mayGo(post)).toBe(true);
  });

  it("an edit of one message every three seconds, and no more than fifty edits a minute in all", () => {
    const { pace, pass } = paced();
    pace.went(post, "1.1");
    expect(pace.mayGo(edit)).toBe(false);
    pass(3_001);
    expect(pace.mayGo(edit)).toBe(true);
    let edits = 0;
    for (let ms = 0; ms < 60_000; ms += 100) {
      for (let message = 0; message < 10; message += 1) {
        const move = { ...edit, editOf: `2.${message}` };
        if (!pace.mayGo(move)) continue;
        pace.went(move, move.editOf);
        edits += 1;
      }
      pass(100);
    }
    expect(edits).toBeGreaterThan(45);
    expect(edits).toBeLessThanOrEqual(60);
  });

  it("a closed channel holds its posts and edits but not what goes to one person; Slack's wait holds one way only", () => {
    const { pace, pass } = paced();
    pace.close("C1", 5_000);
    expect([post, edit, hint].map((move) => pace.mayGo(move))).toEqual([false, false, true]);
    pass(5_001);
    pace.holdBack(post, 2_000);
    expect([post, edit, hint].map((move) => pace.mayGo(move))).toEqual([false, true, true]);
    pace.closeAll(9_000);
    expect([post, edit, hint].map((move) => pace.mayGo(move))).toEqual([false, false, false]);
  });
});
