import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Objective from "@thaw/models/Objective"
import * as Parameter from "@thaw/models/Parameter"
import type { PairLoss } from "@thaw/models/PairLoss"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Graph from "@thaw/onnx/Graph"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"

const fixtures = join(import.meta.dirname, "../fixtures")
const json = (name: string): unknown => JSON.parse(readFileSync(join(fixtures, name), "utf8"))
const tensorsOf = (name: string) => Effect.runPromise(Safetensors.read(join(fixtures, name)))

/** See test/fixtures/embeddings/make.py. */
const golden = json("embeddings/encoder.json") as {
  readonly ids: ReadonlyArray<ReadonlyArray<number>>
  readonly mask: ReadonlyArray<ReadonlyArray<number>>
  readonly scores: ReadonlyArray<number>
  readonly labels: ReadonlyArray<number>
  readonly tasks: Readonly<
    Record<
      string,
      { readonly loss: PairLoss; readonly pooling: "mean" | "cls"; readonly weight: number; readonly value: number }
    >
  >
  readonly total: number
}
const tasks = Object.keys(golden.tasks)
const heads = Object.fromEntries(
  tasks.map((task) => [task, { ...Head.sentenceEmbedding(golden.tasks[task]!), labels: [] }]),
)

const shape = [golden.ids.length, golden.ids[0]!.length]
const inputs = {
  input_ids: Tensor.int32(shape, golden.ids.flat()),
  attention_mask: Tensor.int32(shape, golden.mask.flat()),
  token_type_ids: Tensor.full("int32", shape, 0),
}
const pairs = golden.scores.length
const rows = (first: number) => Array.from({ length: pairs }, (_, pair) => 3 * pair + first)
const fed = (task: string) => ({
  anchors: Tensor.int32([pairs], rows(0)),
  others: Tensor.int32([pairs], rows(1)),
  negatives: Tensor.int32([pairs], rows(2)),
  candidates: Tensor.int32([2 * pairs], [...rows(1), ...rows(2)]),
  rivals: Tensor.full("int32", [pairs, 2 * pairs], 1),
  labels:
    golden.tasks[task]!.loss._tag === "cosineSimilarity"
      ? Tensor.float32([pairs], golden.scores)
      : Tensor.int32([pairs], golden.labels),
})

const loaded = async () => {
  const config = await Effect.runPromise(
    EncoderConfig.parse(readFileSync(join(fixtures, "pytorch/bert/config.json"), "utf8"), "fixture"),
  )
  return { config, tensors: await tensorsOf("pytorch/bert/initial.safetensors") }
}

const evaluate = (graph: Graph.Graph, given: Readonly<Record<string, Tensor.Tensor>>) => {
  const names = new Set(graph.inputs.map(({ name }) => name))
  return Onnxruntime.evaluate(graph, Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name))))
}

describe("a head for sentence embeddings", () => {
  it("has PyTorch's losses, and gradients by every weight of the encoder that are those of their weighted sum", async () => {
    const { config, tensors } = await loaded()
    const groups = Group.all(config.dimensions.blocks, tasks)
    const made = Objective.of(
      {
        settings: { config, heads, trainable: groups, frozen: tensors },
        network: EncoderConfig.network(config),
        above: Group.ofEncoder(config.dimensions.blocks),
        crossing: undefined,
      },
      tasks,
    )
    const gradients = made.changed.map(({ parameter, gradient }) => [`d.${parameter.name}`, gradient] as const)
    const graph = Graph.make({
      name: "gradients",
      outputs: { ...made.losses, total: made.total, ...Object.fromEntries(gradients) },
    })
    const feeds = tasks.flatMap((task) => [
      [`weight.${task}`, Tensor.scalar("float32", golden.tasks[task]!.weight)] as const,
      ...Object.entries(fed(task)).map(([name, tensor]) => [`${name}.${task}`, tensor] as const),
    ])
    const found = await evaluate(graph, { ...inputs, ...tensors, ...Object.fromEntries(feeds) })
    for (const task of tasks) expect(found[task]!.data[0], task).toBeCloseTo(golden.tasks[task]!.value, 5)
    expect(found["total"]!.data[0]).toBeCloseTo(golden.total, 5)
    const expected = await tensorsOf("embeddings/encoder.safetensors")
    expect(Object.keys(expected).sort()).toEqual(made.changed.map(({ parameter }) => parameter.name).sort())
    for (const [name, tensor] of Object.entries(expected)) {
      const given = Tensor.numbers(found[`d.${name}`]!)
      const wanted = Tensor.numbers(tensor)
      const worst = Math.max(...given.map((each, at) => Math.abs(each - wanted[at]!)))
      expect(worst, name).toBeLessThan(2e-5)
    }
  })

  it("has no weights, and gives the pooled vector of every text of a batch", async () => {
    const { config, tensors } = await loaded()
    const { graph, parameters } = InferenceModel.make(config, heads, Parameter.initializers(tensors))
    expect(parameters.every(({ group }) => Group.taskOf(group) === undefined)).toBe(true)
    const found = await evaluate(graph, inputs)
    expect(Object.keys(found).sort()).toEqual(tasks.map((task) => `vectors.${task}`).sort())
    expect(found["vectors.near"]!.shape).toEqual([golden.ids.length, config.dimensions.hidden])
    expect(found["vectors.near"]!.data).toEqual(found["vectors.hard"]!.data)
    expect(found["vectors.near"]!.data).not.toEqual(found["vectors.alike"]!.data)
  })

  it("is left out of what crosses a boundary above which heads alone train", async () => {
    const { config, tensors } = await loaded()
    const topic = { ...Head.classification({ pooling: "cls" }), labels: ["a", "b", "c"] }
    const phase = {
      config,
      heads: { topic, near: heads["near"]! },
      trainable: ["head.topic", "head.near"],
      frozen: tensors,
      optimizer: { _tag: "sgd", momentum: 0, nesterov: false, weightDecay: 0 } as const,
      maxGradientNorm: 1,
    }
    expect(TrainingModel.make(phase).boundary?.form).toEqual(["cls"])
    expect(() => TrainingModel.make(phase).update(["near"])).toThrow(
      `update for "near": expected something that trains`,
    )
  })
})
