import * as Head from "@thaw/models/Head"
import * as PairLoss from "@thaw/models/PairLoss"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Batch from "@thaw/steps/Batch"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

const text = (number: number) => {
  const none = Int32Array.of(-1)
  return { ids: Int32Array.of(number), typeIds: Int32Array.of(0), words: none }
}
const example = (texts: ReadonlyArray<number>, said: Partial<Batch.EncodedExample> = {}): Batch.EncodedExample => {
  const [first, ...beside] = texts.map((number) => ({ id: "", encoding: text(number), classes: {}, tags: {} }))
  return { ...first!, beside, ...said }
}
const fed = (loss: PairLoss.PairLoss, examples: ReadonlyArray<Batch.EncodedExample>) => {
  const heads = { near: { ...Head.sentenceEmbedding({ loss }), labels: [] } }
  const { feeds, tasks } = Batch.make(examples.flatMap(Batch.rowsOf), heads, 0)
  const numbers = (name: string) => {
    const tensor = feeds[`${name}.near`]
    return tensor === undefined ? undefined : Array.from(Tensor.numbers(tensor))
  }
  return { numbers, tasks, rows: Array.from(Tensor.numbers(feeds["input_ids"]!)) }
}

describe("what is fed of pairs", () => {
  it("are the rows of their texts, beside rows of other tasks and pairs that say nothing of this one", () => {
    const other = { id: "o", encoding: text(9), classes: { topic: 1 }, tags: {} }
    const { numbers, rows, tasks } = fed(PairLoss.cosineSimilarity(), [
      other,
      example([1, 2], { scores: { near: 0.5 } }),
      example([3, 4], { scores: { far: 1 } }),
      example([5, 6, 7], { scores: { near: -1 } }),
    ])
    expect(rows).toEqual([9, 1, 2, 3, 4, 5, 6, 7])
    expect(tasks).toEqual(["near"])
    expect(numbers("anchors")).toEqual([1, 5])
    expect(numbers("others")).toEqual([2, 6])
    expect(numbers("negatives")).toEqual([7])
    expect(numbers("labels")).toEqual([0.5, -1])
    expect(numbers("rivals")).toBeUndefined()
  })

  it("compares a text with what is wrong for it: not with its pair again, itself, nor the pairs of an equal text", () => {
    const one = { classes: { near: 1 } }
    const { numbers } = fed(PairLoss.multipleNegativesRanking(), [
      example([1, 11, 21], one),
      example([2, 12, 11], one), // its negative is the first one's pair
      example([1, 13, 23], one), // the first one's text again
      example([4, 1, 12], one), // its pair is the first one's text, its negative the second one's pair
    ])
    const own = [
      // pairs 11, 12, 13, 1, then negatives 21, 11, 23, 12
      [1, 1, 0, 0, 1, 0, 1, 1],
      [1, 1, 1, 1, 1, 1, 1, 0],
      [0, 1, 1, 0, 1, 0, 1, 1],
      [1, 1, 1, 1, 1, 1, 1, 1],
    ]
    // The third stands with 13; 11 is right for the same text, as a pair and as a negative.
    own[2]![5] = 1
    expect(numbers("rivals")).toEqual(own.flat())
    expect(numbers("candidates")).toEqual([1, 4, 7, 10, 2, 5, 8, 11])
  })

  it("always has a pair's own candidate among what it is compared with, and all of them where no text comes twice", () => {
    const texts = fc.array(fc.tuple(fc.nat(6), fc.nat(6), fc.nat(6)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(texts, (given) => {
        const { numbers } = fed(
          PairLoss.multipleNegativesRanking(),
          given.map((each) => example(each, { classes: { near: 1 } })),
        )
        const rivals = numbers("rivals")!
        const width = rivals.length / given.length
        given.forEach((_, at) => expect(rivals[at * width + at]).toBe(1))
        if (new Set(given.flat()).size === 3 * given.length) expect(rivals.every((each) => each === 1)).toBe(true)
      }),
    )
  })
})

describe("an example of several texts", () => {
  it("takes as many tokens of a budget as its rows have, each as long as its longest", () => {
    const long = { id: "", encoding: { ...text(1), ids: new Int32Array(7) }, classes: {}, tags: {} }
    const three = { ...example([1, 2]), beside: [long, long] }
    expect([Batch.tokensOf(three), Batch.longestOf(three), Batch.lengthOf(three)]).toEqual([21, 7, 1])
    expect(Batch.tokensOf(example([1]))).toBe(1)
  })
})
