import * as Artifact from "@thaw/core/Artifact"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Rates from "@thaw/steps/Rates"
import * as Sample from "@thaw/steps/Sample"
import * as Timeline from "@thaw/steps/Timeline"
import * as Estimate from "@thaw/steps/timeline/Estimate"
import * as Facts from "@thaw/steps/timeline/Facts"
import * as Train from "@thaw/steps/Train"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const of = (trained: Wire.Wire<unknown>) =>
  Timeline.of(Dag.make(Pipeline.make("x", { seed: 1, outputs: { trained } }))).phases
const known = (overrides: Corpus.Overrides) => of(Corpus.trained(overrides)).map((phase) => phase.known!)
const valueOf = (estimate: Estimate.Estimate) => (estimate._tag === "Known" ? estimate.value : Number.NaN)

/** The corpus's encoder: 2 blocks of 16, intermediate 32. Counted by hand from BERT's layers. */
const inBlock = 4 * (16 * 16 + 16) + 2 * 16 + (16 * 32 + 32) + (32 * 16 + 16) + 2 * 16
const inHead = 16 * 2 + 2

describe("a timeline", () => {
  it("tells of every phase and group whether it trains, and how fast", () => {
    const learningRate = LearningRate.slantedTriangular({ base: 1e-3 })
    const timeline = known({
      freeze: Freeze.gradual({ embeddings: "frozen" }),
      learningRate,
      rates: Rates.discriminative({ heads: 5e-3 }),
    })
    expect(timeline.map(({ groups }) => groups.map(({ state }) => state))).toEqual([
      ["frozen", "frozen", "frozen", "trains", "trains"],
      ["frozen", "frozen", "trains", "trains", "trains"],
      ["frozen", "trains", "trains", "trains", "trains"],
    ])
    expect(timeline[2]!.groups.map(({ group, rate }) => [group, rate?.highest])).toEqual([
      ["embeddings", undefined],
      ["block.0", expect.closeTo(1e-3 * 0.9 ** 3, 12)],
      ["block.1", expect.closeTo(1e-3 * 0.9 ** 2, 12)],
      ["head.mood", expect.closeTo(5e-3, 12)],
      ["head.topic", expect.closeTo(5e-3, 12)],
    ])
  })

  it("counts parameters, updates and memory as the run then finds them", async () => {
    const trained = Corpus.trained({
      freeze: Freeze.gradual({ stopAtBlock: 0 }),
      learningRate: LearningRate.constant(1e-3),
    })
    const timeline = of(trained)
    const before = world.events.length
    const { values } = await world.run({ trained })
    const started = world.events.slice(before).flatMap((event) => (event._tag === "phaseStarted" ? [event] : []))
    expect(timeline.map(({ known: each }) => each!.roles.trainable)).toEqual(started.map(({ trainable }) => trainable))
    expect(timeline.map(({ known: each }) => each!.updates)).toEqual(
      started.map(({ updates }) => Estimate.exact(updates)),
    )
    expect(timeline.map(({ known: each }) => each!.trainedParameters)).toEqual(
      started.map(({ trainableParameters }) => Estimate.exact(trainableParameters)),
    )
    expect(started.map(({ trainableParameters }) => trainableParameters)).toEqual([
      2 * inHead,
      2 * inHead + inBlock,
      2 * inHead + 2 * inBlock,
    ])
    const bytes = await Effect.runPromise(Artifact.contentBytes(values.trained.moments!))
    const { tensors } = await Effect.runPromise(Safetensors.decode(bytes))
    const size = Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0)
    expect(valueOf(timeline.at(-1)!.known!.cost.momentBytes)).toBe(size)
  })

  it("bounds what only the vocabulary to be learned would tell", async () => {
    const [phase] = known({})
    const { values } = await world.run({ encoder: Corpus.encoder() })
    const weights = await Effect.runPromise(Checkpoint.tensors(values.encoder))
    const size = Object.values(weights).reduce((sum, { data }) => sum + data.byteLength, 0)
    expect(phase!.cost.weightBytes).toMatchObject({ degree: "atMost" })
    expect(valueOf(phase!.cost.weightBytes)).toBeGreaterThanOrEqual(size + 4 * 2 * inHead)
    expect(valueOf(phase!.cost.weightBytes)).toBeLessThanOrEqual(size + 4 * (2 * inHead + 120 * 16))
  })

  it("says what would tell what it cannot know", () => {
    const gather = Step.make({
      name: "gather",
      version: "1",
      input: {},
      output: Dataset.TrainExamples,
      run: () => Corpus.small.train,
    })
    const train = gather({})
    const options = { ...Corpus.tasks, topic: { ...Corpus.tasks.topic, train } }
    const [phase] = of(
      Train.multiTask({ encoder: Corpus.encoder(), tasks: options, learningRate: LearningRate.constant(1e-3) }),
    )
    expect(phase!.known!.updates).toEqual(Estimate.unknown("gather"))
    expect(phase!.known!.cost.work).toEqual(Estimate.unknown("gather"))
    expect(phase!.known!.weights.map(({ share }) => share)).toEqual([
      Estimate.unknown("gather"),
      Estimate.unknown("gather"),
    ])

    const invent = Step.make({
      name: "invent",
      version: "1",
      input: {},
      output: Checkpoint.Checkpoint,
      run: () => Effect.fail("never run"),
    })
    const blind = of(
      Train.multiTask({ encoder: invent({}), tasks: Corpus.tasks, learningRate: LearningRate.constant(1e-3) }),
    )
    expect(blind).toMatchObject([{ known: undefined, until: "Train.heads", frozen: "nothing frozen" }])
  })

  it("reads the data of steps whose results are kept", async () => {
    const gather = Step.make({
      name: "gather",
      version: "1",
      input: {},
      output: Dataset.TrainExamples,
      run: () => Corpus.small.train,
    })
    const train = gather({})
    const tasks = { topic: { ...Corpus.tasks.topic, train }, mood: { ...Corpus.tasks.mood, train } }
    const dag = Dag.make(Pipeline.make("x", { seed: 1, outputs: { trained: Corpus.trained({ tasks }) } }))
    const node = Dag.find(dag, "gather")
    const facts = Effect.gen(function* () {
      const store = yield* ArtifactStore.ArtifactStore
      const kind = Dataset.TrainExamples
      const value = yield* store.put(kind.kind, yield* kind.write(Corpus.small.train))
      const ingredients = { step: "", version: "", parameters: {}, inputs: {}, sources: {}, seeds: {}, environment: {} }
      const result = { key: "", code: "", ingredients, outputs: { value }, seconds: 0, finishedAt: "" }
      const decisions = new Map([[node, { _tag: "Reuse" as const, key: "", result, sourceChanged: false }]])
      return yield* Facts.kept({ dag, decisions }, Timeline.wantsFacts)
    }).pipe(Effect.provide(ArtifactStore.memory))
    const kept = await Effect.runPromise(facts)
    const [phase] = Timeline.of(dag, kept).phases
    const [same] = known({})
    expect({ ...phase!.known, roles: same!.roles }).toEqual(same)
    expect(Timeline.of(dag).phases[0]!.known!.updates).toEqual(Estimate.unknown("gather"))
  })

  it("weighs tasks by how often they are drawn and how much their losses count", () => {
    const moods = Corpus.parts({ train: Corpus.rows(24, "text", "m"), heldOut: Corpus.rows(9, "text", "n") })
    const mood = { head: Corpus.head, train: moods.train, validation: moods.validation }
    const tasks = { topic: { ...Corpus.tasks.topic, weight: 3 }, mood }
    // 24 topics and 8 moods of other examples: drawn 3 to 1, counted 9 to 1; at temperature 2 drawn √3 to 1.
    const quarter = Estimate.exact(0.25)
    const rest = Estimate.exact(0.75)
    expect(known({ tasks })[0]!.weights).toMatchObject([
      { task: "mood", loss: 1, share: quarter, present: quarter, effective: Estimate.exact(0.1) },
      { task: "topic", loss: 3, share: rest, present: rest, effective: Estimate.exact(0.9) },
    ])
    const warm = known({ tasks, mix: Sample.temperature({ temperature: 2 }) })[0]!.weights
    expect(valueOf(warm[1]!.share)).toBeCloseTo(Math.sqrt(3) / (1 + Math.sqrt(3)), 12)
    const freeze = Freeze.phases([{ train: ["*", "!head.mood"], rehearse: { mood: 0.5 } }])
    expect(valueOf(known({ tasks, freeze })[0]!.weights[0]!.share)).toBeCloseTo(0.125 / 0.875, 12)
  })

  it("weighs tasks epoch by epoch where their shares change", () => {
    const moods = Corpus.parts({ train: Corpus.rows(24, "text", "m"), heldOut: Corpus.rows(9, "text", "n") })
    const mood = { head: Corpus.head, train: moods.train, validation: moods.validation }
    const tasks = { topic: { ...Corpus.tasks.topic, weight: 3 }, mood }
    const [scarce, plenty] = known({ tasks, epochs: 3, mix: Sample.annealed() })[0]!.weights
    // 8 moods and 24 topics: p ∝ n, n^0.6, n^0.2.
    const shares = [1, 0.6, 0.2].map((alpha) => 8 ** alpha / (8 ** alpha + 24 ** alpha))
    scarce!.epochs.forEach(({ share, present, effective }, epoch) => {
      expect([share, present]).toEqual([expect.closeTo(shares[epoch]!, 12), expect.closeTo(shares[epoch]!, 12)])
      expect(effective).toBeCloseTo(shares[epoch]! / (shares[epoch]! + 3 * (1 - shares[epoch]!)), 12)
    })
    expect(valueOf(plenty!.share)).toBeCloseTo(1 - (shares[0]! + shares[1]! + shares[2]!) / 3, 12)
    expect(known({ tasks })[0]!.weights[0]!.epochs).toEqual([])
  })

  it("counts a task in heterogeneous batches by whether any row is of it", () => {
    const moods = Corpus.parts({ train: Corpus.rows(24, "text", "m"), heldOut: Corpus.rows(9, "text", "n") })
    const mood = { head: Corpus.head, train: moods.train, validation: moods.validation }
    const tasks = { topic: Corpus.tasks.topic, mood }
    const present = (options: Corpus.Overrides) => known({ tasks, ...options })[0]!.weights.map((each) => valueOf(each.present)) // prettier-ignore
    expect(present({ batches: "heterogeneous" })[0]).toBeCloseTo(1 - 0.75 ** 8, 12)
    expect(present({ batches: "everyTask" })).toEqual([1, 1])
  })

  it("forecasts updates and padding of a token budget from words", () => {
    const [phase] = known({ tokenBudget: Sample.tokenBudget({ tokens: 36 }) })
    // Seven words each, 12 tokens: three to a batch, so 8 updates of topics and 3 of moods an epoch, and no padding.
    expect(phase!.updates).toEqual(Estimate.known(22, "about"))
    expect(phase!.padding).toEqual(Estimate.known(0, "about"))
    expect(known({})[0]!.padding).toBeUndefined()
  })

  it("warns of a task that is drawn too rarely", () => {
    const [phase] = known({ mix: Sample.weights({ topic: 1, mood: 0.01 }) })
    expect(phase!.roles.remarks.map(({ message }) => message)).toContain(
      "mood is drawn in 0.079 of 8 updates, so perhaps in none. Raise its share: Sample.temperature, Sample.weights, or repeat.",
    )
  })

  it("counts a task also in the updates that are drawn for another and carry its labels", async () => {
    // A third of the topics' examples have moods, all of the moods' have topics.
    const settings = { epochs: 25, freeze: Freeze.backbone() }
    const [mood, topic] = known(settings)[0]!.weights
    expect(valueOf(mood!.share)).toBe(0.25)
    expect(valueOf(topic!.present)).toBe(1)
    // A draw of 8 of 24 topics misses all 8 moods in C(16, 8) of C(24, 8) cases.
    expect(valueOf(mood!.present)).toBeCloseTo(0.25 + 0.75 * (1 - 12870 / 735471), 12)
    expect(valueOf(mood!.effective)).toBeCloseTo(valueOf(mood!.present) / (1 + valueOf(mood!.present)), 12)
    const { values } = await world.run({ trained: Corpus.trained(settings) })
    const { updates } = values.trained.training
    expect(updates["head.mood"]! / updates["head.topic"]!).toBeCloseTo(valueOf(mood!.present), 1)
  })
})

describe("work and cache", () => {
  it("are those of the part that trains: nothing is kept when all of it does", () => {
    expect(known({})[0]!.cost).toMatchObject({ cache: "none", cacheBytes: Estimate.exact(0) })
  })

  it("keep one vector for each example where heads alone train on pooled ones, and every token's above a frozen bottom", () => {
    const [heads, above] = known({ freeze: Freeze.phases([{ train: ["heads"] }, { train: ["block.1+", "heads"] }]) })
    expect(heads!.cost).toMatchObject({ cache: "kept", cacheBytes: Estimate.exact(24 * 16 * 4) })
    expect(above!.cost.cache).toBe("kept")
    // Seven words each: about 1.4 tokens a word and the two at the ends, 12 in all.
    expect(above!.cost.cacheBytes).toEqual(Estimate.known(24 * 12 * 16 * 4, "about"))
    const [none] = known({ freeze: Freeze.backbone(), cache: { budgetBytes: 0 } })
    expect(none!.cost.cache).toBe("recomputed")
  })

  it("are the products of forward and back, and one forward for each example where it is kept below", () => {
    // A batch of 8 examples, 12 tokens each, goes through two blocks of 16 numbers, intermediate 32, and two heads.
    const [rows, draws] = [8 * 12, 8 * 12]
    const linear = 2 * (4 * 16 * 16 + 2 * 16 * 32)
    const attention = 2 * 2 * 12 * 16
    const head = 2 * 16 * 2
    const types = 2 * 2 * 16
    // Back is twice forward, but the lowest block's queries, keys and values pass no gradient on.
    const ends = 2 * 3 * 16 * 16
    // Over pooled vectors that are kept, heads pass none on either.
    const work = (freeze: Freeze.FreezePlan) => valueOf(known({ freeze, epochs: 3 })[0]!.cost.work)
    const both = (linear + attention) * rows
    const [mood, topic] = [3, 9]
    const updates = mood + topic
    expect(draws).toBe(8 * updates)
    // 24 topics and 8 moods: 4 updates an epoch; each may have both labels, so both heads take part.
    const heads = 2 * 8 * head
    expect(work(Freeze.nothing())).toBeCloseTo(updates * (3 * 2 * both + 3 * heads + 2 * types * rows), 3)
    expect(work(Freeze.belowBlock(1))).toBeCloseTo(
      24 * 12 * (linear + attention + types) + updates * (3 * both - ends * rows + 3 * heads),
      3,
    )
    expect(work(Freeze.backbone())).toBeCloseTo(24 * 12 * (2 * (linear + attention) + types) + updates * 2 * heads, 3)
  })
})

describe("plans that contradict themselves are refused before anything runs", () => {
  it("with a phase of its own in which nothing trains", () => {
    const phase = Train.phase({ checkpoint: Corpus.started, ...Corpus.alone([], 1) })
    expect(() => of(phase)).toThrow("Train.phase 1, everything frozen: expected something that trains")
  })

  it("with an evaluation of a head that will not have trained", () => {
    const trained = Corpus.trained({ freeze: Freeze.only("head.mood") })
    const test = { topic: Corpus.small.test, mood: Corpus.small.test }
    expect(() => of(Evaluate.tasks({ trained, test }))).toThrow(
      "Evaluate.tasks, task mood: expected head.mood to have trained, got a head of random numbers, which never had an update.",
    )
    expect(of(Evaluate.tasks({ trained, test: { topic: Corpus.small.test } }))).toHaveLength(1)
    const never = Corpus.trained({ freeze: Freeze.everything() })
    expect(() => of(Evaluate.tasks({ trained: never, test: { topic: Corpus.small.test } }))).toThrow(
      "head.topic to have trained",
    )
  })
})

describe("a head that is frozen after it trained", () => {
  it("is warned about where the encoder moves below it, and called safe where it does not", () => {
    const remarks = known({
      freeze: Freeze.phases([{ train: ["heads"] }, { train: ["*", "!head.mood"] }, { train: ["head.topic"] }]),
    }).map(({ roles }) => roles.remarks.map(({ risky }) => risky))
    expect(remarks).toEqual([[], [true], [false]])
  })
})
