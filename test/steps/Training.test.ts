import { execFile } from "node:child_process"
import path from "node:path"
import { promisify } from "node:util"
import * as Artifact from "@thaw/core/Artifact"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Sgd from "@thaw/models/Sgd"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Export from "@thaw/steps/Export"
import * as Train from "@thaw/steps/Train"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const weightsOf = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))
const momentsOf = async ({ moments }: Checkpoint.Checkpoint): Promise<Safetensors.Tensors> =>
  moments === undefined
    ? {}
    : (await Effect.runPromise(Effect.flatMap(Artifact.contentBytes(moments), (bytes) => Safetensors.decode(bytes))))
        .tensors

/** What `run` of the world tells of updates, one by one. */
const updatesIn = async (run: () => Promise<unknown>) => {
  const before = world.events.length
  await run()
  return world.events.slice(before).flatMap((event) => (event._tag === "update" ? [event] : []))
}

describe("the same seed", () => {
  it("gives the same checkpoint again, with two threads, and in a process of its own; another seed another", async () => {
    const { hashes } = await world.run({ trained: Corpus.trained() })
    const two = World.make({ threads: 2 })
    const again = await two.run({ trained: Corpus.trained() })
    await two.dispose()
    expect(again.steps["Train.phase 1, nothing frozen"]).toBe("ran")
    expect(again.hashes.trained).toBe(hashes.trained)
    const child = path.join(import.meta.dirname, "children/train.ts")
    const { stdout } = await promisify(execFile)(process.execPath, [child, "1"])
    expect(stdout.trim()).toBe(hashes.trained)
    expect((await world.run({ trained: Corpus.trained() }, 8)).hashes.trained).not.toBe(hashes.trained)
  })

  it("draws a task's examples in the same order and starts its head the same, whatever other tasks there are", async () => {
    // At such a rate nothing learns, so the losses of a task's batches tell which examples were in them.
    const still = { learningRate: LearningRate.constant(1e-30), epochs: 2 }
    const moods = Corpus.parts({ train: Corpus.rows(30, "text", "m"), heldOut: Corpus.rows(9, "text", "n") })
    const mood = { head: Corpus.head, train: moods.train, validation: moods.validation }
    const topic = Corpus.tasks.topic
    const losses = async (tasks: Readonly<Record<string, Train.Task>>) => {
      const updates = await updatesIn(() => world.run({ trained: Corpus.trained({ ...still, tasks }) }))
      return updates.flatMap(({ task, loss }) => (task === "topic" ? [loss] : []))
    }
    const alone = await losses({ topic })
    const together = await losses({ mood, topic })
    expect(alone.length).toBe(6)
    expect(new Set(alone).size).toBe(6)
    expect(together.slice(0, 6)).toEqual(alone)
  })
})

describe("what is frozen", () => {
  it.each([
    { trains: ["heads"], moves: /^head\./, groups: ["head.mood", "head.topic"] },
    { trains: ["block.1+", "heads"], moves: /^head\.|layer\.1\./, groups: ["block.1", "head.mood", "head.topic"] },
    { trains: ["block.0", "heads"], moves: /^head\.|layer\.0\./, groups: ["block.0", "head.mood", "head.topic"] },
  ])("keeps every bit and has no moments where $trains train", async ({ trains, moves, groups: trained }) => {
    const after = Train.phase({ checkpoint: Corpus.started, ...Corpus.alone(trains, 1) })
    const { values } = await world.run({ started: Corpus.started, after })
    const before = await weightsOf(values.started)
    const weights = await weightsOf(values.after)
    expect(Object.keys(weights).sort()).toEqual(Object.keys(before).sort())
    for (const [name, tensor] of Object.entries(weights)) {
      if (moves.test(name)) expect(tensor, name).not.toEqual(before[name])
      else expect(tensor, name).toEqual(before[name])
    }
    const moved = Object.keys(before).filter((name) => moves.test(name))
    expect(Object.keys(await momentsOf(values.after)).sort()).toEqual(
      moved.flatMap((name) => [`exp_avg.${name}`, `exp_avg_sq.${name}`]).sort(),
    )
    const groups = Object.keys(values.after.training.updates)
    expect(groups.sort()).toEqual(trained)
  })
})

describe("counts and moments", () => {
  it("count for a head only the updates whose batch carries its labels", async () => {
    const moods = Corpus.parts({ train: Corpus.rows(30, "text", "m"), heldOut: Corpus.rows(9, "text", "n") })
    const tasks = {
      topic: Corpus.tasks.topic,
      mood: { head: Corpus.head, train: moods.train, validation: moods.validation },
    }
    let counted: Readonly<Record<string, number>> = {}
    const updates = await updatesIn(async () => {
      const { values } = await world.run({ trained: Corpus.trained({ tasks }) })
      counted = values.trained.training.updates
    })
    // 24 topics and 10 moods: 34 examples are 5 updates of 8 an epoch.
    expect(updates).toHaveLength(10)
    const of = (task: string) => updates.filter((update) => update.task === task).length
    expect(of("mood")).toBeGreaterThan(0)
    expect(counted).toEqual({
      embeddings: 10,
      "block.0": 10,
      "block.1": 10,
      "head.topic": of("topic"),
      "head.mood": of("mood"),
    })
  })

  it("go on from phase to phase, and start anew from an exported checkpoint", async () => {
    const first = Train.phase({ checkpoint: Corpus.started, ...Corpus.alone(["heads"], 1) })
    // A share of an epoch that is one update.
    const second = Corpus.alone(["*"], 0.2, 2)
    const went = Train.phase({ checkpoint: first, ...second })
    const anew = Train.phase({ checkpoint: Export.checkpoint({ trained: first }), ...second })
    const { values } = await world.run({ first, went, anew })
    const bias = "head.topic.classifier.bias"
    const counts = (of: Checkpoint.Checkpoint) => of.training.updates["head.topic"]
    expect([counts(values.first), counts(values.went), counts(values.anew)]).toEqual([4, 5, 1])
    expect(values.went.training.updates["block.0"]).toBe(1)
    expect(values.went.training.history).toHaveLength(2)

    // Same weights, same batch, same gradient g: m' = β₁m + (1 − β₁)g against m' = (1 − β₁)g.
    const [before, after, fresh] = [
      await momentsOf(values.first),
      await momentsOf(values.went),
      await momentsOf(values.anew),
    ]
    const numbers = (tensors: Safetensors.Tensors, name: string) => Array.from(tensors[name]!.data as Float32Array)
    for (const [moment, beta] of [["exp_avg", 0.9] as const, ["exp_avg_sq", 0.999] as const]) {
      const name = `${moment}.${bias}`
      const kept = numbers(after, name).map((value, at) => value - numbers(fresh, name)[at]!)
      numbers(before, name).forEach((value, at) => expect(kept[at]).toBeCloseTo(beta * value, 7))
      expect(Math.max(...numbers(before, name).map(Math.abs))).toBeGreaterThan(1e-6)
    }
    // The first update of Adam moves every number by its rate, whatever the gradient; a bias does not decay.
    const start = numbers(await weightsOf(values.first), bias)
    numbers(await weightsOf(values.anew), bias).forEach((value, at) =>
      expect(Math.abs(value - start[at]!)).toBeCloseTo(1e-2, 4),
    )
  })

  it("are SGD's where it trains, and are not mixed with AdamW's", async () => {
    const sgd = { optimizer: Sgd.make({ momentum: 0.9, weightDecay: 0.01 }) }
    const first = Train.phase({ checkpoint: Corpus.started, ...Corpus.alone(["heads"], 1), ...sgd })
    const second = { ...Corpus.alone(["heads"], 1, 2), trains: ["heads"] }
    const went = Train.phase({ checkpoint: first, ...second, ...sgd })
    const { values } = await world.run({ first, went })
    const [before, after] = [await momentsOf(values.first), await momentsOf(values.went)]
    const names = Object.keys(before)
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !name.startsWith("momentum_buffer.head."))).toEqual([])
    expect(Object.keys(after).sort()).toEqual(names.toSorted())
    for (const name of names) expect(after[name], name).not.toEqual(before[name])
    expect(await world.failure({ mixed: Train.phase({ checkpoint: first, ...second }) })).toMatchObject({
      message: expect.stringContaining(
        "optimizer: expected the one that trained the checkpoint so far, whose moments it goes on with, got AdamW. Give all phases the same optimizer, or start from an exported folder, which has no moments.",
      ) as string,
    })
  })
})
