import { describe, expect, it } from "vitest";
import { pieces, plainText, safeHref } from "./safe-text";

describe("hostile text", () => {
  it("shows what reorders or hides text as an escape", () => {
    expect(plainText("abc\u202Etxt.exe")).toBe("abc‹U+202E›txt.exe");
    expect(plainText("a\u200Bb\u2066c\u0000d\u{E0041}")).toBe("a‹U+200B›b‹U+2066›c‹U+0000›d‹U+E0041›");
  });

  it("leaves ordinary text of any script alone, joined emoji included", () => {
    for (const text of ["Zürich", "東京", "مرحبا", "שלום", "👩‍🚀 ok", "<b>&amp;</b>"]) {
      expect(pieces(text)).toEqual([{ kind: "text", text }]);
    }
  });

  it("keeps line breaks only where lines are meant", () => {
    expect(plainText("a\nb")).toBe("a‹U+000A›b");
    expect(plainText("a\nb\tc", true)).toBe("a\nb\tc");
  });

  it("loses nothing else", () => {
    const text = "x\u202Ay\u202Bz";
    expect(pieces(text).map((piece) => piece.text)).toEqual(["x", "U+202A", "y", "U+202B", "z"]);
  });
});

describe("addresses", () => {
  it.each(["javascript:alert(1)", "data:text/html,x", "ftp://x", "//x", "nonsense", "", null])(
    "refuses %j",
    (value) => expect(safeHref(value)).toBe(null),
  );

  it.each(["http://127.0.0.1:8000/", "https://example.com/mcp?x=1"])("passes %s", (value) =>
    expect(safeHref(value)).toBe(value),
  );
});
