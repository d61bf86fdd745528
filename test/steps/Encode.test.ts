import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import * as Step from "@thaw/core/Step"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Sessions } from "@thaw/onnx/Session"
import * as Batch from "@thaw/steps/Batch"
import * as Encode from "@thaw/steps/Encode"
import * as Features from "@thaw/steps/Features"
import * as Inference from "@thaw/steps/Inference"
import * as Split from "@thaw/steps/Split"
import { Effect, Schema } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const encoder = Corpus.encoder()
const { train, test } = Corpus.small

const matrix = (features: Features.Features, group: string) => Effect.runSync(Features.matrix(features, group, "test"))

/** The checkpoint without its topmost block. */
const lower = Step.make({
  name: "lower",
  version: "1",
  input: { encoder: Checkpoint.Checkpoint },
  output: Checkpoint.Checkpoint,
  run: Effect.fnUntraced(function* ({ encoder: whole }) {
    const { family, dimensions } = whole.config
    const weights = yield* Checkpoint.tensors(whole)
    const kept = Object.entries(weights).filter(([name]) => !name.includes(".layer.1."))
    return {
      ...whole,
      config: EncoderConfig.make(family, { ...dimensions, blocks: 1 }),
      weights: Artifact.bytes(Safetensors.encode(Object.fromEntries(kept))),
    }
  }),
})

const logitsOf = Step.make({
  name: "logits",
  version: "1",
  input: { trained: Checkpoint.Checkpoint, examples: Dataset.TrainExamples },
  output: Artifact.json("logits", Schema.Array(Schema.Array(Schema.Number))),
  run: Effect.fnUntraced(function* ({ trained, examples }) {
    const { scratch } = yield* Step.StepRun
    const tokenizer = yield* Checkpoint.tokenizer(trained)
    const encoding = { tokenizer, limit: { maxTokens: 24 } }
    const [corpus] = yield* Batch.encode({ topic: examples }, trained.heads, encoding, "logits")
    const device = yield* (yield* Sessions).open
    yield* device.load((yield* Checkpoint.onDisk(trained, scratch)).weights)
    const answering = yield* Inference.open(device, trained, tokenizer.padId)
    const found = yield* Inference.logits(answering, corpus!.examples, ["topic"])
    return found.map(({ topic }) => Array.from(topic!))
  }, Effect.scoped),
})

describe("features", () => {
  it("are a vector an example and group, beside id and labels, in the order of the examples", async () => {
    const { values } = await world.run({
      features: Encode.trainFeatures({ encoder, examples: train, groups: ["*"], pooling: "mean" }),
    })
    const { features } = values
    expect(Features.groupsOf(features)).toEqual(["embeddings", "block.0", "block.1"])
    const bare = Array.from(Dataset.rowsOf(train), ({ id, origin, labels }) => ({ id, origin, labels, tags: {} }))
    expect([...Dataset.rowsOf(features)]).toEqual(bare)
    expect(features.schema.fields.map(({ name, type }) => `${name} ${String(type)}`).slice(-3)).toEqual([
      "features.embeddings FixedSizeList[16]<Float32>",
      "features.block.0 FixedSizeList[16]<Float32>",
      "features.block.1 FixedSizeList[16]<Float32>",
    ])
    expect(matrix(features, "block.1")).toMatchObject({ examples: 24, hidden: 16 })
  })

  it("of block i are what an encoder without the blocks above gives on top, to the last bit", async () => {
    const given = { examples: train, pooling: "mean" } as const
    const { values } = await world.run({
      whole: Encode.trainFeatures({ encoder, groups: ["blocks"], ...given }),
      cut: Encode.trainFeatures({ encoder: lower({ encoder }), ...given }),
    })
    expect(Features.groupsOf(values.cut)).toEqual(["block.0"])
    expect(matrix(values.cut, "block.0").data).toEqual(matrix(values.whole, "block.0").data)
    expect(matrix(values.whole, "block.1").data).not.toEqual(matrix(values.whole, "block.0").data)
    expect(Features.originOf(values.cut).encoder).not.toBe(Features.originOf(values.whole).encoder)
  })

  it("are what a head reads: its matrix times the vector, plus its bias, is its logits", async () => {
    const trained = Corpus.trained({ epochs: 1 })
    const { values } = await world.run({
      trained,
      logits: logitsOf({ trained, examples: train }),
      features: Encode.trainFeatures({ encoder: trained, examples: train, pooling: "mean" }),
    })
    const weights = await Effect.runPromise(Checkpoint.tensors(values.trained))
    const [matrixOfHead, bias] = ["weight", "bias"].map((name) => weights[`head.topic.classifier.${name}`]!.data)
    const vectors = matrix(values.features, "block.1")
    values.logits.forEach((logits, example) => {
      const vector = Features.vector(vectors, example)
      logits.forEach((logit, label) => {
        const product = vector.reduce((sum, each, at) => sum + each * Number(matrixOfHead![label * 16 + at]), 0)
        expect(logit).toBeCloseTo(product + Number(bias![label]), 5)
      })
    })
  })

  it("do not depend on the other examples, and are of their own part", async () => {
    const rows = [...Dataset.rowsOf(train)]
    const alone = Dataset.withRows(train, [rows[5]!])
    const given = { encoder, groups: ["*"], pooling: "cls" } as const
    const { values } = await world.run({
      one: Encode.trainFeatures({ examples: alone, ...given }),
      all: Encode.trainFeatures({ examples: train, ...given }),
      held: Encode.heldOutFeatures({ examples: test, ...given }),
    })
    for (const group of ["embeddings", "block.0", "block.1"]) {
      expect(Features.vector(matrix(values.one, group), 0)).toEqual(Features.vector(matrix(values.all, group), 5))
    }
    expect(matrix(values.held, "block.0").examples).toBe(9)
  })

  it("of what a wire carries are of the part that it carries", async () => {
    const tasks = { labels: ["topic", "mood"], tags: [] }
    const examples = Dataset.examples(Corpus.rows(40, "text", "w"), tasks)
    const split = Split.stratified({ examples, validation: 0, test: 0.25 })
    const given = { encoder, pooling: "mean" } as const
    const outputs = {
      train: Encode.features({ ...given, examples: split.train }),
      test: Encode.features({ ...given, examples: split.test }),
    }
    expect([outputs.train.call.step.name, outputs.test.call.step.name]).toEqual([
      "Encode.trainFeatures",
      "Encode.heldOutFeatures",
    ])
    const { values } = await world.run(outputs)
    expect(Dataset.size(values.train) + Dataset.size(values.test)).toBe(40)
    // @ts-expect-error features of held-out examples are not those of training examples
    const wrong: typeof outputs.train = outputs.test
    expect(wrong).toBe(outputs.test)
  })

  it("are the same with more threads", async () => {
    const outputs = { features: Encode.trainFeatures({ encoder, examples: train, groups: ["*"], pooling: "mean" }) }
    const other = World.make({ threads: 2 })
    expect((await other.run(outputs)).hashes).toEqual((await world.run(outputs)).hashes)
    await other.dispose()
  })

  it("are refused of a group that the encoder does not have", async () => {
    const features = Encode.trainFeatures({ encoder, examples: train, groups: ["block.7"], pooling: "mean" })
    const { problem } = await world.failure({ features })
    expect(problem).toMatch(/^Encode.trainFeatures.*block\.7/)
  })
})
