/** `README.md`: what is in the folder, how it is loaded, how well it answers and where it comes from; YAML for the hub first. */
import type * as Artifact from "@thaw/core/Artifact"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import { Schema } from "effect"
import { stringify } from "yaml"
import type * as Scores from "../Scores.ts"
import * as JsonText from "./JsonText.ts"
import { line, table } from "./Markdown.ts"
import * as Provenance from "./Provenance.ts"
import * as Upstream from "./Upstream.ts"

/** What only the author knows. */
export const Card = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  /** Where the encoder came from: `org/name` on the hub. */
  baseModel: Schema.optionalKey(Schema.String),
  /** By task, what its examples are called on the hub. */
  datasets: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** As the hub writes them: `en`, `apache-2.0`. */
  language: Schema.optionalKey(Schema.String),
  license: Schema.optionalKey(Schema.String),
})
export type Card = typeof Card.Type

export interface Parts extends Pick<Checkpoint.Checkpoint, "config" | "heads" | "training"> {
  readonly card: Card
  /** Of held-out examples; undefined where it was not evaluated. */
  readonly scores: Scores.Scores | undefined
}

/** Our figures by the hub's name of a metric; a loss is none. */
const metrics: Readonly<Record<string, { readonly type: string; readonly name: string }>> = {
  accuracy: { type: "accuracy", name: "Accuracy" },
  meanAveragePrecision: { type: "average_precision", name: "Mean average precision" },
  microF1: { type: "f1", name: "Micro F1" },
  macroF1: { type: "f1", name: "Macro F1" },
  subsetAccuracy: { type: "accuracy", name: "Subset accuracy" },
  entityF1: { type: "f1", name: "Entity F1" },
  entityPrecision: { type: "precision", name: "Entity precision" },
  entityRecall: { type: "recall", name: "Entity recall" },
  tokenAccuracy: { type: "accuracy", name: "Token accuracy" },
  r2: { type: "r_squared", name: "R²" },
  pearson: { type: "pearsonr", name: "Pearson correlation" },
  spearman: { type: "spearmanr", name: "Spearman correlation" },
  meanAbsoluteError: { type: "mae", name: "Mean absolute error" },
  meanSquaredError: { type: "mse", name: "Mean squared error" },
  averagePrecision: { type: "average_precision", name: "Average precision" },
  meanReciprocalRank: { type: "mrr", name: "Mean reciprocal rank" },
  recallAt1: { type: "recall_at_1", name: "Recall at 1" },
  recallAt10: { type: "recall_at_10", name: "Recall at 10" },
}

export const file = (parts: Parts): Artifact.Content =>
  JsonText.text(
    [
      `---\n${stringify(frontMatter(parts))}---`,
      `# ${titleOf(parts)}`,
      summary(parts),
      loading(parts),
      "## Tasks",
      tasks(parts),
      ...results(parts),
      ...Provenance.section(parts.training, parts.card.baseModel),
    ].join("\n\n") + "\n",
  )

const tasksOf = ({ heads }: Parts) => Object.keys(heads).sort()

const titleOf = (parts: Parts): string => line(parts.card.name ?? `Encoder with heads for ${tasksOf(parts).join(", ")}`)

const measured = (scores: Scores.TaskScores) =>
  Object.entries(metrics).flatMap(([own, upstream]) =>
    scores.metrics[own] === undefined ? [] : [{ ...upstream, value: rounded(scores.metrics[own]) }],
  )

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000

/** Fields that the hub knows. An entry of its `model-index` needs the name of a dataset. */
const frontMatter = (parts: Parts) => {
  const { card, scores, heads } = parts
  const { datasets = {} } = card
  const results = (scores?.tasks ?? []).flatMap((each) => {
    const dataset = datasets[each.task]
    if (dataset === undefined) return []
    const type = kindOf(heads[each.task]!)
    return [{ task: { type, name: each.task }, dataset: { type: dataset, name: dataset }, metrics: measured(each) }]
  })
  return {
    ...(card.language === undefined ? {} : { language: card.language }),
    ...(card.license === undefined ? {} : { license: card.license }),
    library_name: answering(parts).length > 0 ? "transformers" : "sentence-transformers",
    pipeline_tag: kindOf(heads[answering(parts)[0] ?? tasksOf(parts)[0]!]!),
    tags: ["thaw", "multi-task", "onnx", "sentence-transformers", "transformers.js"],
    ...(card.baseModel === undefined ? {} : { base_model: card.baseModel }),
    ...(card.datasets === undefined ? {} : { datasets: [...new Set(Object.values(datasets))].sort() }),
    ...(scores === undefined
      ? {}
      : { metrics: [...new Set(scores.tasks.flatMap(measured).map(({ type }) => type))].sort() }),
    ...(results.length === 0 ? {} : { "model-index": [{ name: titleOf(parts), results }] }),
  }
}

const kinds = { example: "text-classification", token: "token-classification", pair: "sentence-similarity" } as const

const kindOf = ({ kind }: Checkpoint.Head) => kinds[Head.traits[kind].unit]

const isPair = ({ kind }: Checkpoint.Head): boolean => Head.traits[kind].unit === "pair"

/** Tasks that texts can be asked for: those with a folder. */
const answering = (parts: Parts) => tasksOf(parts).filter((task) => !isPair(parts.heads[task]!))

const summary = (parts: Parts): string => {
  const { blocks, hidden } = parts.config.dimensions
  const count = tasksOf(parts).length
  const heads = count === 1 ? "one head" : `${count} heads that share it`
  return `One ${Upstream.model(parts.config.family)} of ${blocks} blocks, hidden size ${hidden}, and ${heads}.`
}

/** @returns a table and what to write in Python and JavaScript */
const loading = (parts: Parts): string => {
  const asked = answering(parts)
  const example = asked.find((task) => Upstream.loads(parts.config.family, parts.heads[task]!))
  const own = [
    ["`tasks/<task>/`", "encoder and one head, for transformers and transformers.js"],
    ["`all-heads.onnx`", "encoder and all heads: one pass gives `logits.<task>` of every task"],
  ]
  return [
    table(
      ["Folder", "What it is"],
      [
        ["`encoder/`", "the encoder alone, for sentence-transformers and transformers.js"],
        ...(asked.length > 0 ? own : []),
        [
          "`…_quantized.onnx`",
          'the same with 8-bit weights, for transformers.js with `dtype: "q8"`: smaller and a little less exact',
        ],
        ["`heads.json`", "the labels of every task, in the order of its logits"],
      ],
    ),
    ...(tasksOf(parts).some((task) => isPair(parts.heads[task]!)) ? [comparing] : []),
    ...asking(parts, example ?? asked[0], example !== undefined),
  ].join("\n\n")
}

const comparing = [
  "```python",
  "from sentence_transformers import SentenceTransformer",
  'encoder = SentenceTransformer("encoder")',
  'print(encoder.similarity(*encoder.encode(["a text", "another"])))',
  "```",
].join("\n")

/** @param hasClass whether transformers computes the head */
const asking = ({ heads }: Parts, task: string | undefined, hasClass: boolean): ReadonlyArray<string> => {
  if (task === undefined) return []
  const { python, js } = written(heads[task]!, `tasks/${task}`)
  return [...(hasClass ? [`\`\`\`python\n${python.join("\n")}\n\`\`\``] : []), `\`\`\`js\n${js.join("\n")}\n\`\`\``]
}

/** What to write to ask a head, line by line. */
const written = (head: Checkpoint.Head, folder: string) => {
  const kind = kindOf(head)
  const ask = (more: string) => [
    "from transformers import pipeline",
    `print(pipeline("${kind}", "${folder}"${more})("a text"))`,
  ]
  const answer = (more: string) => [
    'import { pipeline } from "@huggingface/transformers"',
    `const answer = await pipeline("${kind}", "${folder}")`,
    `console.log(await answer("a text"${more}))`,
  ]
  switch (head.kind) {
    case "multiLabel":
      return { python: ask(", top_k=None"), js: answer(", { top_k: null }") }
    // Pipelines make probabilities of what they are not told to leave alone, and those of transformers.js cannot be told.
    case "regression":
      return {
        python: ask(', function_to_apply="none"'),
        js: [
          'import { AutoModelForSequenceClassification, AutoTokenizer } from "@huggingface/transformers"',
          `const tokenizer = await AutoTokenizer.from_pretrained("${folder}")`,
          `const model = await AutoModelForSequenceClassification.from_pretrained("${folder}")`,
          'const { logits } = await model(await tokenizer("a text"))',
          "console.log(logits.data[0])",
        ],
      }
    default:
      return { python: ask(""), js: answer("") }
  }
}

/** What a head gives, in a few words. */
const given = (head: Checkpoint.Head): string =>
  head.kind === "regression"
    ? "a number"
    : head.kind === "multiLabel"
      ? `any of ${head.labels.join(", ")}, each where it is likelier than ${head.threshold}`
      : head.labels.join(", ")

const tasks = (parts: Parts): string =>
  table(
    ["Task", "Kind", "Labels", "Loads in"],
    tasksOf(parts).map((task) => {
      const head = parts.heads[task]!
      const both = Upstream.loads(parts.config.family, head)
      return [
        task,
        kindOf(head),
        given(head),
        isPair(head)
          ? "sentence-transformers, transformers.js: encoder/"
          : both
            ? "transformers, transformers.js"
            : "transformers.js and onnxruntime only",
      ]
    }),
  )

const results = ({ scores }: Parts): ReadonlyArray<string> =>
  scores === undefined
    ? []
    : [
        "## Scores on held-out examples",
        table(
          ["Task", "Examples", "Figure", "Value", "Always the same answer"],
          scores.tasks.flatMap((each) =>
            Object.entries(metrics).flatMap(([own, { name }]) => {
              const [value, majority] = [each.metrics[own], each.majority[own]]
              if (value === undefined) return []
              return [[each.task, `${each.examples}`, name, value.toFixed(4), majority?.toFixed(4) ?? ""]]
            }),
          ),
        ),
        ...scores.tasks.flatMap(({ task, overlap = 0 }) =>
          overlap === 0 ? [] : [`Of the examples of ${line(task)}, ${(100 * overlap).toFixed(1)} % were trained on.`],
        ),
      ]
