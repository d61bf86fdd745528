/** What compiles and what does not when examples are cleaned: see `test/core/Wiring.types.ts`. */
import type * as Dataset from "@thaw/core/Dataset"
import type * as Wire from "@thaw/core/Wire"
import * as Clean from "@thaw/steps/Clean"
import * as Split from "@thaw/steps/Split"
import * as Cleaning from "./cleaning.ts"

const examples = Cleaning.wired([])
const { train, test } = Split.stratified({ examples, validation: 0.1, test: 0.2 })

export const unsplit: Wire.Wire<Dataset.Examples> = Clean.text({ examples }).examples
export const training: Wire.Wire<Dataset.TrainExamples> = Clean.duplicates({ examples: train }).examples
Split.stratified({ examples: Clean.length({ examples, minWords: 2 }).examples, validation: 0.1, test: 0.2 })

// @ts-expect-error held-out examples stay as they are
Clean.text({ examples: test })
// @ts-expect-error training examples stay training examples
export const heldOut: Wire.Wire<Dataset.HeldOutExamples> = Clean.text({ examples: train }).examples
// @ts-expect-error training examples are not split again
Split.stratified({ examples: Clean.text({ examples: train }).examples, validation: 0.1, test: 0.2 })
// @ts-expect-error a parameter that the step does not have
Clean.length({ examples, minWord: 2 })
// @ts-expect-error a parameter that is missing
Clean.labels({ examples })
