import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"

const relative = (got: number, expected: number) => Math.abs(got - expected) / Math.abs(expected)

/** Runs that several tests look at are made once. */
const made = new Map<string, Promise<Golden.Trained>>()
const trainedOnce = (family: Golden.FamilyName, variant: Golden.Variant): Promise<Golden.Trained> => {
  const key = `${family} ${variant}`
  const run = made.get(key) ?? Golden.train(family, variant, { threads: 2 })
  made.set(key, run)
  return run
}

const largestDifference = (a: Tensor.Tensor, b: Tensor.Tensor) => {
  const others = Tensor.numbers(b)
  return Tensor.numbers(a).reduce((most, value, at) => Math.max(most, Math.abs(value - others[at]!)), 0)
}

describe.each(Golden.families)("%s, two blocks, two heads, 50 updates", (family) => {
  describe.each(Object.keys(Golden.variants) as ReadonlyArray<Golden.Variant>)("frozen: %s", (variant) => {
    it("has PyTorch's losses, gradient norms, rates and final weights", async () => {
      const golden = Golden.goldenOf(family, variant)
      const initial = await Golden.weightsOf(family, "initial")
      const final = await Golden.weightsOf(family, variant)
      const trained = await trainedOnce(family, variant)
      expect(trained.updates).toHaveLength(50)
      for (const [at, expected] of golden.updates.entries()) {
        const got = trained.updates[at]!
        expect(got.learningRate).toBeCloseTo(expected.learningRate, 12)
        expect(Object.keys(got.losses).sort()).toEqual(Object.keys(expected.losses).sort())
        for (const [task, loss] of Object.entries(expected.losses)) {
          expect(relative(got.losses[task]!, loss), `update ${at}, loss of ${task}`).toBeLessThan(1e-5)
        }
        expect(relative(got.total, expected.total), `update ${at}, total`).toBeLessThan(1e-5)
        expect(relative(got.gradientNorm, expected.gradientNorm), `update ${at}, norm`).toBeLessThan(1e-4)
      }
      expect(Object.keys(trained.weights).sort()).toEqual(Object.keys(final).sort())
      for (const [name, expected] of Object.entries(final)) {
        // Softmax does not see what is added to all scores of a row: a key's bias has no gradient but rounding, which
        // Adam blows up to full steps.
        const isNoise = /(key|k_lin|attn\.k)\.bias/.test(name)
        // 50 updates of at most 1e-4 move a weight by up to 2.5e-3: agreement must be far below that.
        expect(largestDifference(trained.weights[name]!, expected), name).toBeLessThan(isNoise ? 1e-3 : 2e-5)
        if (!isNoise) expect(largestDifference(initial[name]!, expected), `${name} moved`).toBeGreaterThan(1e-4)
      }
    })
  })

  it("gives the same bytes twice, with one thread and with two", async () => {
    const [first, again, single] = [
      await trainedOnce(family, "nothing"),
      await Golden.train(family, "nothing", { threads: 2 }),
      await Golden.train(family, "nothing", { threads: 1 }),
    ]
    expect(again).toEqual(first)
    expect(single).toEqual(first)
  })
})

describe("the graphs of a phase with frozen groups", () => {
  const names = (graph: Graph.Graph) => graph.inputs.map(({ name }) => name)

  it("have no moments of frozen parameters, and none for tasks that are not in the batch", async () => {
    const model = TrainingModel.make(await Golden.phaseOf("bert", "belowBlock1"))
    const { graph, groups, parameters } = model.update(["topic"])
    expect(groups).toEqual(["block.1", "head.topic"])
    const moments = names(graph).filter((name) => name.startsWith("exp_avg"))
    expect(moments).toHaveLength(2 * parameters.length)
    expect(moments.filter((name) => !/block|layer\.1\.|head\.topic\./.test(name))).toEqual([])
    expect(names(graph).filter((name) => /embeddings|layer\.0\.|entities|input_ids/.test(name))).toEqual([])
    expect(names(graph)).toContain("hidden")
  })

  it("have no node that goes back below the lowest trainable group", async () => {
    // With `hidden` as input nothing below exists; what is left is as many nodes as above the boundary need.
    const count = async (variant: Golden.Variant) =>
      TrainingModel.make(await Golden.phaseOf("bert", variant)).update(["topic"]).graph
    const [all, upper, heads] = [await count("nothing"), await count("belowBlock1"), await count("backbone")]
    const uses = (graph: Graph.Graph, operator: string) =>
      graph.nodes.filter((node) => node.operator === operator).length
    // One softmax and, backwards, no second one: attention blocks in the graph.
    expect([all, upper, heads].map((graph) => uses(graph, "Softmax"))).toEqual([2, 1, 0])
    expect([all, upper, heads].map((graph) => uses(graph, "LayerNormalization"))).toEqual([5, 2, 0])
    const reachesHidden = (graph: Graph.Graph) => {
      const outputs = new Set(graph.nodes.flatMap((node) => node.outputs.map(({ name }) => name)))
      return graph.nodes
        .filter((node) => node.inputs.includes("hidden") && outputs.size > 0)
        .map((node) => node.operator)
    }
    const products = (graph: Graph.Graph) => reachesHidden(graph).filter((operator) => operator === "Gemm")
    // The heads only gather first tokens from it; a block multiplies it forwards for keys and values, and once each for
    // their weights' gradients; its queries are those of the first tokens.
    expect(reachesHidden(heads)).toEqual(["Shape", "Gather"])
    expect(products(upper)).toHaveLength(4)
    // Where a task reads every token, so do the queries.
    const entities = TrainingModel.make(await Golden.phaseOf("bert", "belowBlock1")).update(["entities", "topic"]).graph
    expect(products(entities)).toHaveLength(6)
  })

  it("keep the frozen bottom in a graph of its own, with its weights inside", async () => {
    const model = TrainingModel.make(await Golden.phaseOf("bert", "belowBlock1"))
    expect(model.boundary).toEqual({ group: "block.0", form: ["tokens"] })
    expect(names(model.prefix!).sort()).toEqual(["attention_mask", "input_ids", "token_type_ids"])
    expect(model.prefix!.outputs.map(({ name, shape }) => [name, shape])).toEqual([["hidden", ["batch*tokens", 32]]])
    expect(TrainingModel.make(await Golden.phaseOf("bert", "nothing")).prefix).toBeUndefined()
  })

  it("are the same text every time", async () => {
    const phase = await Golden.phaseOf("distilbert", "nothing")
    const text = (tasks: ReadonlyArray<string>) => Graph.text(TrainingModel.make(phase).update(tasks).graph)
    expect(text(["topic", "entities"])).toBe(text(["entities", "topic"]))
  })

  it("refuse unknown groups and tasks, and a batch from which nothing learns", async () => {
    const phase = await Golden.phaseOf("bert", "backbone")
    expect(() => TrainingModel.make({ ...phase, trainable: ["block.7"] })).toThrow(
      /expected groups of the encoder and its heads to train, got "block.7"\. Did you mean "block.0", "block.1"/,
    )
    const model = TrainingModel.make(phase)
    expect(() => model.update(["topics"])).toThrow(
      /expected tasks that have a head, got "topics"\. Did you mean "topic"/,
    )
    const frozen = { ...phase.frozen, ...(await Golden.weightsOf("bert", "initial")) }
    expect(() => TrainingModel.make({ ...phase, trainable: ["head.topic"], frozen }).update(["entities"])).toThrow(
      /update for "entities": expected something that trains/,
    )
  })
})
