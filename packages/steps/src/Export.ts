/** What a run hands over: folders that can be used without the pipeline that made them. */
import * as Artifact from "@thaw/core/Artifact"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import * as Adapters from "@thaw/models/Adapters"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Forecast from "@thaw/models/Forecast"
import * as Peft from "@thaw/models/Peft"
import { Effect, Schema } from "effect"
import * as EncoderCard from "./export/EncoderCard.ts"
import * as HuggingFace from "./export/HuggingFace.ts"
import * as ModelCard from "./export/ModelCard.ts"
import * as Pretrained from "./export/Pretrained.ts"
import type { Pooling } from "./export/SentenceTransformers.ts"
import * as Scores from "./Scores.ts"

/**
 * The checkpoint as a folder to answer from: config, tokenizer, weights and heads, without the optimizer's moments and
 * without the hashes of the texts it was trained on, which would tell whether a text is among them. Low-rank adapters are merged into the weights. `thaw predict <folder> --text "…"` reads it.
 */
export const checkpoint = Step.make({
  name: "Export.checkpoint",
  version: "2",
  input: { trained: Checkpoint.Checkpoint },
  output: Checkpoint.Checkpoint,
  forecast: ({ inputs: { trained } }) => (Forecast.is(trained) ? Forecast.merged(trained) : undefined),
  // The counts belong to the moments: whoever trains on starts both anew.
  run: ({ trained }) =>
    Effect.map(Adapters.merged({ ...trained, moments: undefined }), (merged) => ({
      ...merged,
      texts: undefined,
      training: { ...merged.training, updates: {} },
    })),
})

/**
 * Low-rank adapters and heads as a folder of PEFT's, to be laid over the encoder that training started with. `task` names
 * the head that upstream's model has; it is needed where there are several and PEFT is to load one.
 */
export const lora = Step.make({
  name: "Export.lora",
  version: "1",
  input: { trained: Checkpoint.Checkpoint, task: Schema.optionalKey(Schema.String) },
  output: Peft.Peft,
  run: ({ trained, task }) => Peft.of(trained, task),
})

const folders = Step.make({
  name: "Export.huggingFace",
  version: "3",
  input: {
    trained: Checkpoint.Checkpoint,
    /** `test`, or nothing. */
    scores: Artifact.record(Scores.kind),
    pooling: Schema.optionalKey(Schema.Literals(["mean", "cls"])),
    otherHeads: HuggingFace.OtherHeads,
    card: ModelCard.Card,
  },
  output: HuggingFace.HuggingFace,
  run: Effect.fnUntraced(function* ({ trained, scores, pooling, ...settings }) {
    const { label } = yield* Step.StepRun
    const merged = yield* Adapters.merged({ ...trained, moments: undefined })
    return yield* HuggingFace.of(merged, { ...settings, pooling, scores: scores["test"] }, label)
  }),
})

export interface HuggingFaceOptions {
  readonly trained: Checkpoint.Checkpoint | Wire.Wire<Checkpoint.Checkpoint>
  /** For the card. */
  readonly scores?: Scores.Scores | Wire.Wire<Scores.Scores>
  /** How sentence-transformers makes one vector of a text's; as sentence embeddings were learnt, else `mean`, unless given. */
  readonly pooling?: Pooling
  /** Heads that transformers has no class for, such as BERT's over the mean: `refuse` unless given. */
  readonly otherHeads?: HuggingFace.OtherHeads
  readonly card?: ModelCard.Card
}

/**
 * Folders that sentence-transformers, transformers and transformers.js load (see `export/HuggingFace`): the encoder, one
 * folder for each task, an ONNX file with all heads, and a card. Low-rank adapters are merged into the weights. Equal
 * checkpoints and options give equal bytes.
 *
 * Sentence embeddings are `encoder/`: sentence-transformers gives their vectors and compares them as they were learnt.
 *
 * Fails with `TrainingInvalid` on a checkpoint without heads, on sentence embeddings of two poolings unless `pooling` says
 * which the encoder is to have, on a task whose name no folder can have, and on a head that
 * transformers has no class for, unless `otherHeads` says `onnx`: then its folder has the ONNX file and says so.
 */
export const huggingFace = ({
  trained,
  scores,
  pooling,
  otherHeads = "refuse",
  card = {},
}: HuggingFaceOptions): Wire.Wire<HuggingFace.HuggingFace> =>
  folders({
    trained,
    scores: scores === undefined ? {} : { test: scores },
    otherHeads,
    card,
    ...(pooling === undefined ? {} : { pooling }),
  })

const folder = Step.make({
  name: "Export.encoder",
  version: "1",
  input: {
    trained: Checkpoint.Checkpoint,
    /** `test`, or nothing. */
    scores: Artifact.record(Scores.kind),
    task: Schema.optionalKey(Schema.String),
    precision: Schema.Literals(["float32", "float16"]),
    pooling: Schema.Literals(["mean", "cls"]),
    card: EncoderCard.Card,
  },
  output: HuggingFace.HuggingFace,
  run: Effect.fnUntraced(function* ({ trained, scores, task, ...settings }) {
    const { label } = yield* Step.StepRun
    const merged = yield* Adapters.merged({ ...trained, moments: undefined })
    return yield* Pretrained.of(merged, { ...settings, task, scores: scores["test"] }, label)
  }),
})

export interface EncoderOptions {
  readonly trained: Checkpoint.Checkpoint | Wire.Wire<Checkpoint.Checkpoint>
  /** For the card. */
  readonly scores?: Scores.Scores | Wire.Wire<Scores.Scores>
  /** The task whose head for hidden tokens goes along; needed where there are several. */
  readonly task?: string
  /** How weights are stored; `float32` unless given. `float16` halves the file and rounds every weight to 11 bits. */
  readonly precision?: "float32" | "float16"
  /** How sentence-transformers makes one vector of a text's; `mean` unless given. */
  readonly pooling?: Pooling
  readonly card?: EncoderCard.Card
}

/**
 * The encoder alone as one folder in upstream's layout (see `export/Pretrained`): what pre-training gives, for others to
 * start from with `Encoder.fromFolder`, transformers or sentence-transformers. A head for hidden tokens goes along as that
 * of transformers' `…ForMaskedLM`, so that `MaskedEncoder.fromFolder` fills gaps with it; heads of other kinds stay behind.
 * Low-rank adapters are merged. Equal checkpoints and options give equal bytes.
 *
 * Fails with `TrainingInvalid` where `task` has no such head, where several have and none is named, and on a weight that
 * `float16` cannot hold.
 */
export const encoder = ({
  trained,
  scores,
  precision = "float32",
  pooling = "mean",
  card = {},
  ...rest
}: EncoderOptions): Wire.Wire<HuggingFace.HuggingFace> =>
  folder({ trained, scores: scores === undefined ? {} : { test: scores }, precision, pooling, card, ...rest })

export { toHub } from "./export/ToHub.ts"
