/**
 * Makes text from other people safe to read: characters that reorder, hide or break text become visible escapes.
 * React already makes markup inert; this is about what the eye is told.
 */

/** C0/C1 controls, bidi controls, invisible separators, the BOM, soft hyphen, fillers and tag characters. */
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

export type Piece = { kind: "text"; text: string } | { kind: "escape"; text: string };

/** Splits into plain text and escapes such as `U+202E`; with `lines`, line breaks and tabs are kept. */
export function pieces(value: string, lines = false): Piece[] {
  const result: Piece[] = [];
  let from = 0;
  for (const match of value.matchAll(HIDDEN)) {
    if (lines && (match[0] === "\n" || match[0] === "\t" || match[0] === "\r")) continue;
    if (match.index > from) result.push({ kind: "text", text: value.slice(from, match.index) });
    result.push({ kind: "escape", text: codePoint(match[0]) });
    from = match.index + match[0].length;
  }
  if (from < value.length) result.push({ kind: "text", text: value.slice(from) });
  return result;
}

/** The same as one string, for labels, titles and messages. */
export const plainText = (value: string, lines = false): string =>
  pieces(value, lines)
    .map((piece) => (piece.kind === "text" ? piece.text : `‹${piece.text}›`))
    .join("");

/** The address if a browser may follow it: http and https only. */
export function safeHref(value: string | null | undefined): string | null {
  if (!value) return null;
  try {
    const url = new URL(value);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

const codePoint = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
