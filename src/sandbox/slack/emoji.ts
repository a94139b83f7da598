/** Standard emoji by Slack's names. A name that is not here is refused as `invalid_name`, as Slack does. */
const glyphs: Readonly<Record<string, string>> = parse(`
white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ no_entry ⛔ no_entry_sign 🚫 x ❌ negative_squared_cross_mark ❎ octagonal_sign 🛑
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 ok_hand 👌 clap 👏 wave 👋 raised_hands 🙌 pray 🙏 muscle 💪 point_up ☝️ point_right 👉 raised_hand ✋ hand ✋ v ✌️ crossed_fingers 🤞 handshake 🤝
eyes 👀 tada 🎉 rocket 🚀 fire 🔥 sparkles ✨ star ⭐ 100 💯 heart ❤️ heavy_plus_sign ➕ heavy_minus_sign ➖ warning ⚠️ rotating_light 🚨 construction 🚧 question ❓ exclamation ❗ grey_question ❔ bangbang ‼️
hourglass ⌛ hourglass_flowing_sand ⏳ stopwatch ⏱️ alarm_clock ⏰ clock1 🕐 clock12 🕛 timer_clock ⏲️ calendar 📆 date 📅 spiral_calendar_pad 🗓️
lock 🔒 unlock 🔓 key 🔑 closed_lock_with_key 🔐 shield 🛡️ hammer 🔨 wrench 🔧 gear ⚙️ hammer_and_wrench 🛠️ link 🔗 chains ⛓️ mag 🔍 bulb 💡 bell 🔔 no_bell 🔕 loudspeaker 📢 mega 📣 speech_balloon 💬
arrow_right ➡️ arrow_left ⬅️ arrow_up ⬆️ arrow_down ⬇️ arrow_forward ▶️ rewind ⏪ fast_forward ⏩ leftwards_arrow_with_hook ↩️ arrow_right_hook ↪️ arrows_counterclockwise 🔄 repeat 🔁 twisted_rightwards_arrows 🔀 double_vertical_bar ⏸️ black_square_for_stop ⏹️ back 🔙 soon 🔜
red_circle 🔴 large_orange_circle 🟠 large_yellow_circle 🟡 large_green_circle 🟢 large_blue_circle 🔵 white_circle ⚪ black_circle ⚫ large_green_square 🟩 large_red_square 🟥 large_yellow_square 🟨 small_red_triangle 🔺 small_blue_diamond 🔹
chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 bar_chart 📊 clipboard 📋 memo 📝 page_facing_up 📄 package 📦 file_folder 📁 floppy_disk 💾 file_cabinet 🗄️ wastebasket 🗑️ computer 💻 electric_plug 🔌 satellite_antenna 📡 cloud ☁️ globe_with_meridians 🌐 bridge_at_night 🌉 ship 🚢 truck 🚚 train 🚋 traffic_light 🚥 vertical_traffic_light 🚦 checkered_flag 🏁 triangular_flag_on_post 🚩 elephant 🐘 robot_face 🤖 ghost 👻 bug 🐛 turtle 🐢 snail 🐌 coffee ☕ beer 🍺 pizza 🍕 cake 🍰 champagne 🍾
smile 😄 slightly_smiling_face 🙂 grinning 😀 joy 😂 laughing 😆 wink 😉 blush 😊 sunglasses 😎 thinking_face 🤔 neutral_face 😐 cry 😢 sob 😭 scream 😱 rage 😡 sweat_smile 😅 grimacing 😬 face_with_rolling_eyes 🙄 sleeping 😴 zzz 💤 skull 💀 shrug 🤷 facepalm 🤦 salute 🫡 saluting_face 🫡 relieved 😌 partying_face 🥳 nerd_face 🤓 hugging_face 🤗
moneybag 💰 money_with_wings 💸 gem 💎 trophy 🏆 medal 🏅 first_place_medal 🥇 information_source ℹ️ id 🆔 new 🆕 ok 🆗 sos 🆘 stop_sign 🛑 white_large_square ⬜ black_large_square ⬛ house 🏠 wine_glass 🍷 sunny ☀️ zap ⚡ snowflake ❄️ ocean 🌊 seedling 🌱 one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣
`);

/** Hands and people: only these take a skin tone. */
const toned = new Set(
  "+1 thumbsup -1 thumbsdown ok_hand clap wave raised_hands pray muscle point_up point_right raised_hand hand v crossed_fingers handshake shrug facepalm".split(
    " ",
  ),
);

const tones: Readonly<Record<string, string>> = { "2": "🏻", "3": "🏼", "4": "🏽", "5": "🏾", "6": "🏿" };
/** Slack's aliases: the name that events carry is the first one. */
const aliases: Readonly<Record<string, string>> = {
  thumbsup: "+1",
  thumbsdown: "-1",
  raised_hand: "hand",
  saluting_face: "salute",
};

/** The name as Slack keeps it, or undefined when it knows no such emoji. Colons around it are taken off. */
export function emojiName(given: string): string | undefined {
  const match = /^([^:]+)(?:::skin-tone-([2-6]))?$/.exec(given.replace(/^:([^:].*):$/, "$1"));
  const base = match?.[1];
  if (base === undefined || !Object.hasOwn(glyphs, base)) return undefined;
  if (match?.[2] !== undefined && !toned.has(base)) return undefined;
  const name = aliases[base] ?? base;
  return match?.[2] === undefined ? name : `${name}::skin-tone-${match[2]}`;
}

/** The character for a name, `:name:` when there is none. */
export function emojiGlyph(name: string): string {
  const [base = "", tone] = name.split("::skin-tone-");
  const glyph = Object.hasOwn(glyphs, base) ? glyphs[base] : undefined;
  if (glyph === undefined) return `:${name}:`;
  return tone === undefined ? glyph : `${glyph}${tones[tone] ?? ""}`;
}

/** All names with their characters, for the page's picker; aliases are left out. */
export function allEmoji(): ReadonlyArray<readonly [string, string]> {
  return Object.entries(glyphs).filter(([name]) => aliases[name] === undefined);
}

function parse(table: string): Record<string, string> {
  const words = table.trim().split(/\s+/);
  const out: Record<string, string> = {};
  for (let at = 0; at + 1 < words.length; at += 2) out[words[at] ?? ""] = words[at + 1] ?? "";
  return out;
}
