/**
 * What may be augmented: training examples and nothing else. The compiler is the test: every line below
 * `@ts-expect-error` is a mistake that it must find. `pnpm check` compiles this file; nothing runs it.
 */
import type * as Dataset from "@thaw/core/Dataset"
import type * as Wire from "@thaw/core/Wire"
import * as Encoder from "@thaw/models/Encoder"
import * as MaskedEncoder from "@thaw/models/MaskedEncoder"
import * as Seq2Seq from "@thaw/models/Seq2Seq"
import * as Augment from "@thaw/steps/Augment"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Load from "@thaw/steps/Load"
import * as Split from "@thaw/steps/Split"

const examples = Load.csv({ path: "./a.csv", text: "text", label: "topic" })
const { train, validation, test } = Split.stratified({ examples, validation: 0.1, test: 0.2 })
const operation = Augment.swap()
const call = { name: "paraphrase", version: "1", with: () => "other words" } as const
const encoder = Encoder.fromFolder({ path: "./encoder" })

// Right wirings.

const more: Wire.Wire<Dataset.TrainExamples> = Augment.examples({ examples: train, operation, copies: 2 }).examples
Augment.examples({ examples: more, operation, only: { task: "topic", labels: ["rare"] }, protect: ["Thaw"] })
Augment.examples({ examples: train, operation, similar: { encoder, lowest: 0.8 } })
Augment.generate({ examples: train, ...call })
Augment.oneOf([Augment.synonyms(), Augment.sometimes(0.5, Augment.delete())], { weights: [2, 1] })
Augment.synonyms({ source: Augment.thesaurus({ path: "./synonyms.tsv" }), match: "unambiguous" })
Augment.contextual({ encoder: MaskedEncoder.fromFolder({ path: "./encoder" }), topK: 5 })
const there = Seq2Seq.fromFolder({ path: "./en-de" })
Augment.backTranslate({ there, back: Seq2Seq.fromFolder({ path: "./de-en" }) })

// Held-out data is never augmented, nor is what is not split yet.

// @ts-expect-error held-out examples
Augment.examples({ examples: test, operation })
// @ts-expect-error held-out examples
Augment.examples({ examples: validation, operation })
// @ts-expect-error held-out examples, as a value
Augment.examples({ examples: {} as Dataset.HeldOutExamples, operation })
// @ts-expect-error held-out examples into a function
Augment.generate({ examples: test, ...call })
// @ts-expect-error examples that are not split
Augment.examples({ examples, operation })
// @ts-expect-error examples that are not split into a function
Augment.generate({ examples, ...call })

// What was augmented is never evaluated on.

// @ts-expect-error augmented examples into a held-out input
Evaluate.tasks({ trained: encoder, test: { topic: more } })

// Operations say what they need.

// @ts-expect-error an encoder without its masked-token head
Augment.contextual({ encoder })
// @ts-expect-error only one direction
Augment.backTranslate({ there })
// @ts-expect-error a number of words is no share
Augment.delete({ min: 3 })
// @ts-expect-error a thesaurus by a name that nothing has
Augment.synonyms({ source: "roget" })
// @ts-expect-error a function without a version
Augment.generate({ examples: train, name: "paraphrase", with: () => "other words" })
// @ts-expect-error a function that gives a number
Augment.generate({ examples: train, name: "count", version: "1", with: () => 3 })
