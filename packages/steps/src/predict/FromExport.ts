/**
 * Answers from what `Export.huggingFace` wrote: all tasks from the folder as a whole (`all-heads.onnx`), or one from
 * `tasks/<task>`. The ONNX file computes; config and tokenizer say how texts go in, and labels what comes out.
 *
 * Such a folder may come from anywhere: what its parts say of each other has to agree.
 */
import { readFile } from "node:fs/promises"
import * as path from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import { ArtifactBroken } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as CheckpointFiles from "@thaw/models/CheckpointFiles"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import { MultiLabel } from "@thaw/models/heads/MultiLabel"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as JsonFile from "@thaw/models/JsonFile"
import * as Tokenizer from "@thaw/models/Tokenizer"
import { Effect, Schema } from "effect"
import type { Answerer } from "./Answerer.ts"
import * as OnnxAnswers from "./OnnxAnswers.ts"

const broken = (where: string, expected: string, got: string, advice = "") =>
  new ArtifactBroken({ where, expected, got, advice })

/** All tasks, in one pass of the encoder. */
export const whole = Effect.fnUntraced(function* (folder: string) {
  const files = new Map([["heads.json", Artifact.file(path.join(folder, "heads.json"))]])
  const heads = yield* CheckpointFiles.decodeJson(CheckpointFiles.Heads, files, "heads.json").pipe(
    Effect.mapError(({ expected, got }) => broken(path.join(folder, "heads.json"), expected, got)),
  )
  const tasks = InferenceModel.answering(heads)
  if (tasks.length === 0) {
    const where = path.join(folder, "heads.json")
    const embeddings = Object.keys(heads).filter((task) => heads[task]!.kind === "sentenceEmbedding")
    const advice = "encoder/ gives vectors of texts, in sentence-transformers and transformers.js."
    return yield* embeddings.length > 0
      ? broken(where, "heads that answer texts", `sentence embeddings alone: ${Problem.list(embeddings)}`, advice)
      : broken(where, "heads that answer tasks", Problem.list(Object.keys(heads)) || "none")
  }
  return yield* of({
    encoder: path.join(folder, "encoder"),
    model: path.join(folder, "all-heads.onnx"),
    heads: Object.fromEntries(tasks.map((task) => [task, heads[task]!])),
    outputOf: (task) => `logits.${task}`,
  })
})

/** The one task of a folder, called by the folder's name. */
export const task = Effect.fnUntraced(function* (folder: string) {
  const name = path.basename(path.resolve(folder))
  return yield* of({
    encoder: folder,
    model: path.join(folder, "onnx", "model.onnx"),
    heads: { [name]: yield* headOf(folder) },
    outputOf: () => "logits",
  })
})

const Config = Schema.Struct({
  architectures: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  id2label: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  problem_type: Schema.optionalKey(Schema.NullOr(Schema.String)),
  threshold: Schema.optionalKey(MultiLabel.fields.threshold),
})

/** The head that a folder of transformers' says it has. What it reads of the encoder is the ONNX file's business. */
const headOf = Effect.fnUntraced(function* (folder: string): Effect.fn.Return<Checkpoint.Head, ArtifactBroken> {
  const where = path.join(folder, "config.json")
  const config = yield* JsonFile.read(Config, yield* text(folder, "config.json"), where).pipe(
    Effect.mapError((problem) => new ArtifactBroken({ ...problem })),
  )
  if (config.id2label === undefined) {
    return yield* broken(
      folder,
      "a folder that answers a task",
      "an encoder without a head",
      "Of an exported folder, the whole answers every task and tasks/<task> answers one.",
    )
  }
  const ids = Object.keys(config.id2label)
  const labels = ids.map((_, id) => config.id2label![String(id)])
  if (!labels.every((label) => label !== undefined)) {
    return yield* broken(`${where}, id2label`, `the ids 0 to ${ids.length - 1}`, Problem.list(ids))
  }
  const classes = config.architectures?.join(" ") ?? ""
  if (classes.includes("ForTokenClassification")) return { kind: "tokenClassification", labels }
  if (classes.includes("ForSequenceClassification") || classes === "") {
    const { problem_type: asked, threshold = 0.5 } = config
    if (asked === "single_label_classification") return { kind: "classification", pooling: "cls", labels }
    if (asked === "multi_label_classification") return { kind: "multiLabel", pooling: "cls", threshold, labels }
    if (asked === "regression" && labels.length === 1) return { kind: "regression", pooling: "cls", labels: [] }
    // Token tasks have no problem_type; without a class in transformers nothing else tells them apart.
    if (classes === "" && (asked ?? undefined) === undefined) return { kind: "tokenClassification", labels }
    if (asked === "regression")
      return yield* broken(`${where}, id2label`, "one entry, for the number", `${labels.length}`)
    const expected = "single_label_classification, multi_label_classification or regression"
    return yield* broken(`${where}, problem_type`, expected, JSON.stringify(asked ?? null))
  }
  return yield* broken(`${where}, architectures`, "a class for sequence or token classification", Problem.list(config.architectures ?? [])) // prettier-ignore
})

interface Parts {
  /** Folder with the encoder's config and the tokenizer. */
  readonly encoder: string
  readonly model: string
  readonly heads: Readonly<Record<string, Checkpoint.Head>>
  readonly outputOf: (task: string) => string
}

const of = Effect.fnUntraced(function* ({ encoder, model, heads, outputOf }: Parts) {
  const { dimensions } = yield* EncoderConfig.parse(yield* text(encoder, "config.json"), encoder)
  const settings = yield* text(encoder, "tokenizer_config.json")
  const tokenizer = yield* Tokenizer.fromJson(yield* text(encoder, "tokenizer.json"), settings, encoder)
  if (tokenizer.vocabularySize > dimensions.vocab) {
    return yield* broken(
      path.join(encoder, "tokenizer.json"),
      `at most ${dimensions.vocab} tokens, as config.json says`,
      `${tokenizer.vocabularySize}`,
    )
  }
  const { positions } = dimensions
  return {
    heads,
    encoding: { tokenizer, limit: { maxTokens: Math.min(positions, tokenizer.maxTokens ?? positions) } },
    open: OnnxAnswers.open(model, heads, outputOf, tokenizer.padId),
  } satisfies Answerer
})

const text = (folder: string, name: string): Effect.Effect<string, ArtifactBroken> =>
  Effect.tryPromise({
    try: () => readFile(path.join(folder, name), "utf8"),
    catch: (cause) => {
      const { code } = cause as NodeJS.ErrnoException
      return code === "ENOENT" || code === "ENOTDIR"
        ? broken(path.join(folder, name), "a file of an exported folder", "nothing there")
        : broken(path.join(folder, name), "a readable file", String(cause))
    },
  })
