import * as StopWords from "@thaw/steps/augment/StopWords"
import * as Thesaurus from "@thaw/steps/augment/Thesaurus"
import * as WordNet from "@thaw/steps/augment/WordNet"
import { describe, expect, it } from "vitest"
import * as Running from "../running.ts"

const read = (name: string, content: string) => Thesaurus.fromFile.run({ path: Running.file(name, content) })

describe("WordNet 3.1", () => {
  // What `wn buy -synsv` and the like print, words of several parts left out.
  it.each([
    ["buy", "verb", [["purchase"], ["bribe", "corrupt"], [], [], []]],
    ["Purchase", "verb", [["buy"]]],
    ["dog", "verb", [["chase", "trail", "tail", "tag", "track"]]],
    ["speedily", "adverb", [["quickly", "rapidly", "chop-chop", "apace"]]],
    ["afraid", "adjective", [[], [], [], []]],
    ["xyzzy", "noun", []],
  ] as const)("knows the senses of %s as a %s, most frequent first", (word, part, senses) => {
    expect(WordNet.thesaurus.senses(word, part)).toEqual(senses)
  })

  it("knows how often a word was seen as what", () => {
    // Sums of the last column of index.sense.
    expect(WordNet.thesaurus.frequency("Long", "verb")).toBe(6)
    expect(WordNet.thesaurus.frequency("buy", "verb")).toBeGreaterThan(WordNet.thesaurus.frequency("buy", "noun"))
    expect(WordNet.thesaurus.frequency("xyzzy", "noun")).toBe(0)
  })

  it("is called by its release", () => {
    expect(WordNet.name).toBe("wordnet-3.1")
  })
})

describe("a thesaurus from a file", () => {
  it("has the single words of every set, by part of speech, in the order of the file", async () => {
    const sets = await Running.outcome(
      read(
        "oew.tsv",
        "a\t1-a\tabaxial|dorsal\ns\t2-s\tAbaxial|outer\r\nn\t3-n\tcredit card|card|plastic\n\nn\t4-n\tpass|ticket\nn\t5-n\tsole|pollack x\n",
      ),
    )
    const thesaurus = Thesaurus.ofSets(sets)
    expect(thesaurus.senses("abaxial", "adjective")).toEqual([["dorsal"], ["outer"]])
    expect(thesaurus.senses("Card", "noun")).toEqual([["plastic"]])
    expect(thesaurus.senses("card", "verb")).toEqual([])
    expect(thesaurus.senses("sole", "noun")).toEqual([])
  })

  it.each([
    ["n\t1-n", "two columns"],
    ["x\t1-n\ta|b", "an unknown part of speech"],
    ["n\t1-n\ta|b\tc", "four columns"],
  ])("with %j is refused: %s", async (line) => {
    const { message } = await Running.failure(read("odd.tsv", `n\t0-n\tcar|auto\n${line}\n`))
    expect(message).toBe(
      "./odd.tsv, line 2: expected a part of speech (n, v, a, s or r), an id and words with | between them, with tabs " +
        `between the three, got ${JSON.stringify(line)}.`,
    )
  })
})

it("a thesaurus of other bytes than text is refused", async () => {
  const source = Running.file("latin.tsv", Uint8Array.of(0x6e, 0x09, 0x31, 0x09, 0xe9, 0x7c, 0x61))
  const { message } = await Running.failure(Thesaurus.fromFile.run({ path: source }))
  expect(message).toBe("./latin.tsv: expected text in UTF-8, got other bytes.")
})

describe("stop words", () => {
  it("are known in any case and with either apostrophe", () => {
    expect(["The", "don’t", "DON'T", "cannot"].every((word) => StopWords.has(word))).toBe(true)
    expect(["card", "refund", "money"].some((word) => StopWords.has(word))).toBe(false)
  })
})
