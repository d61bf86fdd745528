import * as CrossEntropy from "@thaw/models/CrossEntropy"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Parameter from "@thaw/models/Parameter"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Pooling from "@thaw/models/Pooling"
import * as Inputs from "@thaw/models/Inputs"
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"

const fed = (graph: Graph.Graph, values: Readonly<Record<string, Tensor.Tensor>>) =>
  Object.fromEntries(graph.inputs.map(({ name }) => [name, values[name]!]))

/** −log softmax in float64, averaged over labels that are there. */
const crossEntropy = (logits: Tensor.Tensor, labels: Tensor.Tensor): number => {
  const classes = logits.shape.at(-1)!
  const numbers = Tensor.numbers(logits)
  const losses = Tensor.numbers(labels).flatMap((label, unit) => {
    if (label < 0) return []
    const row = numbers.slice(unit * classes, (unit + 1) * classes)
    return [Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[label]!]
  })
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length
}

describe.each(Golden.families)("inference with %s", (family) => {
  it("answers all tasks in one pass, with PyTorch's losses before training", async () => {
    const weights = await Golden.weightsOf(family, "initial")
    const { graph } = InferenceModel.make(Golden.configOf(family), Golden.heads, Parameter.inputs())
    const batches = await Golden.batchesOf(family)
    const golden = Golden.goldenOf(family, "nothing")
    // The first update's rate is 0 in the warm-up, so the weights of update 1 are still the initial ones.
    for (const update of [0, 1]) {
      const { "logits.topic": topic, "logits.entities": entities } = await Onnxruntime.evaluate(
        graph,
        fed(graph, { ...weights, ...batches[update]! }),
      )
      const { input_ids: ids, ...labels } = batches[update]!
      expect(topic!.shape).toEqual([ids!.shape[0], 3])
      expect(entities!.shape).toEqual([...ids!.shape, 5])
      for (const [task, loss] of Object.entries(golden.updates[update]!.losses)) {
        const logits = task === "topic" ? topic! : entities!
        expect(crossEntropy(logits, labels[`labels.${task}`]!)).toBeCloseTo(loss, 5)
      }
    }
  })

  it("gives the vectors of an example the same bits alone and in company, with padding and without", async () => {
    const graph = TrainingModel.make(await Golden.phaseOf(family, "backbone")).prefix!
    const batch = (await Golden.batchesOf(family))[0]!
    const [rows, tokens] = batch["input_ids"]!.shape as [number, number]
    const whole = (await Onnxruntime.evaluate(graph, fed(graph, batch)))["hidden"]!
    for (let row = 0; row < rows; row++) {
      const mask = Tensor.numbers(batch["attention_mask"]!).slice(row * tokens, (row + 1) * tokens)
      const length = mask.reduce((sum, value) => sum + value, 0)
      for (const padded of [length, tokens, 16]) {
        const alone = Object.fromEntries(
          graph.inputs.map(({ name }) => {
            const own = Tensor.numbers(batch[name]!).slice(row * tokens, row * tokens + length)
            return [name, Tensor.int32([1, padded], [...own, ...Array<number>(padded - length).fill(0)])]
          }),
        )
        const { hidden } = await Onnxruntime.evaluate(graph, alone)
        const start = row * tokens * 32
        expect(hidden!.data.slice(0, length * 32)).toEqual(whole.data.slice(start, start + length * 32))
      }
    }
  })

  it("agrees with its form that has the weights inside", async () => {
    const weights = await Golden.weightsOf(family, "initial")
    const config = Golden.configOf(family)
    const outside = InferenceModel.make(config, Golden.heads, Parameter.inputs())
    const inside = InferenceModel.make(config, Golden.heads, Parameter.initializers(weights))
    const batch = (await Golden.batchesOf(family))[4]!
    const expected = await Onnxruntime.evaluate(outside.graph, fed(outside.graph, { ...weights, ...batch }))
    const got = await Onnxruntime.evaluate(inside.graph, fed(inside.graph, batch))
    expect(inside.graph.inputs.map(({ name }) => name)).not.toContain(outside.parameters[0]!.name)
    for (const name of ["logits.topic", "logits.entities"]) {
      Tensor.numbers(got[name]!).forEach((value, at) => expect(value).toBeCloseTo(Number(expected[name]!.data[at]), 5))
    }
  })
})

describe("pooling", () => {
  const hidden = Tensor.float32([6, 2], [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60])
  const run = async (pool: typeof Pooling.cls) => {
    const graph = Graph.make({
      name: "pooling",
      outputs: { pooled: pool(Value.input("hidden", "float32", ["batch*tokens", 2]), Inputs.make()) },
    })
    const mask = Tensor.int32([2, 3], [1, 1, 0, 1, 0, 0])
    return (await Onnxruntime.evaluate(graph, fed(graph, { hidden, attention_mask: mask })))["pooled"]!
  }

  it("takes the first token's vector", async () => {
    expect(await run(Pooling.cls)).toEqual(Tensor.float32([2, 2], [1, 2, 10, 20]))
  })

  it("takes the mean of the tokens that are there", async () => {
    expect(await run(Pooling.mean)).toEqual(Tensor.float32([2, 2], [2, 3, 10, 20]))
  })
})

describe("cross-entropy", () => {
  const graph = Graph.make({
    name: "loss",
    outputs: {
      loss: CrossEntropy.loss(
        Value.input("logits", "float32", ["units", 3]),
        Value.input("labels", "int32", ["units"]),
      ),
    },
  })
  const loss = async (logits: ReadonlyArray<number>, labels: ReadonlyArray<number>) => {
    const feeds = { logits: Tensor.float32([labels.length, 3], logits), labels: Tensor.int32([labels.length], labels) }
    return Number((await Onnxruntime.evaluate(graph, feeds))["loss"]!.data[0])
  }

  it("is log(classes) for equal scores", async () => {
    expect(await loss([0, 0, 0, 5, 5, 5], [0, 2])).toBeCloseTo(Math.log(3), 6)
  })

  it("is the mean over labelled units only", async () => {
    const logits = [1, 2, 3, 9, -9, 0, 0.5, 0.25, -1]
    const expected = crossEntropy(Tensor.float32([3, 3], logits), Tensor.int32([3], [2, -100, 0]))
    expect(await loss(logits, [2, -100, 0])).toBeCloseTo(expected, 6)
  })

  it("stays finite for scores that overflow, and is 0 without any label", async () => {
    expect(await loss([1e4, -1e4, 0], [1])).toBeCloseTo(2e4, 1)
    expect(await loss([1, 2, 3], [-100])).toBeCloseTo(0, 12)
  })
})
