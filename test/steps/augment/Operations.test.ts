import * as Operation from "@thaw/steps/augment/Operation"
import { neighbours } from "@thaw/steps/augment/edits/Typos"
import { describe, expect, it } from "vitest"
import * as Making from "./making.ts"

const seeds = Array.from({ length: 400 }, (_, seed) => seed)
const words = (text: string | undefined) => (text ?? "").split(" ")
const differing = (a: ReadonlyArray<string>, b: ReadonlyArray<string>) => a.filter((word, at) => word !== b[at]).length

const sentence = (count: number) =>
  Array.from({ length: count }, (_, at) => `x${String.fromCharCode(97 + at)}b`).join(" ")

describe("the number of words", () => {
  it.each([
    [0.1, 10, undefined, undefined, 1],
    [0.1, 11, undefined, undefined, 2],
    [0.1, 30, undefined, undefined, 3],
    [0.07, 100, undefined, undefined, 7],
    [0, 10, undefined, undefined, 1],
    [0, 10, 0, undefined, 0],
    [0.5, 10, undefined, 2, 2],
    [0.1, 10, 4, undefined, 4],
    [0.1, 10, 4, 3, 3],
    [1, 9, undefined, undefined, 9],
  ])("is clamp(ceil(%d · %d), %s, %s) = %d", (p, count, min, max, expected) => {
    const bounds = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }
    expect(Operation.count(count, { p, ...bounds })).toBe(expected)
  })
})

describe("synonyms", () => {
  it("change exactly the counted number of words, each into a synonym of its own", () => {
    for (const seed of seeds) {
      const row = Making.text("r", sentence(12))
      const { row: made, applied } = Making.copy({ _tag: "synonyms", source: "made up", p: 0.3 }, row, { seed })
      const [before, after] = [words(row.text), words(made.text)]
      expect(differing(before, after)).toBe(4)
      expect(applied).toEqual([{ operation: "synonyms", words: 4 }])
      after.forEach((word, at) =>
        expect([before[at], `y${before[at]!.slice(1)}`, `z${before[at]!.slice(1)}`]).toContain(word),
      )
    }
  })

  it("choose every word and every synonym equally often", () => {
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 4000; seed++) {
      const { row } = Making.copy({ _tag: "synonyms", source: "made up", p: 0.1 }, Making.text("r", sentence(4)), {
        seed,
      })
      const changed = words(row.text).find((word) => !word.startsWith("x"))!
      counts.set(changed, (counts.get(changed) ?? 0) + 1)
    }
    // Eight outcomes of 500 each: 5 standard deviations of a binomial are 105.
    expect(counts.size).toBe(8)
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(105)
  })

  it("leave stop words, protected words and what has no synonym", () => {
    const row = Making.text("r", "The xkeep and the xgo are not here, plain")
    const stop = { _tag: "synonyms", source: "made up", p: 1, stopWords: ["XGO"] } as const
    expect(Making.copy({ _tag: "synonyms", source: "made up", p: 1 }, row, { protect: ["xkeep"] }).row.text).toMatch(
      /^The xkeep and the [yz]go are not here, plain$/u,
    )
    expect(Making.copy(stop, row).row.text).toMatch(/^The [yz]keep and the xgo are not here, plain$/u)
  })

  it("are no names", () => {
    const thesaurus = { senses: () => [["Idaho", "ID"]], frequency: () => 0 }
    expect(
      Making.copy({ _tag: "synonyms", source: "own" }, Making.text("r", "identity id"), { thesaurus }).applied,
    ).toEqual([])
  })

  it("keep capitals, punctuation and spaces", () => {
    const row = Making.text("r", "  “Xone”, XTWO!  xthree…")
    expect(Making.copy({ _tag: "synonyms", source: "made up", p: 1 }, row).row.text).toMatch(
      /^ {2}“[YZ]one”, [YZ]TWO! {2}[yz]three…$/u,
    )
  })

  it("look at as many senses as asked, of the parts of speech asked for", () => {
    const one = { _tag: "synonyms", source: "made up", p: 1, senses: 1 } as const
    for (const seed of seeds) expect(Making.copy(one, Making.text("r", "xa"), { seed }).row.text).toBe("ya")
    const verbs = { _tag: "synonyms", source: "made up", p: 1, partsOfSpeech: ["verb"] } as const
    expect(Making.copy(verbs, Making.text("r", "xa")).applied).toEqual([])
  })

  it("match the part of speech of a tag, the likeliest, any, or change only words that have one", () => {
    const thesaurus = {
      frequency: (word: string, part: string) => (word === "book" ? ({ noun: 40, verb: 2 }[part] ?? 0) : 0),
      senses: (word: string, part: string) =>
        word === "book"
          ? ({ noun: [["volume"]], verb: [["reserve"]] }[part] ?? [])
          : word === "car" && part === "noun"
            ? [["auto"]]
            : [],
    }
    const row = Making.tokens("r", ["book", "book", "car"], { pos: ["VB", "NOUN", "NNP"] })
    const by = { _tag: "synonyms", source: "own", p: 1, match: { tags: "pos" } } as const
    expect(Making.copy(by, row, { thesaurus }).row.tokens).toEqual(["reserve", "volume", "car"])
    const likely = { _tag: "synonyms", source: "own", p: 1 } as const
    expect(Making.copy(likely, row, { thesaurus }).row.tokens).toEqual(["volume", "volume", "auto"])
    const any = { _tag: "synonyms", source: "own", p: 1, match: "any" } as const
    const anything = seeds.map((seed) => Making.copy(any, row, { thesaurus, seed }).row.tokens![0])
    expect(new Set(anything)).toEqual(new Set(["reserve", "volume"]))
    const sure = { _tag: "synonyms", source: "own", p: 1, match: "unambiguous" } as const
    expect(Making.copy(sure, row, { thesaurus }).row.tokens).toEqual(["book", "book", "auto"])
  })
})

describe("random insertion", () => {
  it("puts in the counted number of synonyms, and everything else stays in order", () => {
    for (const seed of seeds) {
      const { row } = Making.copy({ _tag: "insert", source: "made up", p: 0.25 }, Making.text("r", `${sentence(8)}.`), {
        seed,
      })
      const after = words(row.text!.replace(/\.$/u, ""))
      expect(after).toHaveLength(10)
      expect(after.filter((word) => word.startsWith("x")).join(" ")).toBe(sentence(8))
      expect(row.text).toMatch(/\.$/u)
    }
  })
})

describe("random swap", () => {
  it("keeps the words, and moves at most two for every one that is counted", () => {
    for (const seed of seeds) {
      const row = Making.text("r", sentence(10))
      const after = words(Making.copy({ _tag: "swap", p: 0.2 }, row, { seed }).row.text)
      expect(after.toSorted()).toEqual(words(row.text).toSorted())
      expect(differing(after, words(row.text))).toBeLessThanOrEqual(4)
    }
  })

  it("changes exactly two places when it swaps once", () => {
    for (const seed of seeds) {
      const row = Making.text("r", sentence(10))
      expect(differing(words(Making.copy({ _tag: "swap" }, row, { seed }).row.text), words(row.text))).toBe(2)
    }
  })

  it("leaves a sentence of one word", () => {
    expect(Making.copy({ _tag: "swap" }, Making.text("r", "alone")).applied).toEqual([])
  })
})

describe("random deletion", () => {
  it("leaves out a share p of the words: mean n·p, variance n·p·(1 − p)", () => {
    const [n, p, runs] = [20, 0.3, 4000]
    const gone = Array.from({ length: runs }, (_, seed) => {
      const { row } = Making.copy({ _tag: "delete", p }, Making.text("r", sentence(n)), { seed })
      return n - words(row.text).length
    })
    const mean = gone.reduce((sum, count) => sum + count, 0) / runs
    const variance = gone.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (runs - 1)
    expect(Math.abs(mean - n * p)).toBeLessThan(5 * Math.sqrt((n * p * (1 - p)) / runs))
    expect(Math.abs(variance - n * p * (1 - p))).toBeLessThan(0.5)
  })

  it("spares one word, any of them, when all would go", () => {
    const left = new Set(
      seeds.map((seed) => Making.copy({ _tag: "delete", p: 1 }, Making.text("r", "xa xb xc"), { seed }).row.text),
    )
    expect(left).toEqual(new Set(["xa", "xb", "xc"]))
  })

  it.each([
    ["One two, three.", "two", "One, three."],
    ["One two three.", "two", "One three."],
    ["One, two three", "one", "two three"],
    ["Say (this) loud", "this", "Say () loud"],
    ["One two", "two", "One"],
  ])("closes the gap: %j without %j is %j", (text, gone, expected) => {
    const protect = text
      .toLowerCase()
      .match(/\w+/gu)!
      .filter((word) => word !== gone)
    expect(Making.copy({ _tag: "delete", p: 1 }, Making.text("r", text), { protect }).row.text).toBe(expected)
  })
})

const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

describe("character noise", () => {
  it.each([
    ["insert", 1, 1],
    ["delete", -1, 1],
    ["replace", 0, 1],
    ["transpose", 0, 2],
  ] as const)("%s: a word becomes %d letters longer, at an edit distance of %d", (kind, longer, edits) => {
    for (const seed of seeds) {
      const { text } = Making.copy({ _tag: "characters", kinds: [kind] }, Making.text("r", "abcdef"), { seed }).row
      expect(text!.length).toBe(6 + longer)
      expect(distance("abcdef", text!)).toBe(edits)
    }
  })

  it("leaves words of one or two letters, and as many others as are not counted", () => {
    for (const seed of seeds) {
      const row = Making.text("r", "to be or three four five six seven eight nine")
      const after = words(Making.copy({ _tag: "characters", p: 0.2, kinds: ["replace"] }, row, { seed }).row.text)
      expect(after.slice(0, 3)).toEqual(["to", "be", "or"])
      expect(differing(after, words(row.text))).toBe(2)
    }
  })
})

describe("typos", () => {
  it("put a neighbouring key in the place of one letter, with its case", () => {
    for (const seed of seeds) {
      const { text } = Making.copy({ _tag: "typos" }, Making.text("r", "Hello"), { seed }).row
      const at = Array.from("Hello").findIndex((letter, place) => letter !== text![place])
      const [from, to] = ["Hello"[at]!, text![at]!]
      expect(text).toHaveLength(5)
      expect(neighbours.get(from.toLowerCase())).toContain(to.toLowerCase())
      expect(to === to.toUpperCase()).toBe(from === from.toUpperCase())
    }
  })

  it("know which keys touch", () => {
    expect([...neighbours.get("g")!].sort()).toEqual(["b", "f", "h", "t", "v", "y"])
    for (const [letter, near] of neighbours) for (const key of near) expect(neighbours.get(key)).toContain(letter)
  })
})

describe("mentions", () => {
  const mentions = new Map([
    [
      "ner",
      new Map([
        [
          "PER",
          [
            { tokens: ["Ada", "Lovelace"], tags: { ner: ["B-PER", "I-PER"] } },
            { tokens: ["Alan"], tags: { ner: ["B-PER"] } },
          ],
        ],
      ]),
    ],
  ])

  it("become others of their type, with tags for their tokens", () => {
    const row = Making.tokens("r", ["Alan", "met", "Kurt", "in", "Vienna"], {
      ner: ["B-PER", "O", "B-PER", "O", "B-LOC"],
    })
    const { row: made } = Making.copy({ _tag: "mentions", task: "ner", p: 1 }, row, { mentions })
    expect(made.tokens?.slice(0, 2)).toEqual(["Ada", "Lovelace"])
    expect(made.tags["ner"]?.slice(0, 3)).toEqual(["B-PER", "I-PER", "O"])
    expect(made.tokens).toContain("Vienna")
    expect(made.tokens).not.toContain("Kurt")
    expect(made.tags["ner"]).toHaveLength(made.tokens!.length)
  })

  it("stay where a chunk of another task reaches over their edge", () => {
    const row = Making.tokens("r", ["Kurt", "Gödel", "spoke"], {
      ner: ["B-PER", "O", "O"],
      phrase: ["B-NP", "I-NP", "O"],
    })
    expect(Making.copy({ _tag: "mentions", task: "ner", p: 1 }, row, { mentions }).applied).toEqual([])
  })
})

describe("combinators", () => {
  const one = (letter: string): Operation.Operation => ({ _tag: "synonyms", source: letter, p: 1, stopWords: [] })
  const row = Making.text("r", "word")
  const copyOf = (operation: Operation.Operation, seed: number) => {
    const trace: Array<string> = []
    const thesaurus = { senses: () => [["other"]], frequency: () => 0 }
    const { applied } = Making.copy(operation, row, { seed, thesaurus })
    return { trace, applied }
  }

  it("sequence applies all, in order", () => {
    const operation: Operation.Operation = { _tag: "sequence", of: [one("a"), { _tag: "typos" }] }
    expect(copyOf(operation, 1).applied.map(({ operation: name }) => name)).toEqual(["synonyms", "typos"])
  })

  it("sometimes applies with its probability", () => {
    const operation: Operation.Operation = { _tag: "sometimes", p: 0.3, of: one("a") }
    const times = Array.from({ length: 4000 }, (_, seed) => copyOf(operation, seed).applied.length)
    const share = times.reduce((sum, count) => sum + count, 0) / 4000
    expect(Math.abs(share - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / 4000))
  })

  it("oneOf applies one, in proportion to the weights", () => {
    const operation: Operation.Operation = { _tag: "oneOf", of: [one("a"), { _tag: "typos" }], weights: [3, 1] }
    const typos = Array.from({ length: 4000 }, (_, seed) => copyOf(operation, seed).applied).map((applied) => {
      expect(applied).toHaveLength(1)
      return applied[0]!.operation === "typos" ? 1 : 0
    })
    const share = typos.reduce<number>((sum, count) => sum + count, 0) / 4000
    expect(Math.abs(share - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 4000))
  })

  it("an operation added at the end changes none before it", () => {
    const first: Operation.Operation = { _tag: "sequence", of: [{ _tag: "swap" }] }
    const second: Operation.Operation = { _tag: "sequence", of: [{ _tag: "swap" }, { _tag: "delete", p: 0 }] }
    for (const seed of seeds.slice(0, 50)) {
      const text = Making.text("r", sentence(8))
      expect(Making.copy(second, text, { seed }).row.text).toBe(Making.copy(first, text, { seed }).row.text)
    }
  })
})

describe("pairs", () => {
  it("have both texts changed, each by a stream of its own", () => {
    const row = { ...Making.text("r", sentence(9)), pair: sentence(9) }
    const { row: made, applied } = Making.copy({ _tag: "swap" }, row)
    expect(made.pair).not.toBe(made.text)
    expect(made.pair).not.toBe(row.pair)
    expect(made.labels).toEqual(row.labels)
    expect(applied).toHaveLength(2)
  })

  it("with a negative have all three changed, the two others as without it", () => {
    const two = { ...Making.text("r", sentence(40)), pair: sentence(40) }
    const { row: made, applied } = Making.copy({ _tag: "swap" }, { ...two, negative: sentence(40) })
    const { row: without } = Making.copy({ _tag: "swap" }, two)
    expect([made.text, made.pair]).toEqual([without.text, without.pair])
    expect([made.text, made.pair, sentence(40)]).not.toContain(made.negative)
    expect(applied).toHaveLength(3)
  })
})
