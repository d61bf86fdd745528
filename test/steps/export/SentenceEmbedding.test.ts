/** Sentence embeddings as other tools take them: the encoder of an exported folder, told how its vectors are made and compared. */
import { existsSync } from "node:fs"
import path from "node:path"
import { env, pipeline } from "@huggingface/transformers"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import * as PairLoss from "@thaw/models/PairLoss"
import * as Tensor from "@thaw/onnx/Tensor"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Predict from "@thaw/steps/Predict"
import type * as Scores from "@thaw/steps/Scores"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { answers, texts } from "./answers.ts"
import * as Checkpoints from "./checkpoints.ts"

env.allowRemoteModels = false
env.localModelPath = ""

const embedding = (loss: PairLoss.PairLoss, pooling?: "cls") => ({
  ...Head.sentenceEmbedding({ loss, ...(pooling === undefined ? {} : { pooling }) }),
  labels: [],
})
const near = embedding(PairLoss.cosineSimilarity())
const third = embedding(PairLoss.triplet(), "cls")
const { topic } = Checkpoints.heads

const make = (heads: Readonly<Record<string, Checkpoint.Head>>) =>
  Checkpoints.make("bert", { heads, config: { max_position_embeddings: 64 } })
const filesOf = async (...given: Parameters<typeof Checkpoints.exported>) =>
  Checkpoints.bytesOf(await Effect.runPromise(Checkpoints.exported(...given)))
const json = (bytes: Uint8Array | undefined) =>
  JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>
const failure = async (...given: Parameters<typeof Checkpoints.exported>) =>
  (await Effect.runPromise(Effect.flip(Checkpoints.exported(...given)))).message
const predict = (folder: string) => Predict.texts({ folder, texts: ["the cat"] }).pipe(Effect.provide(SessionProcess.layer({ threads: 1 }))) // prettier-ignore

describe("an exported folder with sentence embeddings", () => {
  it("is their encoder, and beside it the tasks that answer texts", async () => {
    const files = await filesOf(make({ near, topic: topic! }))
    expect(Object.keys(files).filter((name) => name.startsWith("tasks/near"))).toEqual([])
    expect(Object.keys(files)).toContain("tasks/topic/model.safetensors")
    expect(json(files["encoder/1_Pooling/config.json"])).toMatchObject({ pooling_mode_mean_tokens: true })
    expect(json(files["encoder/config_sentence_transformers.json"])).toMatchObject({ similarity_fn_name: "cosine" })
    expect(Object.keys(json(files["heads.json"]))).toEqual(["near", "topic"])
    const folder = await Checkpoints.written({ files: (await Effect.runPromise(Checkpoints.exported(make({ near, topic: topic! })))).files }) // prettier-ignore
    const [answer] = await Effect.runPromise(predict(folder))
    expect(Object.keys(answer!.tasks)).toEqual(["topic"])
  })

  it("alone has no folder of a task and no file of all heads; sentence-transformers compares as the loss did", async () => {
    const files = await filesOf(make({ third }))
    expect(Object.keys(files).filter((name) => !name.startsWith("encoder/"))).toEqual(["README.md", "heads.json"])
    expect(json(files["encoder/1_Pooling/config.json"])).toMatchObject({ pooling_mode_cls_token: true })
    expect(json(files["encoder/config_sentence_transformers.json"])).toMatchObject({ similarity_fn_name: "euclidean" })
  })

  it("without any says nothing of how vectors are compared", async () => {
    const files = await filesOf(make({ topic: topic! }))
    expect(json(files["encoder/config_sentence_transformers.json"])).not.toHaveProperty("similarity_fn_name")
  })

  it.each([
    ["mean", near],
    ["cls", third],
  ] as const)("gives transformers.js the vectors that were trained, pooled by %s", async (pooling, head) => {
    const checkpoint = make({ own: head })
    const folder = await Checkpoints.written(await Effect.runPromise(Checkpoints.exported(checkpoint)))
    const extract = await pipeline("feature-extraction", path.join(folder, "encoder"), { dtype: "fp32" })
    const given = (await extract(texts, { pooling })) as { readonly dims: ReadonlyArray<number>; readonly data: ArrayLike<number> } // prettier-ignore
    await extract.dispose()
    const { "vectors.own": own } = await answers(checkpoint)
    expect(given.dims).toEqual(own!.shape)
    Tensor.numbers(own!).forEach((each, at) => expect(Math.abs(each - Number(given.data[at]))).toBeLessThan(1e-4))
  })

  it("has a card that says how to compare two texts, and the figures", async () => {
    const scores: Scores.Scores = {
      tasks: [
        {
          task: "near",
          head: "sentenceEmbedding",
          examples: 40,
          metrics: { spearman: 0.8123456, pearson: 0.79, loss: 0.02 },
          majority: {},
          perLabel: [],
          confusion: [],
        },
      ],
    }
    const card = new TextDecoder().decode((await filesOf(make({ near }), { scores }))["README.md"])
    expect(card).toContain("pipeline_tag: sentence-similarity")
    expect(card).toContain("library_name: sentence-transformers")
    expect(card).toContain('encoder = SentenceTransformer("encoder")')
    expect(card).toContain("| near | sentence-similarity |  | sentence-transformers, transformers.js: encoder/ |")
    expect(card).toContain("| near | 40 | Spearman correlation | 0.8123 |  |")
    expect(card).not.toContain("all-heads.onnx")
  })

  it("refuses two poolings unless one is asked for, and one that nothing was trained with", async () => {
    const both = make({ near, third })
    expect(await failure(both)).toBe(
      'export, pooling: expected one for the vectors of encoder/, got sentence embeddings with "mean" for near and "cls" for third. Say which: pooling: "mean".',
    )
    const files = await filesOf(both, { pooling: "cls" })
    expect(json(files["encoder/config_sentence_transformers.json"])).toMatchObject({ similarity_fn_name: "euclidean" })
    expect(await failure(make({ near }), { pooling: "cls" })).toBe(
      'export, pooling: expected that of the sentence embeddings: "mean" for near, got "cls". Leave pooling out.',
    )
  })
})

describe("asked to answer a text", () => {
  const message = async (folder: string) => (await Effect.runPromise(Effect.flip(predict(folder)))).message

  it("an exported folder with sentence embeddings alone says what it is for", async () => {
    const folder = await Checkpoints.written(await Effect.runPromise(Checkpoints.exported(make({ near }))))
    expect(existsSync(path.join(folder, "all-heads.onnx"))).toBe(false)
    expect(await message(folder)).toBe(
      `${path.join(folder, "heads.json")}: expected heads that answer texts, got sentence embeddings alone: "near". encoder/ gives vectors of texts, in sentence-transformers and transformers.js.`,
    )
  })

  it("so does a checkpoint, and one with other heads answers by these", async () => {
    const saved = async (checkpoint: Checkpoint.Checkpoint) =>
      Checkpoints.written({ files: await Effect.runPromise(Checkpoint.Checkpoint.write(checkpoint)) })
    const folder = await saved(make({ near }))
    expect(await message(folder)).toBe(
      `${folder}: expected a checkpoint with heads that answer texts, got one with sentence embeddings, which compare two. Export.huggingFace writes its encoder for sentence-transformers and transformers.js.`,
    )
    const [answer] = await Effect.runPromise(predict(await saved(make({ near, topic: topic! }))))
    expect(Object.keys(answer!.tasks)).toEqual(["topic"])
  })
})
