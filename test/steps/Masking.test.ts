import * as Seed from "@thaw/core/Seed"
import * as Head from "@thaw/models/Head"
import type { MaskedTokens } from "@thaw/models/heads/MaskedTokens"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPieceTrainer from "@thaw/models/WordPieceTrainer"
import type * as Batch from "@thaw/steps/Batch"
import * as Masking from "@thaw/steps/Masking"
import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const texts = Array.from({ length: 60 }, (_, at) => `the quick brown foxes jumped overhead ${at} times unbelievably`)
const tokenizer = Effect.runSync(
  Effect.flatMap(WordPieceTrainer.train(texts, { vocabularySize: 90 }), (json) =>
    Tokenizer.fromJson(json, undefined, "test"),
  ),
)
const make = (options: Parameters<typeof Head.maskedTokens>[0]) =>
  Effect.runSync(Masking.make("gaps", Head.maskedTokens(options) as MaskedTokens, tokenizer, "Train.phase"))

const exampleOf = (text: string, id = text): Batch.EncodedExample => ({
  id,
  encoding: Tokenizer.encode(tokenizer, text, { maxTokens: 64 }),
  classes: { topic: 0 },
  tags: {},
})
const word = fc.constantFrom(..."the quick brown foxes jumped overhead times unbelievably".split(" "))
const sentence = fc.array(word, { minLength: 1, maxLength: 40 }).map((words) => words.join(" "))
const rate = fc.double({ min: 0.01, max: 0.9, noNaN: true })
const unit = fc.constantFrom("token" as const, "word" as const)

describe("hiding tokens", () => {
  it("asks for the share that it is told, never for a special token, and keeps what was there as labels", () => {
    fc.assert(
      fc.property(sentence, rate, unit, fc.integer({ min: 0, max: 1000 }), (text, share, by, seed) => {
        const example = exampleOf(text)
        const hidden = make({ rate: share, unit: by })(example, Seed.make(seed), "0")
        const { places, labels } = hidden.masked!["gaps"]!
        const { ids, words } = example.encoding
        const tokens = words.filter((each) => each >= 0).length
        const wanted = Math.max(1, Math.round(share * tokens))
        if (by === "token") expect(places.length).toBe(wanted)
        else {
          // Words are hidden whole: either they fit, or the first one alone was longer.
          const first = new Set(places.map((place) => words[place]))
          expect(places.length <= wanted || first.size === 1).toBe(true)
          for (const [at, each] of words.entries()) if (first.has(each)) expect(places).toContain(at)
        }
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b))
        expect(places.every((place) => words[place]! >= 0)).toBe(true)
        expect(labels).toEqual(places.map((place) => ids[place]))
        for (const [at, id] of hidden.encoding.ids.entries()) if (!places.includes(at)) expect(id).toBe(ids[at])
        expect(hidden.classes).toEqual({})
      }),
      { numRuns: 300 },
    )
  })

  it("hides the same for the same seed, example and draw, and something else at another draw", () => {
    const mask = make({ rate: 0.3 })
    const example = exampleOf(texts[3]!)
    const at = (...names: ReadonlyArray<string>) => mask(example, Seed.make(5), ...names)
    expect(at("7")).toEqual(at("7"))
    const draws = Array.from({ length: 12 }, (_, draw) => at(String(draw)).masked!["gaps"]!.places.join())
    expect(new Set(draws).size).toBeGreaterThan(4)
  })

  it("puts the mask token in 80 % of the places, a random token in 10 % and leaves 10 %", () => {
    const mask = make({ rate: 0.5, unit: "token" })
    const counts = { masked: 0, kept: 0, other: 0, special: 0 }
    for (let draw = 0; draw < 2000; draw++) {
      const example = exampleOf(texts[draw % texts.length]!, String(draw))
      const { encoding, masked } = mask(example, Seed.make(1), "0")
      masked!["gaps"]!.places.forEach((place, at) => {
        const id = encoding.ids[place]!
        if (id === tokenizer.maskId) counts.masked++
        else if (tokenizer.specialIds.has(id)) counts.special++
        else if (id === masked!["gaps"]!.labels[at]) counts.kept++
        else counts.other++
      })
    }
    const all = counts.masked + counts.kept + counts.other
    // A random token is the one that was there once in a vocabulary; four standard deviations to either side.
    const near = (share: number, expected: number) =>
      expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / all) + 0.002)
    near(counts.masked / all, 0.8)
    near(counts.kept / all, 0.1)
    near(counts.other / all, 0.1)
    expect(counts.special).toBe(0)
  })

  it("needs a tokenizer with a mask token", () => {
    const run = Masking.make("gaps", Head.maskedTokens() as MaskedTokens, { ...tokenizer, maskId: undefined }, "Train.phase") // prettier-ignore
    expect(Effect.runSync(Effect.flip(run)).message).toBe(
      "Train.phase, task gaps: expected a tokenizer with a mask token, [MASK] or <mask>, got one without.",
    )
  })
})
