/**
 * Adapters as a folder of PEFT's (its "checkpoint format", huggingface.co/docs/peft/developer_guides/checkpoint), to be
 * laid over the encoder they were trained on:
 *
 * ```
 * adapter_config.json         peft_type LORA, r, lora_alpha, target_modules, modules_to_save, …
 * adapter_model.safetensors   base_model.model.<module>.lora_A.weight [r, inputs] and .lora_B.weight [outputs, r];
 *                             heads, whole, as base_model.model.<module>.weight and .bias
 * ```
 *
 * Modules have the names of upstream's model for the head's task, so that `PeftModel.from_pretrained` finds them there.
 * Such a model has one head: of several the folder keeps all, under names of ours, unless one is chosen.
 */
import * as Artifact from "@thaw/core/Artifact"
import type { ArtifactBroken } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import * as Safetensors from "@thaw/onnx/Safetensors"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect, Schema } from "effect"
import * as Checkpoint from "./Checkpoint.ts"
import * as CheckpointFiles from "./CheckpointFiles.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import { TrainingInvalid } from "./Errors.ts"
import * as Family from "./Family.ts"
import * as Group from "./Group.ts"
import * as Head from "./Head.ts"
import * as Lora from "./Lora.ts"
import * as Network from "./Network.ts"

/** What of `adapter_config.json` says something here. */
export const Config = Schema.Struct({
  peft_type: Schema.Literal("LORA"),
  task_type: Schema.NullOr(Schema.Literals(["SEQ_CLS", "TOKEN_CLS"])),
  r: Schema.Int,
  lora_alpha: Schema.Number,
  lora_dropout: Schema.Number,
  /** Ends of modules' names. */
  target_modules: Schema.Array(Schema.String),
  modules_to_save: Schema.Array(Schema.String),
  bias: Schema.Literal("none"),
  fan_in_fan_out: Schema.Literal(false),
  inference_mode: Schema.Boolean,
  base_model_name_or_path: Schema.NullOr(Schema.String),
})
export type Config = typeof Config.Type

export interface Peft {
  readonly config: Config
  /** `adapter_model.safetensors` */
  readonly weights: Artifact.Content
}

const files = { config: "adapter_config.json", weights: "adapter_model.safetensors" } as const

/** Adapters as steps give them. */
export const Peft: Artifact.Kind<Peft> = Artifact.make<Peft>({
  kind: "adapters/peft",
  write: ({ config, weights }) =>
    Effect.sync(
      () =>
        new Map([
          [files.config, CheckpointFiles.encodeJson(Config, config)],
          [files.weights, weights],
        ]),
    ),
  read: Effect.fnUntraced(function* (found): Effect.fn.Return<Peft, ArtifactBroken> {
    const config = yield* CheckpointFiles.decodeJson(Config, found, files.config)
    return { config, weights: Artifact.bytes(yield* Artifact.readBytes(found, files.weights)) }
  }),
})

/**
 * The adapters of a checkpoint and its heads.
 *
 * Fails when it has no adapters, or no head for the task.
 *
 * @param task whose head upstream's model has; where absent the only one, or all under their own names
 */
export const of = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
  task?: string,
): Effect.fn.Return<Peft, TrainingInvalid | SafetensorsBroken> {
  const { config, heads } = checkpoint
  const { lora } = config
  const tasks = Object.keys(heads).sort()
  if (lora === undefined) {
    return yield* new TrainingInvalid({
      where: "adapters",
      expected: "a checkpoint that has low-rank adapters",
      got: "one without",
      advice: "Train with Freeze.lora(). Export.checkpoint merges adapters; take them before.",
    })
  }
  if (task !== undefined && !tasks.includes(task)) {
    return yield* new TrainingInvalid({
      where: "adapters",
      expected: "a task that has a head",
      got: JSON.stringify(task),
      advice: Problem.suggestion(task, tasks),
    })
  }
  const own = task ?? (tasks.length === 1 ? tasks[0] : undefined)
  if (own !== undefined) yield* requireReading(config, heads[own]!, own)
  const kept = own === undefined ? tasks : [own]
  const nameOf = own === undefined ? (name: string) => name : upstream(checkpoint, own)
  const network = EncoderConfig.network(config)
  const tensors = yield* Checkpoint.tensors(checkpoint)
  const named: Record<string, Tensor.Tensor> = {}
  const adapted = Lora.adapted(network)
  for (const { weight, adapter } of adapted) {
    const module = Lora.moduleOf(weight.name)
    named[`base_model.model.${module}.lora_A.weight`] = tensors[adapter.down.name]!
    named[`base_model.model.${module}.lora_B.weight`] = tensors[adapter.up.name]!
  }
  const ofHeads = Checkpoint.parameters(checkpoint).filter(({ group }) => kept.includes(Group.taskOf(group) ?? ""))
  const folded = kept.reduce((all, each) => Head.ownTensors(heads[each]!, each, config, all), tensors)
  for (const { name } of ofHeads) named[`base_model.model.${nameOf(name)}`] = folded[name]!
  const headModules = [...new Set(ofHeads.map(({ name }) => nameOf(name).replace(/\.(weight|bias)$/, "")))]
  const others = [...headModules, ...config.family.brought.map(({ name }) => name)]
  return {
    config: {
      peft_type: "LORA",
      task_type: own === undefined ? null : taskType(config, heads[own]!),
      r: lora.rank,
      lora_alpha: lora.alpha,
      lora_dropout: lora.dropout,
      target_modules: endings(adapted, network, others),
      modules_to_save: headModules,
      bias: "none",
      fan_in_fan_out: false,
      inference_mode: true,
      base_model_name_or_path: null,
    },
    weights: Artifact.bytes(Safetensors.encode(named, { format: "pt" })),
  }
})

/** Upstream has no type for hidden tokens, and for a head over the mean no class but ModernBERT's. */
const taskType = ({ family }: EncoderConfig.EncoderConfig, head: Checkpoint.Head): Config["task_type"] => {
  if (!Head.isLabelled(head)) return null
  if (Head.traits[head.kind].unit === "token") return "TOKEN_CLS"
  return Head.reads(head) === "cls" || family.modelType === "modernbert" ? "SEQ_CLS" : null
}

/**
 * ModernBERT's class reads what the encoder's `config.json` says, for which PEFT's folder has no place: laid over an encoder
 * that says otherwise the head would answer something else, silently.
 */
const requireReading = (
  { family, json }: EncoderConfig.EncoderConfig,
  head: Checkpoint.Head,
  task: string,
): Effect.Effect<void, TrainingInvalid> => {
  const told = json["classifier_pooling"] ?? "cls"
  if (family.modelType !== "modernbert" || !("pooling" in head) || head.pooling === told) return Effect.void
  return Effect.fail(
    new TrainingInvalid({
      where: `adapters, task ${JSON.stringify(task)}`,
      expected: `a head over ${told === "mean" ? "the mean" : "the first token"}, as the encoder's config.json says with classifier_pooling`,
      got: `one over ${head.pooling === "mean" ? "the mean" : "the first token"}`,
      advice: `Train with Head.classification({ pooling: ${JSON.stringify(told)} }), or use Export.huggingFace, which writes a config.json for each head.`,
    }),
  )
}

/** Names of a head's parameters in upstream's model for its task: without the group, the pooler as the encoder's. */
const upstream =
  ({ config }: Checkpoint.Checkpoint, task: string) =>
  (name: string): string => {
    const local = name.slice(Group.head(task).length + 1)
    return Family.broughtName(config.family, local) ?? local
  }

/** The shortest ends of the adapted modules' names that are no other module's. */
const endings = (
  adapted: ReadonlyArray<Lora.Adapted>,
  network: Network.Network,
  others: ReadonlyArray<string>,
): ReadonlyArray<string> => {
  const chosen = new Set(adapted.map(({ weight }) => Lora.moduleOf(weight.name)))
  const all = Network.parameters(network).map(({ name }) => Lora.moduleOf(name))
  const rest = [...all, ...others].filter((module) => !chosen.has(module))
  const ends = [...chosen].map((module) => {
    const parts = module.split(".")
    for (let count = 1; count < parts.length; count++) {
      const end = parts.slice(-count).join(".")
      if (!rest.some((other) => other === end || other.endsWith(`.${end}`))) return end
    }
    return module
  })
  return [...new Set(ends)].sort()
}
