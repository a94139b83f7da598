const skinTone = /::skin-tone-[2-6]$/;

const lookAlikesOf: Readonly<Record<string, readonly string[]>> = {
  white_check_mark: [
    "heavy_check_mark",
    "ballot_box_with_check",
    "+1",
    "thumbsup",
    "ok",
    "ok_hand",
    "100",
    "check",
    "green_tick",
  ],
  no_entry: [
    "no_entry_sign",
    "octagonal_sign",
    "x",
    "negative_squared_cross_mark",
    "-1",
    "thumbsdown",
    "hand",
    "raised_hand",
    "stop",
  ],
};

/** Slack's name of an emoji without its skin tone: `+1::skin-tone-3` → `+1`. */
export function plainEmoji(name: string): string {
  return name.replace(skinTone, "");
}

/** Whether an emoji looks as if its author meant `meant`. Such a reaction never counts; its author gets a hint. */
export function isLookAlike(name: string, meant: string): boolean {
  return lookAlikesOf[meant]?.includes(plainEmoji(name)) ?? false;
}
