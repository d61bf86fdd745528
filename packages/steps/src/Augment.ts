/**
 * Augmentation: more training examples from those there are, by changing their words and keeping their labels. It takes
 * `TrainExamples` and nothing else: what is held out is never augmented.
 *
 * ```ts
 * const { examples, report } = Augment.examples({
 *   examples: support.train,
 *   operation: Augment.oneOf([Augment.synonyms({ p: 0.2 }), Augment.swap(), Augment.delete({ p: 0.1 })]),
 *   copies: 2,
 * })
 * ```
 *
 * Deterministic: what a copy says follows from the run's seed, its example's id and its number, whatever the order of the
 * examples. See `Copies` for what a copy is, and each operation's file for what it does.
 */
import type * as Dataset from "@thaw/core/Dataset"
import type * as Step from "@thaw/core/Step"
import * as Wire from "@thaw/core/Wire"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import type * as MaskedEncoder from "@thaw/models/MaskedEncoder"
import type * as Seq2Seq from "@thaw/models/Seq2Seq"
import * as Augmented from "./augment/Augmented.ts"
import * as Operation from "./augment/Operation.ts"
import type * as Report from "./augment/Report.ts"
import type * as Similarity from "./augment/Similarity.ts"
import type * as Thesaurus from "./augment/Thesaurus.ts"

export { generate } from "./augment/Generate.ts"
export { fromFile as thesaurus } from "./augment/Thesaurus.ts"

/** What an operation reads besides the sentence, as a pipeline's author gives it. */
interface Wired {
  readonly source: Wire.Wire<Thesaurus.Sets> | "wordnet-3.1"
  readonly encoder: Wire.Wire<MaskedEncoder.MaskedEncoder>
  readonly there: Wire.Wire<Seq2Seq.Seq2Seq>
  readonly back: Wire.Wire<Seq2Seq.Seq2Seq>
}

type WithWires<O> = { readonly [K in keyof O]: K extends keyof Wired ? Wired[K] : O[K] }

/** An operation as an author writes it: plain values, and wires where an input is meant. */
export type Written =
  | WithWires<Operation.Leaf>
  | { readonly _tag: "sequence"; readonly of: ReadonlyArray<Written> }
  | { readonly _tag: "oneOf"; readonly of: ReadonlyArray<Written>; readonly weights?: ReadonlyArray<number> }
  | { readonly _tag: "sometimes"; readonly p: number; readonly of: Written }

type Leaf<Tag extends Operation.Leaf["_tag"]> = Extract<WithWires<Operation.Leaf>, { readonly _tag: Tag }>
type Options<Tag extends Operation.Leaf["_tag"]> = Omit<Leaf<Tag>, "_tag">
type WithSource<Tag extends "synonyms" | "insert"> = Omit<Options<Tag>, "source"> & Partial<Pick<Wired, "source">>

/** Words become synonyms of theirs, from WordNet 3.1 unless `source` says otherwise. Stop words stay. */
export const synonyms = (options: WithSource<"synonyms"> = {}): Leaf<"synonyms"> => ({
  _tag: "synonyms",
  source: Operation.shippedThesaurus,
  ...options,
})

/** Synonyms of words are put at random places. */
export const insert = (options: WithSource<"insert"> = {}): Leaf<"insert"> => ({
  _tag: "insert",
  source: Operation.shippedThesaurus,
  ...options,
})

/** Two words change places, for every word that is counted. */
export const swap = (options: Options<"swap"> = {}): Leaf<"swap"> => ({ _tag: "swap", ...options })

const remove = (options: Options<"delete"> = {}): Leaf<"delete"> => ({ _tag: "delete", ...options })
/** Each word is left out with probability `p`, 0.1 unless given. */
export { remove as delete }

/** One letter of a word is put in, left out, replaced or moved. */
export const characters = (options: Options<"characters"> = {}): Leaf<"characters"> => ({
  _tag: "characters",
  ...options,
})

/** One letter of a word becomes its neighbour on a QWERTY keyboard. */
export const typos = (options: Options<"typos"> = {}): Leaf<"typos"> => ({ _tag: "typos", ...options })

/** Words become what an encoder's masked-token head would put in their place: `MaskedEncoder.fromFolder`. */
export const contextual = (options: Options<"contextual">): Leaf<"contextual"> => ({ _tag: "contextual", ...options })

/** Texts are translated and translated back, by ONNX models: `Seq2Seq.fromFolder`. */
export const backTranslate = (options: Options<"backTranslate">): Leaf<"backTranslate"> => ({
  _tag: "backTranslate",
  ...options,
})

/** Mentions of a token task become others of the same type from the same examples. */
export const mentions = (options: Options<"mentions">): Leaf<"mentions"> => ({ _tag: "mentions", ...options })

/** One after the other. */
export const sequence = (of: ReadonlyArray<Written>): Written => ({ _tag: "sequence", of })

/** One of them, all equally often or in proportion to `weights`. */
export const oneOf = (
  of: ReadonlyArray<Written>,
  options: { readonly weights?: ReadonlyArray<number> } = {},
): Written => ({
  _tag: "oneOf",
  of,
  ...options,
})

/** With probability `p`. */
export const sometimes = (p: number, of: Written): Written => ({ _tag: "sometimes", p, of })

type Plain = Step.Arguments<(typeof Augmented.plain)["input"]>

export type Arguments = Omit<Plain, "operation" | "thesauri"> & {
  readonly operation: Written
  /** Copies that mean something else are dropped: those whose cosine with their example lies outside the bounds. */
  readonly similar?: Similarity.Bounds & { readonly encoder: Wire.Wire<Checkpoint.Checkpoint> }
}

/**
 * The examples and copies of them, `copies` each, and a report of what was made.
 *
 * `only: { task, labels }` makes copies of some labels' examples, `protect` names words that stay, `originals: "drop"`
 * leaves the examples themselves out.
 */
export const examples = ({
  operation,
  similar,
  ...given
}: Arguments): { readonly examples: Wire.Wire<Dataset.TrainExamples>; readonly report: Wire.Wire<Report.Report> } => {
  const found = { thesauri: {}, maskedEncoders: {}, translators: {} } satisfies Found
  const args = { ...given, operation: named(operation, found) as Operation.Operation }
  const models = Object.keys({ ...found.maskedEncoders, ...found.translators }).length
  if (models === 0 && similar === undefined) return Augmented.plain({ ...args, thesauri: found.thesauri })
  if (similar === undefined) return Augmented.withModels({ ...args, ...found, encoders: {} })
  const { encoder, ...similarity } = similar
  return Augmented.withModels({ ...args, ...found, similarity, encoders: { similar: encoder } })
}

/** Wires of an operation by the names that stand in their places. */
interface Found {
  readonly thesauri: Record<string, Wire.Wire<Thesaurus.Sets>>
  readonly maskedEncoders: Record<string, Wire.Wire<MaskedEncoder.MaskedEncoder>>
  readonly translators: Record<string, Wire.Wire<Seq2Seq.Seq2Seq>>
}

const placeOf: Readonly<Record<keyof Wired, readonly [keyof Found, string]>> = {
  source: ["thesauri", "thesaurus"],
  encoder: ["maskedEncoders", "encoder"],
  there: ["translators", "translator"],
  back: ["translators", "translator"],
}

/** The value with names in the places of wires, numbered as they come; the same wire has the same name. */
const named = (value: unknown, found: Found, field?: string): unknown => {
  if (Wire.isWire(value)) {
    const place = placeOf[field as keyof Wired]
    if (place === undefined) return value
    const wires = found[place[0]] as Record<string, Wire.Wire<unknown>>
    const known = Object.entries(wires).find(([, { call, output }]) => call === value.call && output === value.output)
    if (known !== undefined) return known[0]
    const name = `${place[1]} ${Object.keys(wires).length + 1}`
    wires[name] = value
    return name
  }
  if (Array.isArray(value)) return value.map((inner: unknown) => named(inner, found))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, named(inner, found, name)]))
}
