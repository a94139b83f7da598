import { z } from "zod";

/**
 * Block Kit as far as Drawbridge uses it, with Slack's limits.
 * Source: docs.slack.dev/reference/block-kit/blocks and …/composition-objects.
 */
function text(max: number) {
  return z.discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("mrkdwn"),
      text: z.string().min(1).max(max),
      verbatim: z.boolean().optional(),
    }),
    plain(max),
  ]);
}
function plain(max: number) {
  return z.strictObject({
    type: z.literal("plain_text"),
    text: z.string().min(1).max(max),
    emoji: z.boolean().optional(),
  });
}

const blockId = z.string().max(255).optional();
const confirm = z.strictObject({
  title: plain(100),
  text: text(300),
  confirm: plain(30),
  deny: plain(30),
  style: z.enum(["primary", "danger"]).optional(),
});
const button = z.strictObject({
  type: z.literal("button"),
  text: plain(75),
  action_id: z.string().max(255).optional(),
  url: z.string().max(3000).optional(),
  value: z.string().max(2000).optional(),
  style: z.enum(["primary", "danger"]).optional(),
  confirm: confirm.optional(),
  accessibility_label: z.string().max(75).optional(),
});
const image = z.strictObject({
  type: z.literal("image"),
  image_url: z.string().max(3000).optional(),
  slack_file: z.strictObject({ id: z.string().optional(), url: z.string().optional() }).optional(),
  alt_text: z.string().max(2000),
});
const option = z.strictObject({ text: text(75), value: z.string().max(150), description: plain(75).optional() });
const select = z.strictObject({
  type: z.literal("static_select"),
  action_id: z.string().max(255).optional(),
  placeholder: plain(150).optional(),
  options: z.array(option).min(1).max(100),
  initial_option: option.optional(),
  confirm: confirm.optional(),
});
const overflow = z.strictObject({
  type: z.literal("overflow"),
  action_id: z.string().max(255).optional(),
  options: z.array(option).min(1).max(5),
  confirm: confirm.optional(),
});
const input = z.strictObject({
  type: z.literal("plain_text_input"),
  action_id: z.string().max(255).optional(),
  placeholder: plain(150).optional(),
  initial_value: z.string().max(3000).optional(),
  multiline: z.boolean().optional(),
  max_length: z.number().max(3000).optional(),
  min_length: z.number().max(3000).optional(),
});

const section = z
  .strictObject({
    type: z.literal("section"),
    block_id: blockId,
    text: text(3000).optional(),
    fields: z.array(text(2000)).min(1).max(10).optional(),
    accessory: z.discriminatedUnion("type", [button, image, select, overflow]).optional(),
    expand: z.boolean().optional(),
  })
  .refine((block) => block.text !== undefined || block.fields !== undefined, "must have text or fields");

const block = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("header"), block_id: blockId, text: plain(150) }),
  section,
  z.strictObject({ type: z.literal("divider"), block_id: blockId }),
  z.strictObject({
    type: z.literal("context"),
    block_id: blockId,
    elements: z
      .array(z.union([text(2000), image]))
      .min(1)
      .max(10),
  }),
  z.strictObject({
    type: z.literal("actions"),
    block_id: blockId,
    elements: z
      .array(z.discriminatedUnion("type", [button, select, overflow]))
      .min(1)
      .max(25),
  }),
  image.extend({ block_id: blockId, title: plain(2000).optional() }),
  z.strictObject({
    type: z.literal("input"),
    block_id: blockId,
    label: plain(2000),
    element: z.discriminatedUnion("type", [input, select]),
    hint: plain(2000).optional(),
    optional: z.boolean().optional(),
    dispatch_action: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal("markdown"), block_id: blockId, text: z.string().min(1).max(12_000) }),
]);

/** One block of a message, checked. */
export type Block = z.infer<typeof block>;
/** A text object of Block Kit. */
export type TextObject = z.infer<ReturnType<typeof text>>;
export type Button = z.infer<typeof button>;
/** Something with an `action_id`. */
export type ActionElement = Button | z.infer<typeof select> | z.infer<typeof overflow>;

const surfaces = { message: 50, modal: 100, home: 100 } as const;

/** Blocks that Slack would take, or what it would complain about (with JSON pointers, as Slack gives them). */
export type CheckedBlocks =
  | { readonly ok: true; readonly blocks: readonly Block[] }
  | { readonly ok: false; readonly messages: readonly string[] };

/** Checks blocks against Slack's shapes and limits. */
export function checkBlocks(value: unknown, surface: keyof typeof surfaces = "message"): CheckedBlocks {
  const parsed = z.array(block).max(surfaces[surface]).safeParse(value);
  if (!parsed.success) {
    const messages = parsed.error.issues.map(
      (issue) => `[ERROR] ${issue.message} [json-pointer:/blocks/${issue.path.map(String).join("/")}]`,
    );
    return { ok: false, messages };
  }
  const problem = surface === "message" && parsed.data.some((each) => each.type === "input");
  if (problem) return { ok: false, messages: ["[ERROR] unsupported type: input [json-pointer:/blocks]"] };
  const blockIds = parsed.data.flatMap((each) => each.block_id ?? []);
  if (new Set(blockIds).size !== blockIds.length) {
    return { ok: false, messages: ["[ERROR] block_id already exists [json-pointer:/blocks]"] };
  }
  // Slack names every block that came without a name, and interactions carry these names.
  const blocks = parsed.data.map((each, index) => ({ ...each, block_id: each.block_id ?? `b${index}` }));
  return { ok: true, blocks };
}

/** The elements of a message that a person can press, each with its block. */
export function actionElements(
  blocks: readonly Block[],
): Array<{ readonly blockId: string; readonly element: ActionElement }> {
  return blocks.flatMap((each) => {
    const blockId = each.block_id ?? "";
    if (each.type === "actions") return each.elements.map((element) => ({ blockId, element }));
    if (each.type === "section" && each.accessory !== undefined && each.accessory.type !== "image") {
      return [{ blockId, element: each.accessory }];
    }
    return [];
  });
}
