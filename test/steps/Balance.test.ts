import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Dag from "@thaw/core/Dag"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Head from "@thaw/models/Head"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Balance from "@thaw/steps/Balance"
import * as Freeze from "@thaw/steps/Freeze"
import * as Sample from "@thaw/steps/Sample"
import type * as Train from "@thaw/steps/Train"
import * as History from "@thaw/steps/training/History"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const homes: Array<string> = []
const worlds: Array<ReturnType<typeof World.make>> = []
afterAll(async () => {
  await Promise.all(worlds.map((world) => world.dispose()))
  homes.forEach((home) => rmSync(home, { recursive: true, force: true }))
})
const newWorld = () => {
  const home = mkdtempSync(path.join(tmpdir(), "thaw-balance-"))
  homes.push(home)
  const world = World.make({ home })
  worlds.push(world)
  return world
}
const shared = newWorld()

/** What the last phase left in the history, and the bytes of all weights. */
const train = async (overrides: Corpus.Overrides) => {
  const { values, folders } = await shared.run({ trained: Corpus.trained(overrides) })
  const entries = History.entries(values.trained.training.history)
  return { entry: entries.at(-1)!, entries, weights: readFileSync(path.join(folders.trained, "model.safetensors")) }
}

const planned = (overrides: Corpus.Overrides) =>
  Dag.make(Pipeline.make("x", { seed: 1, outputs: { trained: Corpus.trained(overrides) } }))

const every = {
  plainSum: Balance.plainSum(),
  normalised: Balance.normalised(),
  uncertainty: Balance.uncertainty({ rate: 0.1 }),
  dynamicWeightAverage: Balance.dynamicWeightAverage({ window: 2 }),
  targets: Balance.targets({ topic: 1, mood: 1 }),
  custom: Balance.custom(({ update }) => ({ mood: 1 + update / 4 })),
  gradNorm: Balance.gradNorm({ initialUpdates: 1 }),
  pcGrad: Balance.pcGrad(),
  caGrad: Balance.caGrad(),
  equalNorms: Balance.equalNorms(),
} as const satisfies Record<Balance.Balance["_tag"], Balance.Balance>

describe("a phase with a balancer", () => {
  const undisturbed = newWorld()
  const weights = new Map<string, Uint8Array>()

  it.each(Object.entries(every))(
    "ends with the same bytes when it was stopped in its middle: %s",
    async (name, balance) => {
      const outputs = { trained: Corpus.trained({ balance, telemetry: { everyUpdates: 3 }, epochs: 3 }) }
      const alone = await undisturbed.run(outputs)
      const before = shared.events.length
      await shared.interrupted(outputs, (event) => event._tag === "update" && event.update === 7)
      const resumed = await shared.run(outputs)
      const goesOn = shared.events
        .slice(before)
        .some((event) => event._tag === "noticed" && event.message.startsWith("goes on after"))
      expect(goesOn).toBe(true)
      expect(resumed.hashes).toEqual(alone.hashes)
      weights.set(name, readFileSync(path.join(alone.folders.trained, "model.safetensors")))
    },
    60_000,
  )

  it("trains other weights than each of the others", () => {
    expect([...weights.keys()]).toEqual(Object.keys(Balance.names))
    const different = new Set(Array.from(weights.values(), (bytes) => Buffer.from(bytes).toString("base64")))
    expect(different.size).toBe(weights.size)
  })

  it("trains the same weights as without one where the losses count as before", async () => {
    const [plain, none] = [await train({ balance: Balance.plainSum() }), await train({})]
    expect(plain.weights.equals(none.weights)).toBe(true)
    expect(none.entry.balance).toBeUndefined()
  })

  it("tells raw losses, their plain sum and the weights after every epoch", async () => {
    const { entry } = await train({ balance: every.uncertainty })
    const { balancer, start, moments } = entry.balance!
    expect(balancer).toEqual(every.uncertainty)
    expect(start).toEqual({ topic: 1, mood: 1 })
    expect(moments.map(({ update }) => update)).toEqual([4, 8])
    for (const { losses, plainSum, weights } of moments) {
      expect(Object.keys(losses).sort()).toEqual(["mood", "topic"])
      expect(plainSum).toBeCloseTo(losses["mood"]! + losses["topic"]!, 12)
      expect(Object.keys(weights).sort()).toEqual(["mood", "topic"])
    }
    expect(moments[1]!.weights).not.toEqual(moments[0]!.weights)
    const updates = shared.events.filter((event) => event._tag === "update" && event.weights !== undefined)
    expect(updates.length).toBeGreaterThan(0)
  })

  it("multiplies the tasks' own weights", async () => {
    const weight = 3
    const tasks = { ...Corpus.tasks, topic: { ...Corpus.tasks.topic, weight } }
    const { entry } = await train({ tasks, balance: Balance.normalised() })
    const { topic, mood } = entry.balance!.start
    expect([topic, mood]).toEqual([weight / Math.log(2), 1 / Math.log(2)].map((each) => expect.closeTo(each, 12)))
  })

  it("goes on in the next phase where that has the same balancer, and else begins anew", async () => {
    const phases = (second: Balance.Balance) =>
      train({
        freeze: Freeze.phases([
          { train: ["*"], balance: every.uncertainty },
          { train: ["*"], balance: second },
        ]),
      })
    const same = (await phases(every.uncertainty)).entries
    expect(same[1]!.balance!.start).toEqual(same[0]!.balance!.moments.at(-1)!.weights)
    const other = (await phases(Balance.uncertainty({ rate: 0.2 }))).entries
    expect(other[1]!.balance!.start).toEqual({ topic: 1, mood: 1 })
  })

  it("has every task in every update where it compares gradients", async () => {
    const before = shared.events.length
    await train({ balance: Balance.pcGrad() })
    const tasks = shared.events.slice(before).flatMap((event) => (event._tag === "update" ? [event.task] : []))
    expect(new Set(tasks)).toEqual(new Set(["mood, topic"]))
  })

  it("weighs a rehearsed task and leaves out one that is not drawn", async () => {
    const first = { train: ["*"], epochs: 1 } as const
    const then = { train: ["*", "!head.mood"], epochs: 1, balance: every.uncertainty } as const
    const before = shared.events.length
    const rehearsed = await train({ freeze: Freeze.phases([first, { ...then, rehearse: { mood: 1 } }]) })
    expect(Object.keys(rehearsed.entry.balance!.start).sort()).toEqual(["mood", "topic"])
    const combined = { ...then, balance: Balance.pcGrad(), rehearse: { mood: 1 } }
    const { entry } = await train({ freeze: Freeze.phases([first, combined]) })
    expect(Object.keys(entry.balance!.moments[0]!.losses).sort()).toEqual(["mood", "topic"])
    const left = await train({ freeze: Freeze.phases([first, then]) })
    expect(Object.keys(left.entry.balance!.start)).toEqual(["topic"])
    const notices = shared.events.slice(before).flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
    expect(notices).toContain(
      "The balancer (uncertainty) weighs the rehearsed task mood too: how firmly it holds the encoder in place may change.",
    )
    expect(notices).toContain(
      "The balancer (uncertainty) leaves out mood: head.mood is frozen and its task is not drawn.",
    )
  })
})

describe("a balancer that compares gradients over a frozen encoder", () => {
  it.each([
    [Balance.gradNorm(), "GradNorm"],
    [Balance.pcGrad(), "PCGrad"],
    [Balance.caGrad(), "CAGrad"],
    [Balance.equalNorms(), "equal norms"],
  ] as const)("is refused when the plan is made: $1", (balance, name) => {
    expect(() => planned({ balance, freeze: Freeze.backbone() })).toThrow(
      `phase 1, backbone frozen, balance: expected a shared group that trains, since ${name} compares the tasks' gradients there, got heads over a frozen encoder, which share nothing that trains. Let a block train, or give this phase another balancer, such as Balance.uncertainty().`,
    )
  })

  it("is refused with batches that do not have every task", () => {
    expect(() => planned({ balance: Balance.pcGrad(), batches: "homogeneous" })).toThrow(
      'phase 1, nothing frozen, batches: expected "everyTask", since PCGrad compares the gradients of every task in each update, got "homogeneous". Leave batches out.',
    )
    expect(() => planned({ balance: Balance.pcGrad(), mix: Sample.alternate({ atEnd: "cycle" }) })).toThrow(
      "batches: expected homogeneous batches for tasks that alternate, got everyTask ones.",
    )
  })

  it("may stand beside phases with another", async () => {
    const freeze = Freeze.phases([{ train: ["heads"], balance: Balance.uncertainty() }, { train: ["*"] }])
    const { entries } = await train({ freeze, balance: Balance.pcGrad(), epochs: 1 })
    expect(entries.map(({ balance }) => balance!.balancer!._tag)).toEqual(["uncertainty", "pcGrad"])
  })

  it("may compare those of adapters", async () => {
    const { entry } = await train({
      freeze: Freeze.lora({ rank: 2 }),
      balance: every.gradNorm,
      telemetry: { everyUpdates: 4 },
    })
    expect(entry.balance!.moments.at(-1)!.weights).not.toEqual({ topic: 1, mood: 1 })
    expect([...new Set(entry.balance!.seen.map(({ group }) => group))]).toEqual([
      "head.topic",
      "head.mood",
      "lora.block.1",
      "lora.block.0",
    ])
  })
})

describe("looking at gradients", () => {
  it("changes no weight and is told group by group", async () => {
    const before = shared.events.length
    const looked = await train({ telemetry: { everyUpdates: 3 } })
    expect(looked.weights.equals((await train({})).weights)).toBe(true)
    const { seen, balancer } = looked.entry.balance!
    expect(balancer).toBeUndefined()
    expect([...new Set(seen.map(({ update }) => update))]).toEqual([1, 4, 7])
    expect(seen.slice(0, 5).map(({ group }) => group)).toEqual([
      "head.topic",
      "head.mood",
      "block.1",
      "block.0",
      "embeddings",
    ])
    for (const { group, norms, cosines } of seen) {
      const own = group.startsWith("head.") ? [group.slice("head.".length)] : ["mood", "topic"]
      expect(Object.keys(norms).sort()).toEqual(own)
      for (const norm of Object.values(norms)) expect(norm).toBeGreaterThan(0)
      expect(cosines.map((each) => each.tasks)).toEqual(own.length === 2 ? [["mood", "topic"]] : [])
      for (const { cosine } of cosines) expect(Math.abs(cosine)).toBeLessThanOrEqual(1 + 1e-5)
    }
    const told = shared.events.slice(before).flatMap((event) => (event._tag === "gradients" ? [event] : []))
    expect(told.map(({ update, group, norms, cosines }) => ({ update, group, norms, cosines }))).toEqual(seen)
  })

  it("sees the gradients of the update itself where these are combined", async () => {
    const one = await train({ balance: Balance.equalNorms(), telemetry: { everyUpdates: 2 } })
    const two = await train({ balance: Balance.equalNorms() })
    expect(one.weights.equals(two.weights)).toBe(true)
    expect(new Set(one.entry.balance!.seen.map(({ update }) => update))).toEqual(new Set([1, 3, 5, 7]))
  })
})

describe("class weights", () => {
  it("weigh the labels of the training part by how rare they are", async () => {
    // Two thirds of the rows are animals.
    const rows = Corpus.rows(24, "text", "t").filter(({ labels }, at) => labels["topic"] === "animal" || at % 4 === 1)
    const { train: uneven, validation } = Corpus.parts({ train: rows, heldOut: Corpus.rows(9, "text", "h") })
    const tasks = { topic: { head: Head.classification({ pooling: "mean" }), train: uneven, validation } }
    const of = async (classWeights?: Train.Options["classWeights"]) => {
      const { weights } = await train({ tasks, ...(classWeights === undefined ? {} : { classWeights }) })
      const { tensors } = await Effect.runPromise(Safetensors.decode(weights))
      return Object.values(tensors).flatMap(Tensor.numbers)
    }
    const difference = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
      a.reduce((most, each, at) => Math.max(most, Math.abs(each - b[at]!)), 0)
    const alike = await of()
    // β = 0 counts every example alike.
    expect(difference(await of({ topic: Sample.effectiveNumber({ beta: 0 }) }), alike)).toBeLessThan(1e-4)
    expect(difference(await of({ topic: Sample.inverseFrequency() }), alike)).toBeGreaterThan(1e-3)
  })

  it("of a task that is none is refused, and so is its target", () => {
    expect(() => planned({ balance: Balance.targets({ moods: 1 }) })).toThrow(
      'phase 1, nothing frozen, balance, targets: expected tasks that have training examples, got "moods". Did you mean "mood"?',
    )
    expect(() => planned({ classWeights: { topics: Sample.inverseFrequency() } })).toThrow(
      'phase 1, nothing frozen, classWeights: expected tasks that have training examples, got "topics". Did you mean "topic"?',
    )
  })
})
