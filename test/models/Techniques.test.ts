import * as AdamW from "@thaw/models/AdamW"
import * as Group from "@thaw/models/Group"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Sgd from "@thaw/models/Sgd"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"
import * as Techniques from "./techniques.ts"

const relative = (got: number, expected: number) => Math.abs(got - expected) / Math.abs(expected)
const largestDifference = (a: Tensor.Tensor, b: Tensor.Tensor) => {
  const others = Tensor.numbers(b)
  return Tensor.numbers(a).reduce((most, value, at) => Math.max(most, Math.abs(value - others[at]!)), 0)
}

/** @param near how far weights may be apart; far below what they move */
const expectGolden = async (run: Techniques.Run, trained: Techniques.Trained, near: number) => {
  const golden = Techniques.goldenOf(run)
  expect(trained.updates).toHaveLength(golden.updates.length)
  for (const [at, expected] of golden.updates.entries()) {
    const got = trained.updates[at]!
    expect(Object.keys(got.losses).sort()).toEqual(Object.keys(expected.losses).sort())
    for (const [task, loss] of Object.entries(expected.losses)) {
      expect(relative(got.losses[task]!, loss), `update ${at}, loss of ${task}`).toBeLessThan(1e-5)
    }
    expect(relative(got.total, expected.total), `update ${at}, total`).toBeLessThan(1e-5)
    expect(relative(got.gradientNorm, expected.gradientNorm), `update ${at}, norm`).toBeLessThan(1e-4)
  }
  const final = await Golden.weightsOf("bert", run)
  expect(Object.keys(final).length).toBeGreaterThan(10)
  for (const [name, expected] of Object.entries(final)) {
    expect(largestDifference(trained.weights[name]!, expected), name).toBeLessThan(near)
  }
  for (const [group, count] of Object.entries(golden.counts)) expect(trained.counts[group] ?? 0, group).toBe(count)
}

const rate = 1e-4
const everywhere = Object.fromEntries(Techniques.all.map((group) => [group, rate]))

describe("gradual unfreezing", () => {
  const golden = Techniques.goldenOf("gradual")
  const learningRate = LearningRate.slantedTriangular(golden)
  const rateOf = (group: Group.Group, at: number) =>
    LearningRate.at(learningRate, at, golden.phaseUpdates) * golden.decay ** (4 - Group.depth(group, 2))

  const plan = async () => {
    const batches = await Golden.batchesOf("bert")
    return golden.phases.map((trainable, phase) => ({
      trainable,
      updates: Array.from({ length: golden.phaseUpdates }, (_, at) => ({
        microBatches: [batches[phase * golden.phaseUpdates + at]!],
        rates: Object.fromEntries(trainable.map((group) => [group, rateOf(group, at)])),
      })),
    }))
  }

  it("has PyTorch's curve over four phases with rates of their own per group and update", async () => {
    const phases = await plan()
    for (const [at, { rates }] of phases.flatMap(({ updates }) => updates).entries()) {
      for (const [group, expected] of Object.entries(golden.updates[at]!.rates)) {
        expect(rates[group]).toBeCloseTo(expected, 12)
      }
    }
    await expectGolden("gradual", await Techniques.train(golden, phases), 5e-5)
  })

  it("has moved far more than it differs, each group once it was unfrozen", async () => {
    const [initial, final] = [await Golden.weightsOf("bert", "initial"), await Golden.weightsOf("bert", "gradual")]
    for (const [name, weights] of Object.entries(final)) {
      expect(largestDifference(weights, initial[name]!), name).toBeGreaterThan(5e-4)
    }
    // A block that begins in the third phase has its own count: its first step is as bias-corrected as any first step.
    expect(golden.counts).toMatchObject({ embeddings: 12, "block.0": 24, "block.1": 36 })
  })

  it("would be far from PyTorch if a late block's bias correction went on from the updates before it", async () => {
    const phases = (await plan()).map((phase, at) => ({
      ...phase,
      counts: Object.fromEntries(phase.trainable.map((group) => [group, at * golden.phaseUpdates])),
    }))
    const { weights } = await Techniques.train(golden, phases)
    const final = await Golden.weightsOf("bert", "gradual")
    const late = Object.keys(final).filter((name) => name.includes("layer.0.") || name.includes("embeddings."))
    expect(late.length).toBeGreaterThan(3)
    for (const name of late) expect(largestDifference(weights[name]!, final[name]!), name).toBeGreaterThan(1e-4)
  })
})

describe("a frozen head whose task is drawn", () => {
  const golden = Techniques.goldenOf("frozenHead")
  const trainable = Techniques.all.filter((group) => group !== "head.topic")

  it("moves the backbone as in PyTorch and stays what it was", async () => {
    const batches = (await Golden.batchesOf("bert")).slice(0, golden.updates.length)
    const trained = await Techniques.train(golden, [
      { trainable, updates: batches.map((batch) => ({ microBatches: [batch], rates: everywhere })) },
    ])
    await expectGolden("frozenHead", trained, 2e-5)
    const initial = await Golden.weightsOf("bert", "initial")
    const ofHead = Object.keys(trained.weights).filter((name) => name.startsWith("head.topic."))
    expect(ofHead).toHaveLength(4)
    for (const name of ofHead) expect(trained.weights[name]).toEqual(initial[name])
  })

  it("has its weights inside the graph and nothing of it among the state", async () => {
    const phase = await Golden.phaseOf("bert", "nothing")
    const model = TrainingModel.make({ ...phase, trainable, frozen: await Golden.weightsOf("bert", "initial") })
    const { graph, groups, state } = model.update(["topic"])
    expect(groups).toEqual(["embeddings", "block.0", "block.1"])
    expect([...graph.inputs.map(({ name }) => name), ...Object.keys(state)].join(" ")).not.toMatch(/head\.topic/)
    expect(graph.outputs.map(({ name }) => name)).toContain("loss.topic")
  })
})

describe("label smoothing", () => {
  const golden = Techniques.goldenOf("labelSmoothing")

  it("has PyTorch's losses and gradients, unlabelled units left out", async () => {
    const batches = (await Golden.batchesOf("bert")).slice(0, golden.updates.length)
    const trained = await Techniques.train(golden, [
      {
        trainable: Techniques.all,
        settings: { labelSmoothing: golden.labelSmoothing },
        updates: batches.map((batch) => ({ microBatches: [batch], rates: everywhere })),
      },
    ])
    await expectGolden("labelSmoothing", trained, 2e-5)
  })
})

describe("accumulation", () => {
  const golden = Techniques.goldenOf("accumulation")

  /** Rows from `start` up to `end`; labels of tasks that none of them has are left out. */
  const rows = (batch: Techniques.Feeds, start: number, end: number): Techniques.Feeds =>
    Object.fromEntries(
      Object.entries(batch).flatMap(([name, tensor]) => {
        const width = Tensor.elements(tensor.shape.slice(1))
        const numbers = Tensor.numbers(tensor).slice(start * width, end * width)
        if (name.startsWith("labels.") && numbers.every((label) => label < 0)) return []
        return [[name, Tensor.int32([end - start, ...tensor.shape.slice(1)], numbers)]]
      }),
    )
  const split = (batch: Techniques.Feeds) => [0, 8, 16, 24].map((start) => rows(batch, start, start + 8))
  const plan = async (of: (batch: Techniques.Feeds) => ReadonlyArray<Techniques.Feeds>) => [
    {
      trainable: Techniques.all,
      updates: (await Golden.batchesOf("bert", "accumulation.batches")).map((batch) => ({
        microBatches: of(batch),
        rates: everywhere,
      })),
    },
  ]

  it("of 4 × 8 examples has PyTorch's updates with 32", async () => {
    await expectGolden("accumulation", await Techniques.train(golden, await plan(split)), 2e-5)
  })

  it("of 1 × 32 has them too, in one graph", async () => {
    await expectGolden("accumulation", await Techniques.train(golden, await plan((batch) => [batch])), 2e-5)
  })

  it.each([[["block.1", "head.entities", "head.topic"]], [["head.entities", "head.topic"]]])(
    "above a frozen bottom makes the updates of one large batch: %j",
    async (trainable) => {
      const of = async (parts: (batch: Techniques.Feeds) => ReadonlyArray<Techniques.Feeds>) =>
        (await plan(parts)).map((phase) => ({ ...phase, trainable }))
      const [parts, whole] = [
        await Techniques.train(golden, await of(split)),
        await Techniques.train(golden, await of((batch) => [batch])),
      ]
      for (const [at, expected] of whole.updates.entries()) {
        expect(relative(parts.updates[at]!.total, expected.total), `update ${at}, total`).toBeLessThan(1e-5)
        expect(relative(parts.updates[at]!.gradientNorm, expected.gradientNorm), `norm ${at}`).toBeLessThan(1e-5)
      }
      expect(parts.counts).toEqual(whole.counts)
      for (const [name, weights] of Object.entries(whole.weights)) {
        const isNoise = name.includes("key.bias")
        expect(largestDifference(parts.weights[name]!, weights), name).toBeLessThan(isNoise ? 1e-3 : 1e-5)
      }
    },
  )

  it("divides by the labels of the whole update: a mean of the parts' means is something else", async () => {
    const [batch] = await Golden.batchesOf("bert", "accumulation.batches")
    const parts = split(batch!)
    const count = (name: string) => parts.map((part) => (part[name] === undefined ? 0 : labelled(part[name])))
    const labelled = (tensor: Tensor.Tensor) => Tensor.numbers(tensor).filter((label) => label >= 0).length
    const units = TrainingModel.make(await Golden.phaseOf("bert", "nothing")).units(parts)
    for (const task of ["topic", "entities"]) {
      const counts = count(`labels.${task}`)
      expect(new Set(counts).size).toBeGreaterThan(1)
      expect(Tensor.numbers(units[`units.${task}`]!)).toEqual([counts.reduce((sum, each) => sum + each, 0)])
    }
  })

  it("leaves accumulators at 0 and needs no moments to add", async () => {
    const model = TrainingModel.make(await Golden.phaseOf("bert", "nothing"))
    const { add, apply } = model.accumulation(["topic"])
    expect(add.graph.inputs.map(({ name }) => name).filter((name) => /exp_avg|rates/.test(name))).toEqual([])
    expect(apply.graph.inputs.map(({ name }) => name).filter((name) => /input_ids|labels|units/.test(name))).toEqual([])
    expect(Object.keys(add.state)).toEqual(Object.keys(TrainingModel.freshAccumulators(apply.parameters)))
    expect(Object.keys(apply.state)).toEqual(expect.arrayContaining(Object.keys(add.state)))
    expect(apply.groups).toEqual(model.update(["topic"]).groups)
  })
})

describe("SGD", () => {
  it.each(["sgd", "nesterov"] as const)("has the curve of PyTorch's: %s", async (run) => {
    const golden = Techniques.goldenOf(run)
    const { momentum, weightDecay } = golden
    const settings = { optimizer: Sgd.make({ momentum, nesterov: run === "nesterov", weightDecay }) }
    const batches = (await Golden.batchesOf("bert")).slice(0, golden.updates.length)
    const updates = batches.map((batch, at) => ({ microBatches: [batch], rates: golden.updates[at]!.rates }))
    await expectGolden(run, await Techniques.train(golden, [{ trainable: Techniques.all, settings, updates }]), 2e-5)
  })

  it("keeps one buffer of a parameter, and nothing without momentum", async () => {
    const kept = async (momentum: number) => {
      const phase = { ...(await Golden.phaseOf("bert", "nothing")), optimizer: Sgd.make({ momentum }) }
      const { state, parameters } = TrainingModel.make(phase).update(["topic"])
      const moments = Object.keys(state).filter((name) => !parameters.some((each) => each.name === name))
      return { moments, parameters: parameters.map(({ name }) => name) }
    }
    const { moments, parameters } = await kept(0.9)
    expect(moments).toEqual(parameters.map((name) => `momentum_buffer.${name}`))
    expect((await kept(0)).moments).toEqual([])
  })

  it("adds to the gradient what pulls a weight to its start, biases too, and what pulls a head to 0", async () => {
    const [l2sp, weightDecay, rate] = [0.5, 0.25, 0.1]
    const phase = {
      ...(await Golden.phaseOf("bert", "nothing")),
      optimizer: Sgd.make({ momentum: 0, weightDecay }),
      l2sp,
    }
    const { graph, groups, parameters } = TrainingModel.make(phase).update(["topic"])
    const initial = await Golden.weightsOf("bert", "initial")
    const [batch] = await Golden.batchesOf("bert")
    const updated = (distance: number) =>
      Onnxruntime.evaluate(
        graph,
        Golden.fed(graph, {
          ...initial,
          ...batch,
          ...TrainingModel.weights({ topic: 1 }),
          ...TrainingModel.rates(
            phase,
            groups.map((group) => ({ group, learningRate: rate, count: 1 })),
          ),
          ...Object.fromEntries(
            parameters.map(({ name, shape }) => {
              const start = Tensor.numbers(initial[name]!).map((value) => value + distance)
              return [`start.${name}`, Tensor.float32(shape, start)]
            }),
          ),
        }),
      )
    const [near, far] = [await updated(0), await updated(2)]
    for (const { name, group } of parameters) {
      const [a, b] = [near, far].map((result) => Tensor.numbers(result[`next.${name}`]!))
      const pull = Group.taskOf(group) === undefined ? rate * l2sp * 2 : 0
      for (const [at, value] of a!.entries()) expect(b![at]! - value, name).toBeCloseTo(pull, 5)
    }
  })
})

describe("decay toward the start (L2-SP)", () => {
  const golden = Techniques.goldenOf("l2sp")
  const trained = async (settings: Partial<TrainingModel.Phase>) => {
    const batches = (await Golden.batchesOf("bert")).slice(0, golden.updates.length)
    const updates = batches.map((batch) => ({ microBatches: [batch], rates: everywhere }))
    return Techniques.train(golden, [{ trainable: Techniques.all, settings, updates }])
  }

  it("has the curve of PyTorch's AdamW whose parameters are the offsets from the start", async () => {
    await expectGolden("l2sp", await trained({ l2sp: golden.l2sp }), 2e-5)
  })

  it("is far from what training gives without it", async () => {
    const [free, final] = [await trained({}), await Golden.weightsOf("bert", "l2sp")]
    const encoder = Object.keys(final).filter((name) => name.startsWith("bert."))
    expect(encoder.length).toBeGreaterThan(5)
    for (const name of encoder) {
      expect(largestDifference(free.weights[name]!, final[name]!), name).toBeGreaterThan(2e-4)
    }
  })

  const [rates, l2sp] = [2e-3, 50]

  /** Weights after one update, with `start.*` as far from the weights as `distance`. */
  const updated = async (distance: number) => {
    const phase = { ...(await Golden.phaseOf("bert", "nothing")), l2sp }
    const { graph, groups, starts, parameters, state } = TrainingModel.make(phase).update(["topic"])
    const initial = await Golden.weightsOf("bert", "initial")
    const far = (name: string) => Tensor.numbers(initial[name]!).map((value) => value + distance)
    const [batch] = await Golden.batchesOf("bert")
    const feeds = {
      ...initial,
      ...TrainingModel.weights({ topic: 1 }),
      ...TrainingModel.freshMoments(AdamW.make(), parameters),
      ...TrainingModel.rates(
        phase,
        groups.map((group) => ({ group, learningRate: rates, count: 1 })),
      ),
      ...Object.fromEntries(
        parameters.map(({ name, shape }) => [`start.${name}`, Tensor.float32(shape, far(name))] as const),
      ),
      ...batch,
    }
    const result = await Onnxruntime.evaluate(graph, Golden.fed(graph, feeds))
    return { result, starts, parameters, state, initial }
  }

  it("pulls the encoder by rate·decay of its distance to the start, and no head", async () => {
    const [near, far] = [await updated(0), await updated(0.5)]
    for (const { name, group } of near.parameters) {
      const [a, b] = [near, far].map(({ result }) => Tensor.numbers(result[`next.${name}`]!))
      const pull = Group.taskOf(group) === undefined ? rates * l2sp * 0.5 : 0
      for (const [at, value] of a!.entries()) expect(b![at]! - value, name).toBeCloseTo(pull, 6)
      // Decoupled: what is clipped and what goes into moments is the losses' gradient alone.
      expect(far.result[`next.exp_avg.${name}`]).toEqual(near.result[`next.exp_avg.${name}`])
    }
    expect(far.result["gradientNorm"]).toEqual(near.result["gradientNorm"])
  })

  it("asks for the start of what returns to it, biases and norms too, and keeps it", async () => {
    const { starts, parameters, state } = await updated(0)
    const encoder = parameters.filter(({ group }) => Group.taskOf(group) === undefined)
    expect(starts).toEqual(encoder.map(({ name }) => `start.${name}`))
    expect(encoder.some(({ decays }) => !decays)).toBe(true)
    expect(Object.keys(state).filter((name) => name.startsWith("start."))).toEqual([])
  })

  it("lets heads decay toward 0 as without it", async () => {
    const phase = await Golden.phaseOf("bert", "nothing")
    const of = (given: Partial<TrainingModel.Phase>) =>
      TrainingModel.rates({ ...phase, ...given }, [{ group: "head.topic", learningRate: 1, count: 1 }])
    expect(of({ l2sp })).toEqual(of({}))
  })
})
