/**
 * The head of a folder of transformers', such as `Export.huggingFace` writes for each task: which head it is, as
 * `config.json` says, and how its tensors are called there (src/transformers/models/<family>/modeling_*.py).
 */
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import * as ConfigJson from "./ConfigJson.ts"
import type * as Checkpoint from "./Checkpoint.ts"
import type { EncoderConfig } from "./EncoderConfig.ts"
import { EncoderInvalid } from "./Errors.ts"
import * as Family from "./Family.ts"
import * as Group from "./Group.ts"
import * as Head from "./Head.ts"

const Config = Schema.Struct({
  architectures: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  id2label: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String))),
  num_labels: Schema.optionalKey(ConfigJson.Count),
  problem_type: Schema.optionalKey(Schema.NullOr(Schema.String)),
  classifier_pooling: Schema.optionalKey(Schema.Literals(["cls", "mean"])),
  /** Ours: from where on a label of several is answered. */
  threshold: Schema.optionalKey(Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThan(1))),
})

/** What upstream's config says where it says nothing: two labels, called by their ids. */
const unnamed = (count = 2): ReadonlyArray<string> => Array.from({ length: count }, (_, id) => `LABEL_${id}`)

/**
 * The head that the config says the folder has.
 *
 * Fails when it has none, or one that we have none like.
 */
export const of = Effect.fnUntraced(function* (
  { family, json }: Pick<EncoderConfig, "family" | "json">,
  where: string,
): Effect.fn.Return<Checkpoint.Head, EncoderInvalid> {
  const invalid = (field: string, expected: string, got: string, advice = "") =>
    new EncoderInvalid({ where: `${where}, config.json, ${field}`, expected, got, advice })
  const config = yield* ConfigJson.decode(Config, json, where)
  const classes = config.architectures ?? []
  const isFor = (task: string) => classes.some((name) => name.endsWith(`For${task}Classification`))
  if (!isFor("Token") && !isFor("Sequence")) {
    return yield* invalid(
      "architectures",
      "a class for sequence or token classification, since its head is asked for",
      Problem.list(classes) || "none",
      "Leave out task to take the encoder alone.",
    )
  }
  const ids = Object.keys(config.id2label ?? {})
  const labels = ids.length === 0 ? unnamed(config.num_labels) : ids.map((_, id) => config.id2label![String(id)])
  if (!labels.every((label) => label !== undefined)) {
    return yield* invalid("id2label", `the ids 0 to ${ids.length - 1}`, Problem.list(ids))
  }
  const twice = labels.find((label, id) => labels.indexOf(label) !== id)
  if (twice !== undefined) return yield* invalid("id2label", "labels that differ", `${JSON.stringify(twice)} twice`)
  if (isFor("Token")) return { ...Head.tokenClassification(), labels }
  // The only family whose config says what the head reads.
  const own = family.modelType === "modernbert" ? config.classifier_pooling : undefined
  const pooling = own === undefined ? {} : { pooling: own }
  // What transformers takes a config for that does not say, as it computes the loss.
  switch (config.problem_type ?? (labels.length === 1 ? "regression" : "single_label_classification")) {
    case "single_label_classification":
      return { ...Head.classification(pooling), labels }
    case "multi_label_classification": {
      const threshold = config.threshold === undefined ? {} : { threshold: config.threshold }
      return { ...Head.multiLabel({ ...pooling, ...threshold }), labels }
    }
    case "regression":
      if (labels.length === 1) return { ...Head.regression(pooling), labels: [] }
      return yield* invalid("id2label", "one entry, for a number", `${labels.length}`)
    default: {
      const known = ["single_label_classification", "multi_label_classification", "regression"]
      return yield* invalid("problem_type", `one of ${Problem.list(known)}`, JSON.stringify(config.problem_type))
    }
  }
})

/** A parameter of a task's head, and its name in transformers' class for it. */
export interface Named {
  readonly name: string
  readonly upstream: string
  readonly shape: ReadonlyArray<number>
}

/** Names here and there. */
export const named = (head: Checkpoint.Head, task: string, config: EncoderConfig): ReadonlyArray<Named> => {
  const group = Group.head(task)
  return Head.networkOf(head, task, config).parameters.map(({ name, shape }) => {
    const local = name.slice(group.length + 1)
    return { name, upstream: Family.broughtName(config.family, local) ?? local, shape }
  })
}
