import * as fc from "fast-check"
import { stripVTControlCharacters } from "node:util"
import * as Ansi from "@thaw/cli/render/Ansi"
import * as Figures from "@thaw/cli/render/Figures"
import * as Sparkline from "@thaw/cli/render/Sparkline"
import * as Table from "@thaw/cli/render/Table"
import { describe, expect, it } from "vitest"

describe("text on a terminal", () => {
  it("counts wide characters twice, and sequences and combining marks not at all", () => {
    expect(Ansi.width("abc")).toBe(3)
    expect(Ansi.width(Ansi.colours.bad("abc"))).toBe(3)
    expect(Ansi.width("天气")).toBe(4)
    expect(Ansi.width("e\u0301")).toBe(1)
    expect(Ansi.width("🌧")).toBeLessThanOrEqual(2)
  })

  it("is never wider after a cut than asked for, and keeps what fits", () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom("天气", "é", "✓"), fc.string().map(Ansi.colours.good))
    fc.assert(
      fc.property(fc.array(piece), fc.integer({ min: 1, max: 40 }), (pieces, columns) => {
        const text = pieces.map((part) => part.replaceAll(/[\n\r]/g, "")).join("")
        const cut = Ansi.cut(text, columns)
        expect(Ansi.width(cut)).toBeLessThanOrEqual(Math.max(columns, 1))
        if (Ansi.width(text) <= columns) expect(cut).toBe(text)
      }),
    )
  })

  it("has no colour without a terminal, with NO_COLOR, or on a dumb terminal", () => {
    expect(Ansi.paletteOf({ isTTY: true }, { TERM: "xterm" })).toBe(Ansi.colours)
    expect(Ansi.paletteOf({ isTTY: true }, { TERM: "xterm", NO_COLOR: "1" })).toBe(Ansi.plain)
    expect(Ansi.paletteOf({ isTTY: true }, { TERM: "dumb" })).toBe(Ansi.plain)
    expect(Ansi.paletteOf({}, { TERM: "xterm" })).toBe(Ansi.plain)
  })

  it("cannot be steered by labels from data", () => {
    expect(Ansi.tame("a\x1b[2Jb\nc")).toBe("a·[2Jb·c")
  })
})

describe("figures", () => {
  it("are told in the unit people read", () => {
    expect([0.04, 9.94, 41.4, 59.4, 125, 3725].map(Figures.seconds)).toEqual([
      "0.0 s",
      "9.9 s",
      "41 s",
      "59 s",
      "2:05",
      "1:02:05",
    ])
    expect([0, 812, 1400, 999_600, 8_100_000, 2e9].map(Figures.bytes)).toEqual([
      "0 B",
      "812 B",
      "1.4 KB",
      "1.0 MB",
      "8.1 MB",
      "2.0 GB",
    ])
    expect([7, 1234, 22_700_000].map(Figures.short)).toEqual(["7", "1.2 k", "22.7 M"])
    expect([0.91234, 0.00001, 0, Number.NaN].map(Figures.score)).toEqual(["0.912", "1.0e-5", "0.000", "NaN"])
  })
})

describe("a sparkline", () => {
  it("goes from the lowest bar to the highest and is no longer than asked for", () => {
    expect(Sparkline.draw([1, 2, 3, 4, 5, 6, 7, 8], 8)).toBe("▁▂▃▄▅▆▇█")
    expect(Sparkline.draw([8, 8, 4, 4], 2)).toBe("█▁")
    expect(Sparkline.draw([3, 3, 3], 8)).toBe("▁▁▁")
    expect(Sparkline.draw([3], 8)).toBe("")
    fc.assert(
      fc.property(fc.array(fc.double()), fc.integer({ min: 2, max: 30 }), (values, columns) => {
        expect(Sparkline.draw(values, columns).length).toBeLessThanOrEqual(columns)
      }),
    )
  })
})

describe("a table", () => {
  it("lines up its columns, figures at the right, colours not counted", () => {
    const lines = Table.lines(
      [{ title: "label" }, { title: "F1", align: "right" }],
      [
        [Ansi.colours.good("weather"), "0.9"],
        ["天气", "10.25"],
      ],
      Ansi.colours,
    )
    expect(lines.map(stripVTControlCharacters)).toEqual(["label       F1", "weather    0.9", "天气     10.25"])
  })
})
