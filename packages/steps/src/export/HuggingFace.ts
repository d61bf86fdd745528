/**
 * A multi-task result as folders that other tools load:
 *
 * ```
 * README.md         card
 * encoder/          sentence-transformers, transformers.js (feature extraction)
 * tasks/<task>/     transformers, transformers.js: config.json, model.safetensors, tokenizer, onnx/model.onnx
 * all-heads.onnx    every head that answers a text, after one pass of the encoder, see OnnxFile
 * heads.json        task → kind of head and its labels in order, sentence embeddings among them
 * ```
 *
 * Beside every ONNX file lies one with 8-bit weights, `…_quantized.onnx`, which transformers.js loads with `dtype: "q8"`.
 *
 * A head that transformers has no class for has a folder without `model.safetensors` and with a README.md that says so:
 * transformers finds no weights instead of making up random ones.
 */
import * as Artifact from "@thaw/core/Artifact"
import * as Problem from "@thaw/core/Problem"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as CheckpointFiles from "@thaw/models/CheckpointFiles"
import { TrainingInvalid } from "@thaw/models/Errors"
import * as Head from "@thaw/models/Head"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as DynamicQuantisation from "@thaw/onnx/DynamicQuantisation"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect, Schema } from "effect"
import type * as Scores from "../Scores.ts"
import * as Embedding from "./Embedding.ts"
import * as JsonText from "./JsonText.ts"
import * as ModelCard from "./ModelCard.ts"
import * as OnnxFile from "./OnnxFile.ts"
import * as SentenceTransformers from "./SentenceTransformers.ts"
import * as TokenizerFiles from "./TokenizerFiles.ts"
import * as TransformersConfig from "./TransformersConfig.ts"
import * as Upstream from "./Upstream.ts"
import * as WeightsFile from "./WeightsFile.ts"

/** The files, by their names in the folder. */
export interface HuggingFace {
  readonly files: Artifact.Files
}

export const HuggingFace: Artifact.Kind<HuggingFace> = Artifact.make<HuggingFace>({
  kind: "huggingface",
  write: ({ files }) => Effect.succeed(files),
  read: (files) => Effect.succeed({ files }),
})

/** What becomes of a head that transformers has no class for. */
export const OtherHeads = Schema.Literals(["refuse", "onnx"])
export type OtherHeads = typeof OtherHeads.Type

export interface Settings {
  /** As the sentence embeddings were learnt, and `mean` without any, where undefined. */
  readonly pooling: SentenceTransformers.Pooling | undefined
  readonly otherHeads: OtherHeads
  readonly card: ModelCard.Card
  readonly scores: Scores.Scores | undefined
}

/**
 * Heads that ask for hidden tokens are left behind: they answer no task. Those of sentence embeddings are `encoder/`, and
 * have no folder of their own.
 *
 * @param given without adapters
 */
export const of = Effect.fnUntraced(function* (given: Checkpoint.Checkpoint, settings: Settings, where: string) {
  const only = (tasks: ReadonlyArray<string>) => Object.fromEntries(tasks.map((task) => [task, given.heads[task]!]))
  const checkpoint = { ...given, heads: only(InferenceModel.answering(given.heads)) }
  const all = only(InferenceModel.scoring(given.heads))
  yield* check(checkpoint, all, settings, where)
  const { pooling, similarity } = yield* Embedding.of(all, settings.pooling, where)
  const { config, heads, training } = checkpoint
  const parts = { config, heads, tensors: yield* Checkpoint.tensors(checkpoint) }
  const tokenizer = yield* Checkpoint.tokenizer(checkpoint)
  const tokenizing = yield* TokenizerFiles.of(checkpoint, tokenizer)
  const files = new Map<string, Artifact.Content>()
  const add = (folder: string, more: Iterable<readonly [string, Artifact.Content]>) => {
    for (const [name, content] of more) files.set(`${folder}/${name}`, content)
  }
  const { card, scores } = settings
  files.set("README.md", ModelCard.file({ config, heads: all, training, card, scores }))
  if (Object.keys(heads).length > 0) {
    for (const [suffix, form] of forms) files.set(`all-heads${suffix}.onnx`, OnnxFile.allHeads(parts, form))
  }
  files.set("heads.json", CheckpointFiles.encodeJson(CheckpointFiles.Heads, all))
  const { hidden } = config.dimensions
  add("encoder", [
    ...SentenceTransformers.files({
      pooling,
      similarity,
      hidden,
      maxTokens: Checkpoint.maxTokens(checkpoint, tokenizer),
    }),
    ...tokenizing,
    ["config.json", JsonText.of(TransformersConfig.encoder(config))],
    ["model.safetensors", WeightsFile.encoder(parts)],
    ...forms.map(([suffix, form]) => [`onnx/model${suffix}.onnx`, OnnxFile.encoder(parts, form)] as const),
  ])
  for (const [task, head] of Object.entries(heads)) {
    add(`tasks/${task}`, [
      ...tokenizing,
      ["config.json", JsonText.of(TransformersConfig.task(config, head))],
      ...forms.map(([suffix, form]) => [`onnx/model${suffix}.onnx`, OnnxFile.head(parts, task, form)] as const),
      Upstream.loads(config.family, head)
        ? ["model.safetensors", WeightsFile.task(parts, task)]
        : ["README.md", JsonText.text(`${onlyOnnx(checkpoint, task)}\n`)],
    ])
  }
  return { files } satisfies HuggingFace
})

/** Of ONNX files, by what their names end with. */
const forms: ReadonlyArray<readonly [string, OnnxFile.Form]> = [
  ["", (outputs) => outputs],
  ["_quantized", DynamicQuantisation.values],
]

/** A head that no class of transformers computes, in words. */
const form = ({ config, heads }: Checkpoint.Checkpoint, task: string): string =>
  `a head over the ${Head.reads(heads[task]!)} of a ${Upstream.of(config.family).name} encoder's vectors`

const onlyOnnx = (checkpoint: Checkpoint.Checkpoint, task: string): string =>
  `This folder is for transformers.js and onnxruntime only: transformers (Python) has no class for ${form(checkpoint, task)}, so there is no model.safetensors.`

/** No separators, nothing that climbs out of the folder or hides in it. */
const folderName = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u

/** protobuf's limit, with room for the graph. */
const mostBytes = 2 ** 31 - 2 ** 24

const check = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
  all: Checkpoint.Checkpoint["heads"],
  { otherHeads, card, scores }: Settings,
  where: string,
): Effect.fn.Return<void, TrainingInvalid> {
  const invalid = (at: string, expected: string, got: string, advice = "") =>
    new TrainingInvalid({ where: `${where}${at}`, expected, got, advice })
  const { config, heads } = checkpoint
  const tasks = Object.keys(heads).sort()
  if (Object.keys(all).length === 0) {
    return yield* invalid("", "a checkpoint with heads", "one without", "Train one with Train.multiTask.")
  }
  const bytes = Checkpoint.parameters(checkpoint).reduce((sum, { shape }) => sum + 4 * Tensor.elements(shape), 0)
  if (bytes >= mostBytes) {
    const expected = "weights of less than 2 GiB, which is all that an ONNX file can hold"
    return yield* invalid("", expected, `${(bytes / 2 ** 30).toFixed(1)} GiB`, "Export.checkpoint has no such limit.")
  }
  const folders = new Map<string, string>()
  for (const task of tasks) {
    const at = `, task ${JSON.stringify(task)}`
    if (!folderName.test(task) || task.endsWith(".")) {
      const expected = "a name that a folder can have: letters, digits, _, . and -"
      return yield* invalid(at, expected, JSON.stringify(task), "Rename the task.")
    }
    const other = folders.get(task.toLowerCase())
    if (other !== undefined) {
      const got = `${JSON.stringify(other)} too, which is the same folder on some systems`
      return yield* invalid(at, "a name that differs in more than case", got, "Rename one of the tasks.")
    }
    folders.set(task.toLowerCase(), task)
    if (otherHeads === "refuse" && !Upstream.loads(config.family, heads[task]!)) {
      return yield* invalid(
        at,
        "a head in its family's own form, which transformers has a class for",
        form(checkpoint, task),
        `Train with Head.classification(), or export it as ONNX alone with otherHeads: "onnx".`,
      )
    }
  }
  const named = [...Object.keys(card.datasets ?? {}), ...(scores?.tasks ?? []).map(({ task }) => task)]
  const known = Object.keys(all).sort()
  const unknown = named.find((task) => !known.includes(task))
  if (unknown !== undefined) {
    return yield* invalid(
      Object.hasOwn(card.datasets ?? {}, unknown) ? ", card, datasets" : ", scores",
      "tasks that have a head",
      JSON.stringify(unknown),
      Problem.suggestion(unknown, known),
    )
  }
})
