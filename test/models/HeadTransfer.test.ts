/** Heads that start from others: what their classes answer, against the closed form of softmax over the old scores. */
import * as Artifact from "@thaw/core/Artifact"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import * as HeadTransfer from "@thaw/models/HeadTransfer"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Checkpoints from "../steps/export/checkpoints.ts"

const over = (labels: ReadonlyArray<string>): Checkpoint.Head => ({
  ...Head.classification({ pooling: "mean" }),
  labels,
})

/** Both heads in the same encoder. Its head for `to` is random, as a new one is. */
const checkpoint = (from: ReadonlyArray<string>, to: ReadonlyArray<string>) =>
  Checkpoints.make("bert", { heads: { from: over(from), to: over(to) }, deviation: 1 })

const none: HeadTransfer.Alignment = { labels: {}, fresh: [] }

const transferred = (
  from: ReadonlyArray<string>,
  to: ReadonlyArray<string>,
  alignment: Partial<HeadTransfer.Alignment> = {},
) => {
  const made = checkpoint(from, to)
  const of = { checkpoint: made, task: "from" }
  return HeadTransfer.of(of, { checkpoint: made, task: "to" }, { ...none, ...alignment }, "x")
}

const refusal = async (...given: Parameters<typeof transferred>) =>
  (await Effect.runPromise(Effect.flip(transferred(...given)))).message

interface Linear {
  readonly weight: Float32Array
  readonly bias: Float32Array
}

const linearOf = (tensors: Readonly<Record<string, Tensor.Tensor>>, task: string): Linear => ({
  weight: tensors[`head.${task}.classifier.weight`]!.data as Float32Array,
  bias: tensors[`head.${task}.classifier.bias`]!.data as Float32Array,
})

/** The old head and what became of it. */
const both = async (...given: Parameters<typeof transferred>) => {
  const made = checkpoint(given[0], given[1])
  const { weights, left } = await Effect.runPromise(transferred(...given))
  const before = Safetensors.decode(await Effect.runPromise(Artifact.contentBytes(made.weights)))
  const { tensors } = await Effect.runPromise(before)
  return { old: linearOf(tensors, "from"), random: linearOf(tensors, "to"), now: linearOf(weights, "to"), left }
}

const score = ({ weight, bias }: Linear, vector: ReadonlyArray<number>, at: number): number =>
  vector.reduce((sum, each, index) => sum + each * weight[at * vector.length + index]!, bias[at]!)

const logSumExp = (scores: ReadonlyArray<number>): number => {
  const most = Math.max(...scores)
  return most + Math.log(scores.reduce((sum, each) => sum + Math.exp(each - most), 0))
}

const hidden = 32
const vector = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: hidden, maxLength: hidden })

describe("a head that starts from another", () => {
  it("has the rows of the labels that the data has, in the data's order, to the last bit", async () => {
    const { old, now, left } = await both(["a", "b", "c", "d"], ["d", "x"], { labels: { b: "x" } })
    const rows = (linear: Linear, at: number) => [
      ...linear.weight.slice(at * hidden, (at + 1) * hidden),
      linear.bias[at],
    ]
    expect(rows(now, 0)).toEqual(rows(old, 3))
    expect(rows(now, 1)).toEqual(rows(old, 1))
    expect(left).toEqual(["a", "c"])
  })

  it("keeps its random row for a label that is said to be new", async () => {
    const { random, now } = await both(["a", "b"], ["a", "new", "b"], { fresh: ["new"] })
    expect(now.weight.slice(hidden, 2 * hidden)).toEqual(random.weight.slice(hidden, 2 * hidden))
    expect(now.bias[1]).toBe(random.bias[1])
  })

  it("takes a merged label's row from all of its labels: the tangent of their joint score, and never above it", async () => {
    const { old, now } = await both(["a", "b", "c"], ["c", "both"], { labels: { a: "both", b: "both" } })
    const joint = (h: ReadonlyArray<number>) => logSumExp([score(old, h, 0), score(old, h, 1)])
    const zero = Array.from({ length: hidden }, () => 0)
    expect(score(now, zero, 1)).toBeCloseTo(joint(zero), 6)
    // Central differences of the joint score at 0.
    for (let at = 0; at < hidden; at++) {
      const moved = (by: number) => joint(zero.map((_, index) => (index === at ? by : 0)))
      expect(now.weight[hidden + at]).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 5)
    }
    fc.assert(fc.property(vector, (h) => score(now, h, 1) <= joint(h) + 1e-5))
  })

  it("takes a merged label's row of several labels an example from any of them, if they are independent", async () => {
    const several = (labels: ReadonlyArray<string>): Checkpoint.Head => ({
      ...Head.multiLabel({ pooling: "mean" }),
      labels,
    })
    const heads = { from: several(["a", "b", "c"]), to: several(["c", "any"]) }
    const made = Checkpoints.make("bert", { heads, deviation: 1 })
    const of = { checkpoint: made, task: "from" }
    const alignment = { labels: { a: "any", b: "any" }, fresh: [] }
    const given = HeadTransfer.of(of, { checkpoint: made, task: "to" }, alignment, "x")
    const now = linearOf((await Effect.runPromise(given)).weights, "to")
    const bytes = await Effect.runPromise(Artifact.contentBytes(made.weights))
    const old = linearOf((await Effect.runPromise(Safetensors.decode(bytes))).tensors, "from")
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
    const joint = (h: ReadonlyArray<number>) => {
      const none = [0, 1].reduce((product, at) => product * (1 - sigmoid(score(old, h, at))), 1)
      return Math.log((1 - none) / none)
    }
    const zero = Array.from({ length: hidden }, () => 0)
    expect(score(now, zero, 1)).toBeCloseTo(joint(zero), 5)
    for (let at = 0; at < hidden; at++) {
      const moved = (by: number) => joint(zero.map((_, index) => (index === at ? by : 0)))
      expect(now.weight[hidden + at]).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 4)
    }
  })

  it("answers the same number in another measure", async () => {
    const number = (center: number, scale: number): Checkpoint.Head => ({
      ...Head.regression({ pooling: "mean", center, scale }),
      labels: [],
    })
    const made = Checkpoints.make("bert", { heads: { from: number(10, 4), to: number(-3, 0.5) }, deviation: 1 })
    const of = { checkpoint: made, task: "from" }
    const given = HeadTransfer.of(of, { checkpoint: made, task: "to" }, none, "x")
    const now = linearOf((await Effect.runPromise(given)).weights, "to")
    const bytes = await Effect.runPromise(Artifact.contentBytes(made.weights))
    const old = linearOf((await Effect.runPromise(Safetensors.decode(bytes))).tensors, "from")
    fc.assert(
      fc.property(vector, (h) => {
        expect(-3 + 0.5 * score(now, h, 0)).toBeCloseTo(10 + 4 * score(old, h, 0), 3)
      }),
    )
  })

  it("answers merged labels exactly where their rows are equal", async () => {
    const { old } = await both(["a", "b", "c"], ["c", "both"], { labels: { a: "both", b: "both" } })
    const made = checkpoint(["a", "b", "c"], ["c", "both"])
    const tensors = { ...(await Effect.runPromise(Safetensors.decode(await Effect.runPromise(Artifact.contentBytes(made.weights))))).tensors } // prettier-ignore
    const weight = Float32Array.from(old.weight)
    weight.copyWithin(hidden, 0, hidden)
    const equal = { weight, bias: old.bias }
    tensors["head.from.classifier.weight"] = Tensor.float32([3, hidden], weight)
    const changed = { ...made, weights: Artifact.bytes(Safetensors.encode(tensors)) }
    const of = { checkpoint: changed, task: "from" }
    const alignment = { labels: { a: "both", b: "both" }, fresh: [] }
    const given = HeadTransfer.of(of, { checkpoint: changed, task: "to" }, alignment, "x")
    const now = linearOf((await Effect.runPromise(given)).weights, "to")
    fc.assert(
      fc.property(vector, (h) => {
        const joint = logSumExp([score(equal, h, 0), score(equal, h, 1)])
        expect(score(now, h, 1)).toBeCloseTo(joint, 4)
      }),
    )
  })

  it.each(Checkpoints.families)("copies everything of a %s head before its classes", async (family) => {
    const heads = {
      from: { ...Head.classification(), labels: ["a", "b", "c"] },
      to: { ...Head.classification(), labels: ["c", "a"] },
    }
    const made = Checkpoints.make(family, { heads })
    const of = { checkpoint: made, task: "from" }
    const { weights } = await Effect.runPromise(HeadTransfer.of(of, { checkpoint: made, task: "to" }, none, "x"))
    const bytes = await Effect.runPromise(Artifact.contentBytes(made.weights))
    const { tensors } = await Effect.runPromise(Safetensors.decode(bytes))
    const own = Object.keys(tensors).filter((name) => name.startsWith("head.to."))
    expect(Object.keys(weights).sort()).toEqual(own.sort())
    for (const name of own) {
      const before = tensors[name.replace("head.to.", "head.from.")]!
      if (before.shape[0] !== 3) expect(weights[name], name).toEqual(before)
      else expect(weights[name]!.shape[0]).toBe(2)
    }
  })

  it("finds every label by its name, whatever the names", async () => {
    const labels = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(
        labels.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: 2 }))),
        async ([from, to]) => {
          // prettier-ignore
          const { old, now } = await both(from, to)
          for (const [at, label] of to.entries()) {
            expect(now.bias[at]).toBe(old.bias[from.indexOf(label)])
          }
        },
      ),
      { numRuns: 20 },
    )
  })
})

describe("a head that cannot start from another is refused", () => {
  it("when a label of the data comes from nowhere, with both sets of labels", async () => {
    expect(await refusal(["LABEL_0", "LABEL_1"], ["bad", "good"])).toBe(
      'x: expected a label of the head it starts from for each of the data: "bad", "good", got none for "bad", "good" among "LABEL_0", "LABEL_1". Say what becomes it with labels: { "LABEL_0": "bad" }, or let it start random with fresh: ["bad"].',
    )
    expect(await refusal(["a", "b"], ["a", "c"])).toBe(
      'x: expected a label of the head it starts from for each of the data: "a", "c", got none for "c" among "a", "b". Say what becomes it with labels: { "a": "c" }, or let it start random with fresh: ["c"].',
    )
  })

  it("when the alignment names what is not there", async () => {
    expect(await refusal(["billing", "b"], ["a", "b"], { labels: { biling: "a" } })).toBe(
      'x, labels: expected labels of the head it starts from: "billing", "b", got "biling". Did you mean "billing"?',
    )
    expect(await refusal(["a", "b"], ["refund", "b"], { labels: { a: "refunds" } })).toBe(
      'x, labels: expected labels of the data to become: "refund", "b", got "refunds". Did you mean "refund"?',
    )
    expect(await refusal(["a", "b"], ["a", "b"], { fresh: ["a"] })).toBe(
      'x, fresh: expected labels of the data that no label of the head becomes, got "a". Leave it out.',
    )
    expect(await refusal(["a", "b"], ["a", "b"], { fresh: ["other"] })).toBe(
      'x, fresh: expected labels of the data that no label of the head becomes, got "other". Known are "a", "b".',
    )
  })

  it("when it has another form", async () => {
    const labels = ["a", "b"]
    const of = (family: Checkpoints.FamilyName, head: Head.Head) => ({
      checkpoint: Checkpoints.make(family, { heads: { x: { ...head, labels } } }),
      task: "x",
    })
    const message = async (...[from, to]: ReadonlyArray<ReturnType<typeof of>>) =>
      (await Effect.runPromise(Effect.flip(HeadTransfer.of(from!, to!, none, "x")))).message
    expect(await message(of("roberta", Head.classification()), of("bert", Head.classification()))).toBe(
      "x: expected a head of kind classification over cls for vectors of 32 numbers of a bert encoder, as the task's own, got a head of kind classification over cls for vectors of 32 numbers of a roberta encoder. Give the task a head of the same form, or let it start from scratch.",
    )
    expect(
      await message(of("bert", Head.tokenClassification()), of("bert", Head.classification({ pooling: "mean" }))),
    ).toBe(
      "x: expected a head of kind classification over mean for vectors of 32 numbers of a bert encoder, as the task's own, got a head of kind tokenClassification for vectors of 32 numbers of a bert encoder. Give the task a head of the same form, or let it start from scratch.",
    )
    const mean = Head.classification({ pooling: "mean" })
    // ModernBERT's head has the same parameters whatever it reads.
    expect(await message(of("modernbert", mean), of("modernbert", Head.classification()))).toMatch(
      /over cls .* as the task's own, got a head of kind classification over mean/,
    )
  })
})
