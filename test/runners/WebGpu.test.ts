/**
 * Training and evaluation on the device agree with PyTorch's golden runs and with the processor. Every session forbids the
 * processor, so what passes here was computed on the device.
 */
import * as Seed from "@thaw/core/Seed"
import * as Dropout from "@thaw/models/Dropout"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Parameter from "@thaw/models/Parameter"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Graph from "@thaw/onnx/Graph"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as DeviceGraph from "@thaw/runners/DeviceGraph"
import * as GpuRunner from "@thaw/runners/GpuRunner"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect, type Layer } from "effect"
import { describe, expect, it } from "vitest"
import * as Golden from "../models/golden.ts"
import * as GoldenLora from "../models/lora.ts"
import * as Techniques from "../models/techniques.ts"
import * as WebGpu from "./webgpu.ts"

const onDevice: SessionProcess.Options = { provider: "webgpu" }
const onProcessor: SessionProcess.Options = { threads: 1 }
/** A GPU in software takes about a second of a processor for ten updates. */
const patience = 600_000

type Tensors = Readonly<Record<string, Tensor.Tensor>>
interface Figures {
  readonly losses: Readonly<Record<string, number>>
  readonly gradientNorm: number
}

const largestDifference = (a: Tensor.Tensor, b: Tensor.Tensor) => {
  const others = Tensor.numbers(b)
  return Tensor.numbers(a).reduce((most, value, at) => Math.max(most, Math.abs(value - others[at]!)), 0)
}

const expectCurve = (got: ReadonlyArray<Figures>, expected: ReadonlyArray<Figures>, near = 1e-3) => {
  expect(got).toHaveLength(expected.length)
  for (const [at, { losses, gradientNorm }] of expected.entries()) {
    expect(Object.keys(got[at]!.losses).sort()).toEqual(Object.keys(losses).sort())
    for (const [task, loss] of Object.entries(losses)) {
      expect(Math.abs(got[at]!.losses[task]! - loss) / loss, `update ${at}, ${task}`).toBeLessThan(near)
    }
    expect(Math.abs(got[at]!.gradientNorm - gradientNorm) / gradientNorm, `update ${at}`).toBeLessThan(near)
  }
}

/** A key's bias has no gradient but rounding, which Adam blows up to full steps. */
const isNoise = (name: string) => /key\.bias/.test(name)

const expectWeights = (got: Tensors, expected: Tensors, near: number) => {
  for (const [name, tensor] of Object.entries(expected)) {
    if (!isNoise(name)) expect(largestDifference(got[name]!, tensor), name).toBeLessThan(near)
  }
}

describe("every graph of training", () => {
  it("is one that the device computes whole, in every family", async () => {
    for (const family of Golden.families) {
      for (const variant of ["nothing", "backbone", "belowBlock1"] as const) {
        const phase = await Golden.phaseOf(family, variant)
        const dropout = { rates: { hidden: 0.1, attention: 0.1, head: 0.1 }, seed: Seed.make(1) }
        const model = TrainingModel.make({ ...phase, dropout })
        const tasks = ["topic", "entities"]
        const { add, gram, apply } = model.separation(tasks)
        const graphs = [
          model.update(tasks),
          ...Object.values(model.accumulation(tasks)),
          add,
          gram,
          apply,
          InferenceModel.make(phase.config, phase.heads, Parameter.inputs()),
        ].map(({ graph }) => graph)
        for (const graph of [...graphs, ...(model.prefix === undefined ? [] : [model.prefix])]) {
          expect(DeviceGraph.of(graph), `${family}, ${graph.name}`).toBeDefined()
        }
      }
    }
  })
})

describe.skipIf(WebGpu.problem !== undefined)(`50 updates of two tasks, one of them of tokens${WebGpu.skipped}`, () => {
  it.each(["nothing", "belowBlock1", "backbone"] as const)(
    "have PyTorch's losses, norms and weights with frozen: %s",
    async (variant) => {
      const trained = await Golden.train("bert", variant, onDevice)
      expectCurve(trained.updates, Golden.goldenOf("bert", variant).updates)
      expectWeights(trained.weights, await Golden.weightsOf("bert", variant), 2e-5)
    },
    patience,
  )

  it(
    "have PyTorch's losses, norms and weights with adapters",
    async () => {
      const trained = await GoldenLora.train(onDevice)
      expectCurve(trained.updates, GoldenLora.golden.updates)
      expectWeights(trained.weights, await Golden.weightsOf("bert", "lora"), 2e-5)
    },
    patience,
  )

  it(
    "have the processor's losses and weights with dropout",
    async () => {
      const batches = await Golden.batchesOf("bert")
      const rates = Object.fromEntries(Techniques.all.map((group) => [group, 1e-4]))
      const dropout = { rates: { hidden: 0.2, attention: 0.2, head: 0.2 }, seed: Seed.make(11) }
      const train = (where: SessionProcess.Options) =>
        Techniques.train(
          Golden.goldenOf("bert", "nothing"),
          [
            {
              trainable: Techniques.all,
              settings: { dropout },
              updates: batches.map((batch) => ({ microBatches: [batch], rates })),
            },
          ],
          where,
        )
      const expected = await train(onProcessor)
      expectCurve(expected.updates, (await train(onDevice)).updates)
      // Dropout did something.
      const plain = Golden.goldenOf("bert", "nothing").updates
      expect(expected.updates[0]!.losses["topic"]).not.toBeCloseTo(plain[0]!.losses["topic"]!, 3)
    },
    patience,
  )

  it(
    "give the same bytes again",
    async () => {
      const batches = (await Golden.batchesOf("bert")).slice(0, 5)
      const rates = Object.fromEntries(Techniques.all.map((group) => [group, 1e-4]))
      const phase = { trainable: Techniques.all, updates: batches.map((batch) => ({ microBatches: [batch], rates })) }
      const train = () => Techniques.train(Golden.goldenOf("bert", "nothing"), [phase], onDevice)
      expect(await train()).toEqual(await train())
    },
    patience,
  )
})

/** Runs a graph once. */
const evaluate = (sessions: Layer.Layer<Sessions>, graph: Graph.Graph, feeds: Tensors): Promise<Tensors> =>
  Effect.gen(function* () {
    const device = yield* (yield* Sessions).open
    const session = yield* device.session(graph)
    return yield* session.run({ feeds: Golden.fed(graph, feeds), fetch: graph.outputs.map(({ name }) => name) })
  }).pipe(Effect.scoped, Effect.provide(sessions), Effect.runPromise)

describe.skipIf(WebGpu.problem !== undefined)(`on the device${WebGpu.skipped}`, () => {
  it(
    "masks of dropout are the processor's, to the bit",
    async () => {
      const drop = Dropout.make({ rates: { hidden: 0.3, attention: 0.3, head: 0.3 }, seed: Seed.make(11) }, ["block.0"])
      const site = { group: "block.0", name: "here", rate: "hidden" } as const
      const y = drop(Value.input("x", "float32", ["rows", "columns"]), site)
      const graph = Graph.make({ name: "dropout", outputs: { y } })
      const x = Tensor.full("float32", [70, 129], 1)
      for (const count of [0, 7, 2 ** 31 - 1]) {
        const feeds = { x, ...TrainingModel.microBatch(count) }
        const expected = await evaluate(SessionProcess.layer(onProcessor), graph, feeds)
        expect(await evaluate(GpuRunner.sessions(), graph, feeds)).toEqual(expected)
        expect(new Set(Tensor.numbers(expected["y"]!)).size).toBe(2)
      }
    },
    patience,
  )

  it(
    "logits of every task are the processor's to 1e-4",
    async () => {
      const phase = await Golden.phaseOf("bert", "nothing")
      const { graph } = InferenceModel.make(phase.config, phase.heads, Parameter.inputs())
      const feeds = { ...(await Golden.weightsOf("bert", "nothing")), ...(await Golden.batchesOf("bert"))[0]! }
      const expected = await evaluate(SessionProcess.layer(onProcessor), graph, feeds)
      const found = await evaluate(GpuRunner.sessions(), graph, feeds)
      expect(Object.keys(found).sort()).toEqual(["logits.entities", "logits.topic"])
      for (const [name, logits] of Object.entries(expected)) {
        expect(found[name]!.shape).toEqual(logits.shape)
        expect(largestDifference(found[name]!, logits), name).toBeLessThan(1e-4)
      }
    },
    patience,
  )
})
