import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Gradient from "@thaw/autodiff/Gradient"
import * as BinaryCrossEntropy from "@thaw/models/BinaryCrossEntropy"
import * as SquaredError from "@thaw/models/SquaredError"
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"

/** See test/fixtures/heads/make.py. */
interface Binary {
  readonly logits: ReadonlyArray<ReadonlyArray<number>>
  readonly answers: ReadonlyArray<ReadonlyArray<number> | null>
  readonly weights: ReadonlyArray<number> | null
  readonly loss: number
  readonly gradient: ReadonlyArray<ReadonlyArray<number>>
}
interface Squared {
  readonly predictions: ReadonlyArray<number>
  readonly scores: ReadonlyArray<number | null>
  readonly loss: number
  readonly gradient: ReadonlyArray<number>
}
const golden = JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures/heads/losses.json"), "utf8")) as {
  readonly binaryCrossEntropy: ReadonlyArray<Binary>
  readonly squaredError: ReadonlyArray<Squared>
}

type Rows = readonly [from: number, to?: number]
const parts: ReadonlyArray<Rows> = [[0, 2], [2, 3], [3]]

const evaluate = async (loss: Value.Value, by: Value.Value, feeds: Readonly<Record<string, Tensor.Tensor>>) => {
  const graph = Graph.make({ name: "loss", outputs: { loss, gradient: Gradient.of(loss, [by])[0]! } })
  const found = await Onnxruntime.evaluate(graph, feeds)
  return { loss: Number(found["loss"]!.data[0]), gradient: Tensor.numbers(found["gradient"]!) }
}

/** The input that says what a loss is divided by, and what feeds it. */
const divided = (units: number | undefined) =>
  units === undefined
    ? { units: undefined, feed: {} }
    : { units: Value.input("units", "float32", []), feed: { units: Tensor.scalar("float32", units) } }

const binary = (given: Binary, rows: Rows = [0], by?: number) => {
  const classes = given.logits[0]!.length
  const own = given.logits.slice(...rows)
  const answers = given.answers.slice(...rows).flatMap((row) => row ?? Array<number>(classes).fill(-1))
  const { units, feed } = divided(by)
  const logits = Value.input("logits", "float32", ["units", classes])
  const loss = BinaryCrossEntropy.loss(logits, Value.input("answers", "int32", ["units", classes]), {
    positiveWeights: given.weights ?? undefined,
    units,
  })
  return evaluate(loss, logits, {
    logits: Tensor.float32([own.length, classes], own.flat()),
    answers: Tensor.int32([own.length, classes], answers),
    ...feed,
  })
}

const squared = (given: Squared, rows: Rows = [0], by?: number) => {
  const own = given.predictions.slice(...rows)
  const scores = given.scores.slice(...rows).map((score) => score ?? Number.NaN)
  const { units, feed } = divided(by)
  const predictions = Value.input("predictions", "float32", ["units"])
  const loss = SquaredError.loss(predictions, Value.input("scores", "float32", ["units"]), { units })
  return evaluate(loss, predictions, {
    predictions: Tensor.float32([own.length], own),
    scores: Tensor.float32([own.length], scores),
    ...feed,
  })
}

/** Equal to within 1e-6, or as much of what is compared. */
const expectClose = (found: ReadonlyArray<number>, expected: ReadonlyArray<number>) => {
  expect(found).toHaveLength(expected.length)
  found.forEach((each, at) =>
    expect(Math.abs(each - expected[at]!), `${at}: ${each} for ${expected[at]}`).toBeLessThanOrEqual(
      1e-6 * Math.max(1, Math.abs(expected[at]!)),
    ),
  )
}

describe("BinaryCrossEntropy.loss", () => {
  it.each(golden.binaryCrossEntropy)(
    "has PyTorch's loss $loss and gradient, examples without a set left out",
    async (given) => {
      const { loss, gradient } = await binary(given)
      expectClose([loss], [given.loss])
      expectClose([...gradient], given.gradient.flat())
    },
  )

  it("adds up over micro-batches that are divided by the labelled cells of all", async () => {
    for (const given of golden.binaryCrossEntropy.slice(0, 2)) {
      const cells = given.answers.filter((row) => row !== null).length * 4
      const found = await Promise.all(parts.map((rows) => binary(given, rows, cells)))
      expectClose([found.reduce((sum, { loss }) => sum + loss, 0)], [given.loss])
      expectClose(
        found.flatMap(({ gradient }) => [...gradient]),
        given.gradient.flat(),
      )
    }
  })
})

describe("SquaredError.loss", () => {
  it.each(golden.squaredError)(
    "has PyTorch's loss $loss and gradient, examples without a score left out",
    async (given) => {
      const { loss, gradient } = await squared(given)
      expectClose([loss], [given.loss])
      expectClose([...gradient], given.gradient)
    },
  )

  it("adds up over micro-batches that are divided by the scores of all", async () => {
    const given = golden.squaredError[0]!
    const found = await Promise.all(parts.map((rows) => squared(given, rows, 5)))
    expectClose([found.reduce((sum, { loss }) => sum + loss, 0)], [given.loss])
    expectClose(
      found.flatMap(({ gradient }) => [...gradient]),
      given.gradient,
    )
  })
})
