import { readFileSync } from "node:fs"
import path from "node:path"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as CheckpointFiles from "@thaw/models/CheckpointFiles"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as MaskedEncoder from "@thaw/models/MaskedEncoder"
import * as MaskedScores from "@thaw/models/MaskedScores"
import * as Objective from "@thaw/models/Objective"
import * as Parameter from "@thaw/models/Parameter"
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"

const fixture = path.join(import.meta.dirname, "../fixtures/masked")
const json = (name: string): unknown => JSON.parse(readFileSync(path.join(fixture, name), "utf8"))
const batch = json("golden.json") as Record<"ids" | "mask", ReadonlyArray<ReadonlyArray<number>>>
const golden = json("training.json") as {
  readonly places: ReadonlyArray<number>
  readonly labels: ReadonlyArray<number>
  readonly loss: number
  readonly gradients: Readonly<Record<string, ReadonlyArray<number>>>
}

const words = "bert.embeddings.word_embeddings.weight"
const task = "gaps"
const heads = { [task]: { ...Head.maskedTokens(), labels: [] } }

/** The fixture's weights, the head's under the task's group. */
const loaded = async () => {
  const located = { path: fixture, written: "./encoder" }
  const encoder = await Effect.runPromise(
    Encoder.fromFolder.run({ path: located }) as Effect.Effect<Checkpoint.Checkpoint, Error>,
  )
  const { head } = await Effect.runPromise(
    MaskedEncoder.withHead.run({ encoder, path: located }) as Effect.Effect<MaskedEncoder.MaskedEncoder, Error>,
  )
  const own = Object.entries(await Effect.runPromise(CheckpointFiles.tensors(head)))
  const tensors = {
    ...(await Effect.runPromise(CheckpointFiles.tensors(encoder.weights))),
    ...Object.fromEntries(own.map(([name, tensor]) => [`${Group.head(task)}.${name}`, tensor])),
  }
  return { config: encoder.config, tensors }
}

const shape = [batch.ids.length, batch.ids[0]!.length]
const inputs = {
  input_ids: Tensor.int32(shape, batch.ids.flat()),
  attention_mask: Tensor.int32(shape, batch.mask.flat()),
  token_type_ids: Tensor.full("int32", shape, 0),
}
const asked = {
  places: Tensor.int32([golden.places.length], golden.places),
  labels: Tensor.int32([golden.labels.length], golden.labels),
}

const gradientsOf = async (trains: (group: Group.Group) => boolean) => {
  const { config, tensors } = await loaded()
  const groups = Group.all(config.dimensions.blocks, [task])
  const made = Objective.of(
    {
      settings: { config, heads, trainable: groups.filter(trains), frozen: tensors },
      network: EncoderConfig.network(config),
      above: Group.ofEncoder(config.dimensions.blocks),
      crossing: undefined,
    },
    [task],
  )
  const gradients = Object.fromEntries(made.changed.map(({ parameter, gradient }) => [`d.${parameter.name}`, gradient]))
  const graph = Graph.make({ name: "gradients", outputs: { loss: made.losses[task]!, ...gradients } })
  const names = new Set(graph.inputs.map(({ name }) => name))
  const feeds = Object.entries({
    ...inputs,
    [`places.${task}`]: asked.places,
    [`labels.${task}`]: asked.labels,
    [`weight.${task}`]: Tensor.scalar("float32", 1),
    ...tensors,
  }).filter(([name]) => names.has(name))
  const { loss, ...found } = await Onnxruntime.evaluate(graph, Object.fromEntries(feeds))
  return { loss: loss!, of: (name: string) => found[`d.${name}`] }
}

const own = (name: string) =>
  name in golden.gradients && name.startsWith("cls.") ? `${Group.head(task)}.${name}` : name

describe("training on hidden tokens", () => {
  it("has PyTorch's loss and gradients; the table of words gets those of both its uses", async () => {
    const found = await gradientsOf(() => true)
    expect(found.loss.data[0]).toBeCloseTo(golden.loss, 5)
    for (const [name, expected] of Object.entries(golden.gradients)) {
      const given = Tensor.numbers(found.of(own(name))!)
      const worst = Math.max(...given.map((each, at) => Math.abs(each - expected[at]!)))
      expect(worst, name).toBeLessThan(1e-5)
    }
  })

  it("leaves the table of words alone where the embeddings are frozen, and trains the head by the same gradients", async () => {
    const found = await gradientsOf((group) => group !== Group.embeddings)
    expect(found.of(words)).toBeUndefined()
    const bias = "cls.predictions.decoder.bias"
    const given = Tensor.numbers(found.of(own(bias))!)
    expect(Math.max(...given.map((each, at) => Math.abs(each - golden.gradients[bias]![at]!)))).toBeLessThan(1e-5)
  })

  it("is scored by the same loss: the mean surprise at hidden tokens", async () => {
    const { config, tensors } = await loaded()
    const { graph } = MaskedScores.make(config, heads[task], task, Parameter.initializers(tensors))
    const { surprise, least } = await Onnxruntime.evaluate(graph, { ...inputs, ...asked })
    const surprises = Tensor.numbers(surprise!)
    expect(surprises.reduce((sum, each) => sum + each, 0) / surprises.length).toBeCloseTo(golden.loss, 5)
    expect(Tensor.numbers(least!).every((each, at) => each <= surprises[at]!)).toBe(true)
  })
})
