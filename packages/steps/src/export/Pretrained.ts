/**
 * An encoder as one folder that it can be had from again: by `Encoder.fromFolder` and `MaskedEncoder.fromFolder`, by
 * transformers and by sentence-transformers.
 *
 * ```
 * README.md            card
 * config.json          upstream's, with the class that loads it
 * model.safetensors    the encoder, and its head for hidden tokens where it has one
 * tokenizer.json       and tokenizer_config.json
 * modules.json, …      for sentence-transformers, see SentenceTransformers
 * ```
 *
 * Heads that answer tasks are left behind: `HuggingFace` is for those.
 */
import * as Problem from "@thaw/core/Problem"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import { TrainingInvalid } from "@thaw/models/Errors"
import * as Group from "@thaw/models/Group"
import * as MaskedHead from "@thaw/models/MaskedHead"
import * as Network from "@thaw/models/Network"
import type * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import type * as Scores from "../Scores.ts"
import * as EncoderCard from "./EncoderCard.ts"
import type { HuggingFace } from "./HuggingFace.ts"
import * as JsonText from "./JsonText.ts"
import * as SentenceTransformers from "./SentenceTransformers.ts"
import * as TokenizerFiles from "./TokenizerFiles.ts"
import * as TransformersConfig from "./TransformersConfig.ts"
import * as Upstream from "./Upstream.ts"
import * as WeightsFile from "./WeightsFile.ts"

export interface Settings {
  /** The task whose head for hidden tokens goes along; the only one unless given. */
  readonly task: string | undefined
  readonly precision: Safetensors.Precision
  readonly pooling: SentenceTransformers.Pooling
  readonly card: EncoderCard.Card
  readonly scores: Scores.Scores | undefined
}

/** The greatest number of half precision, and half a step more, which still rounds to it. */
const mostHalf = 65_520

/** @param checkpoint without adapters */
export const of = Effect.fnUntraced(function* (checkpoint: Checkpoint.Checkpoint, settings: Settings, where: string) {
  const { precision, pooling, card, scores } = settings
  const masked = yield* maskedTask(checkpoint, settings.task, where)
  const { config, training } = checkpoint
  const tensors = yield* Checkpoint.tensors(checkpoint)
  const large = Object.keys(tensors).find((name) => precision === "float16" && exceedsHalf(tensors[name]!))
  if (large !== undefined) {
    return yield* new TrainingInvalid({
      where: `${where}, ${large}`,
      expected: `numbers within ±65504, which is all that float16 holds`,
      got: "a greater one",
      advice: 'Export with precision: "float32".',
    })
  }
  const parts = { config, heads: {}, tensors }
  const architecture = masked === undefined ? Upstream.model(config.family) : Upstream.masked(config.family)
  const own = [
    ...Network.parameters(EncoderConfig.network(config)),
    ...(masked === undefined ? [] : MaskedHead.ownParameters(MaskedHead.tied(config, Group.head(masked)))),
  ]
  const parameters = own.reduce((sum, { shape }) => sum + Tensor.elements(shape), 0)
  const tokenizer = yield* Checkpoint.tokenizer(checkpoint)
  return {
    files: new Map([
      ["README.md", EncoderCard.file({ config, training, card, scores, masked, parameters })],
      ["config.json", JsonText.of(TransformersConfig.pretrained(config, architecture, precision))],
      [
        "model.safetensors",
        masked === undefined ? WeightsFile.encoder(parts, precision) : WeightsFile.masked(parts, masked, precision),
      ],
      ...(yield* TokenizerFiles.of(checkpoint, tokenizer)),
      ...SentenceTransformers.files({
        pooling,
        hidden: config.dimensions.hidden,
        maxTokens: Checkpoint.maxTokens(checkpoint, tokenizer),
      }),
    ]),
  } satisfies HuggingFace
})

const exceedsHalf = (tensor: Tensor.Tensor): boolean => {
  if (tensor.dtype !== "float32") return false
  for (const number of tensor.data) if (Math.abs(number) >= mostHalf) return true
  return false
}

/** The task of the head that goes along. */
const maskedTask = ({ heads }: Checkpoint.Checkpoint, asked: string | undefined, where: string) => {
  const masked = Object.keys(heads)
    .filter((task) => heads[task]!.kind === "maskedTokens")
    .sort()
  if (asked === undefined && masked.length <= 1) return Effect.succeed(masked[0])
  if (asked !== undefined && masked.includes(asked)) return Effect.succeed(asked)
  return Effect.fail(
    new TrainingInvalid({
      where: `${where}, task`,
      expected: masked.length === 0 ? "no task, as no head asks for hidden tokens" : `one of ${Problem.list(masked)}`,
      got: asked === undefined ? "none" : JSON.stringify(asked),
      advice: asked === undefined || masked.length === 0 ? "" : Problem.suggestion(asked, masked),
    }),
  )
}
