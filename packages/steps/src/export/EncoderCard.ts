/** `README.md` of an encoder's own folder: what it is, what it read, how it is loaded; YAML for the hub first. */
import type * as Artifact from "@thaw/core/Artifact"
import type * as Checkpoint from "@thaw/models/Checkpoint"
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
  /** Where it started: `org/name` on the hub. */
  baseModel: Schema.optionalKey(Schema.String),
  /** As the hub writes them: `en`, `apache-2.0`. */
  language: Schema.optionalKey(Schema.String),
  license: Schema.optionalKey(Schema.String),
  /** What it read. */
  texts: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, license: Schema.String }))),
  /** What else is to be said, in Markdown. */
  sections: Schema.optionalKey(Schema.Array(Schema.Struct({ title: Schema.String, text: Schema.String }))),
})
export type Card = typeof Card.Type

export interface Parts extends Pick<Checkpoint.Checkpoint, "config" | "training"> {
  readonly card: Card
  /** The task of the head for hidden tokens; undefined where there is none. */
  readonly masked: string | undefined
  readonly parameters: number
  /** Of held-out examples; undefined where it was not evaluated. */
  readonly scores: Scores.Scores | undefined
}

export const file = (parts: Parts): Artifact.Content => {
  const { card, training } = parts
  return JsonText.text(
    [
      `---\n${stringify(frontMatter(parts))}---`,
      `# ${line(card.name ?? "Encoder")}`,
      summary(parts),
      loading(parts),
      ...texts(card),
      ...results(parts),
      ...(card.sections ?? []).flatMap(({ title, text }) => [`## ${line(title)}`, text.trim()]),
      ...Provenance.section(training, card.baseModel),
    ].join("\n\n") + "\n",
  )
}

const frontMatter = ({ card, masked }: Parts) => ({
  ...(card.language === undefined ? {} : { language: card.language }),
  ...(card.license === undefined ? {} : { license: card.license }),
  library_name: "transformers",
  pipeline_tag: masked === undefined ? "feature-extraction" : "fill-mask",
  tags: ["thaw", "sentence-transformers"],
  ...(card.baseModel === undefined ? {} : { base_model: card.baseModel }),
})

const summary = ({ config, masked, parameters }: Parts): string => {
  const { blocks, hidden, vocab, positions } = config.dimensions
  const name = masked === undefined ? Upstream.model(config.family) : Upstream.masked(config.family)
  const size = `${(parameters / 1e6).toFixed(1)} million parameters`
  return `A ${name} of ${size}: ${blocks} blocks, hidden size ${hidden}, ${vocab} tokens in the vocabulary, texts of up to ${positions} tokens.`
}

const loading = ({ masked }: Parts): string =>
  [
    '```ts\nimport { Encoder } from "@thaw/models"\nconst encoder = Encoder.fromFolder("./this-folder")\n```',
    '```python\nfrom sentence_transformers import SentenceTransformer\nvectors = SentenceTransformer("this-folder").encode(["a text"])\n```',
    ...(masked === undefined
      ? []
      : [
          '```python\nfrom transformers import pipeline\nprint(pipeline("fill-mask", "this-folder")("a [MASK] text"))\n```',
        ]),
  ].join("\n\n")

const texts = ({ texts: read = [] }: Card): ReadonlyArray<string> =>
  read.length === 0
    ? []
    : [
        "## What it read",
        table(
          ["Text", "Licence"],
          read.map(({ name, license }) => [name, license]),
        ),
      ]

const results = ({ scores, masked }: Parts): ReadonlyArray<string> => {
  const found = scores?.tasks.filter(({ task }) => task === masked) ?? []
  if (found.length === 0) return []
  const rows = found.flatMap(({ examples, metrics }) =>
    Object.entries(metrics)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, value.toFixed(4), `${examples}`]),
  )
  return ["## Scores on held-out texts", table(["Figure", "Value", "Texts"], rows)]
}
