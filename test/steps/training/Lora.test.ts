import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Forecast from "@thaw/models/Forecast"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Export from "@thaw/steps/Export"
import * as Freeze from "@thaw/steps/Freeze"
import * as Estimate from "@thaw/steps/timeline/Estimate"
import * as Network from "@thaw/steps/timeline/Network"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "../corpus.ts"
import * as World from "../world.ts"

const world = World.make()
afterAll(world.dispose)

const lora = Freeze.lora({ rank: 2, alpha: 4, targets: ["query", "value", "output"] })
const tensors = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))
const isHead = (name: string) => name.startsWith("head.")
const isAdapter = (name: string) => name.startsWith("lora.")

describe("a phase of adapters", () => {
  it("trains them and the heads, and nothing else", async () => {
    const { values } = await world.run({ start: Corpus.started, trained: Corpus.trained({ freeze: lora }) })
    const [before, after] = [await tensors(values.start), await tensors(values.trained)]
    const names = Object.keys(after)
    expect(names.filter(isAdapter)).toHaveLength(2 * 3 * 2)
    for (const name of names.filter((each) => !isAdapter(each) && !isHead(each))) {
      expect(after[name], name).toEqual(before[name])
    }
    for (const name of names.filter((each) => isAdapter(each) && each.endsWith(".B"))) {
      expect(
        after[name]!.data.some((value) => value !== 0),
        name,
      ).toBe(true)
    }
    expect(values.trained.config.lora).toMatchObject({ rank: 2, alpha: 4 })
    const { updates, history } = values.trained.training
    expect(updates).toEqual({ "lora.block.0": 8, "lora.block.1": 8, "head.mood": 8, "head.topic": 8 })
    expect(history[0]).toMatchObject({ trainable: ["lora.block.0", "lora.block.1", "head.mood", "head.topic"] })
    expect((history[0] as { readonly drift: number }).drift).toBeLessThan(1)
  })

  it("trains those of each block at the rate that it was given", async () => {
    const rates = { decayPerBlock: 1, groups: { "lora.block.0": 1e-12 } }
    const { values } = await world.run({ trained: Corpus.trained({ freeze: lora, rates }) })
    const after = await tensors(values.trained)
    const ofBlock = (block: number) =>
      Object.keys(after).filter((name) => name.includes(`layer.${block}.`) && name.endsWith(".B"))
    const most = (block: number) =>
      Math.max(...ofBlock(block).flatMap((name) => Tensor.numbers(after[name]!).map(Math.abs)))
    // AdamW's step is at most about its rate: 8 updates from zero.
    expect(most(0)).toBeLessThan(1e-10)
    expect(most(1)).toBeGreaterThan(1e-2)
  })

  it("has as many parameters that train as its plan says", async () => {
    const { values } = await world.run({ trained: Corpus.trained({ freeze: lora }) })
    const settings = values.trained.config.lora!
    const forecast = Forecast.make(values.trained.config)
    // Rank 2 in two blocks: query and value of 16 × 16, output of 32 to 16.
    const adapters = 2 * 2 * (16 + 16 + 16 + 16 + 32 + 16)
    const counted = [...Network.parameters(forecast, {}, settings)].filter(([group]) => group.startsWith("lora."))
    expect(counted).toEqual([
      ["lora.block.0", Estimate.exact(adapters / 2)],
      ["lora.block.1", Estimate.exact(adapters / 2)],
    ])
    const started = world.events.find((event) => event._tag === "phaseStarted")
    const heads = 2 * (2 * 16 + 2)
    expect(started).toMatchObject({ trainableParameters: adapters + heads })
  })

  it("gives the same bytes with two threads", async () => {
    const other = World.make({ threads: 2 })
    const freeze = Freeze.lora({ rank: 2, dropout: 0.2 })
    const one = await world.run({ trained: Corpus.trained({ freeze }) })
    const two = await other.run({ trained: Corpus.trained({ freeze }) })
    await other.dispose()
    expect(two.hashes).toEqual(one.hashes)
  })

  it("refuses a target that is no linear map of a block, in the plan", async () => {
    const targets = ["valu"] as unknown as readonly ["value"]
    const error = await world.failure({ trained: Corpus.trained({ freeze: Freeze.lora({ targets }) }) }).catch(String)
    expect(String(error)).toMatch(/expected linear maps of a block: query, .*, got "valu"\. Did you mean "value"/)
  })
})

describe("phases after one of adapters", () => {
  const chain = (...freeze: ReadonlyArray<Freeze.FreezePlan>) =>
    Corpus.trained({ freeze: Freeze.phases(freeze.map((each) => ({ freeze: each, epochs: 1 }))) })

  it("train the same adapters on, with their moments and counts", async () => {
    const { values } = await world.run({ one: chain(lora), two: chain(lora, lora) })
    expect(values.one.training.updates["lora.block.0"]).toBe(4)
    expect(values.two.training.updates["lora.block.0"]).toBe(8)
    const [first, second] = [await tensors(values.one), await tensors(values.two)]
    expect(Object.keys(second)).toEqual(Object.keys(first))
    expect(second["bert.embeddings.word_embeddings.weight"]).toEqual(first["bert.embeddings.word_embeddings.weight"])
  })

  it("keep them frozen while heads alone train", async () => {
    const { values } = await world.run({ one: chain(lora), two: chain(lora, Freeze.backbone()) })
    const [first, second] = [await tensors(values.one), await tensors(values.two)]
    for (const name of Object.keys(first)) {
      if (isHead(name)) expect(second[name], name).not.toEqual(first[name])
      else expect(second[name], name).toEqual(first[name])
    }
    expect(values.two.training.updates).toMatchObject({ "lora.block.0": 4, "head.topic": 8 })
  })

  it("merge them where the encoder's own weights train, or other adapters do", async () => {
    const other = Freeze.lora({ rank: 3, alpha: 3, targets: ["value"] })
    const { values } = await world.run({ full: chain(lora, Freeze.belowBlock(1)), again: chain(lora, other) })
    expect(values.full.config.lora).toBeUndefined()
    expect(Object.keys(await tensors(values.full)).filter(isAdapter)).toEqual([])
    expect(values.full.training.updates).toEqual({ "block.1": 4, "head.mood": 8, "head.topic": 8 })
    expect(Object.keys(await tensors(values.again)).filter(isAdapter)).toHaveLength(2 * 2)
    expect(values.again.training.updates).toMatchObject({ "lora.block.0": 4, "head.topic": 8 })
  })
})

describe("what is exported of adapters", () => {
  it("is the merged checkpoint, with the same scores, and PEFT's folder", async () => {
    const trained = Corpus.trained({ freeze: lora })
    const merged = Export.checkpoint({ trained })
    const test = { topic: Corpus.small.test, mood: Corpus.small.test }
    const { values } = await world.run({
      merged,
      adapters: Export.lora({ trained, task: "topic" }),
      before: Evaluate.tasks({ trained, test }),
      after: Evaluate.tasks({ trained: merged, test }),
    })
    expect(Object.keys(await tensors(values.merged)).filter(isAdapter)).toEqual([])
    expect(values.merged.training.updates).toEqual({})
    for (const [at, { metrics }] of values.before.tasks.entries()) {
      for (const [name, value] of Object.entries(metrics)) {
        expect(values.after.tasks[at]!.metrics[name], name).toBeCloseTo(value, 4)
      }
    }
    const { weights, config } = values.adapters
    expect(config).toMatchObject({ r: 2, lora_alpha: 4, modules_to_save: ["classifier"], task_type: null })
    if (weights._tag !== "Bytes") throw new Error("expected bytes")
    const { tensors: saved } = await Effect.runPromise(Safetensors.decode(weights.bytes))
    const own = await tensors((await world.run({ trained })).values.trained)
    expect(saved["base_model.model.bert.encoder.layer.1.output.dense.lora_B.weight"]).toEqual(
      own["lora.bert.encoder.layer.1.output.dense.B"],
    )
  })
})
