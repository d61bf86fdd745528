import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Gradient from "@thaw/autodiff/Gradient"
import * as CrossEntropy from "@thaw/models/CrossEntropy"
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"

/** See test/fixtures/balance/make.py. */
interface Case {
  readonly smoothing: number
  readonly weights: ReadonlyArray<number> | null
  readonly logits: ReadonlyArray<ReadonlyArray<number>>
  readonly labels: ReadonlyArray<number>
  readonly loss: number
  readonly gradient: ReadonlyArray<ReadonlyArray<number>>
}
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/balance/crossEntropy.json"), "utf8"),
) as ReadonlyArray<Case>

const answers = async (given: Case, rows: readonly [number, number], units?: Tensor.Tensor) => {
  const logits = Value.input("logits", "float32", ["units", 4])
  const labels = Value.input("labels", "int32", ["units"])
  const loss = CrossEntropy.loss(logits, labels, {
    smoothing: given.smoothing,
    classWeights: given.weights ?? undefined,
    units: units === undefined ? undefined : Value.input("units", "float32", []),
  })
  const graph = Graph.make({ name: "loss", outputs: { loss, gradient: Gradient.of(loss, [logits])[0]! } })
  const own = given.labels.slice(...rows)
  return Onnxruntime.evaluate(graph, {
    logits: Tensor.float32([own.length, 4], given.logits.slice(...rows).flat()),
    labels: Tensor.int32([own.length], own),
    ...(units === undefined ? {} : { units }),
  })
}

const all = [0, 7] as const

describe.each(cases)("class weights $weights, smoothing $smoothing", (given) => {
  it("has PyTorch's loss and gradient, unlabelled units left out", async () => {
    const { loss, gradient } = await answers(given, all)
    expect(loss!.data[0]).toBeCloseTo(given.loss, 5)
    Tensor.numbers(gradient!).forEach((each, at) => expect(each).toBeCloseTo(given.gradient.flat()[at]!, 6))
  })

  it("adds up over micro-batches, each divided by what the labels of all weigh", async () => {
    const counted = ([from, to]: readonly [number, number]) =>
      CrossEntropy.counted(Tensor.int32([to - from], given.labels.slice(from, to)), given.weights ?? undefined)
    const parts = [
      [0, 3],
      [3, 5],
      [5, 7],
    ] as const
    const units = Tensor.scalar(
      "float32",
      parts.map(counted).reduce((sum, each) => sum + each, 0),
    )
    let sum = 0
    for (const part of parts) sum += Number((await answers(given, part, units))["loss"]!.data[0])
    expect(sum).toBeCloseTo(given.loss, 5)
  })
})

it("is 0, and so is its gradient, where the labels' classes weigh nothing", async () => {
  const given = { ...cases[0]!, weights: [0, 0, 0, 0] }
  const { loss, gradient } = await answers(given, all)
  expect(Number(loss!.data[0])).toBeCloseTo(0, 12)
  expect(Tensor.numbers(gradient!).every((each) => Math.abs(each) === 0)).toBe(true)
})
