/** What is held out cannot be resampled. The compiler is the test; nothing runs this file. */
import type * as Dataset from "@thaw/core/Dataset"
import type * as Wire from "@thaw/core/Wire"
import * as Difficulty from "@thaw/steps/Difficulty"
import * as Resample from "@thaw/steps/Resample"
import * as Sample from "@thaw/steps/Sample"
import { trained } from "./corpus.ts"

declare const train: Wire.Wire<Dataset.TrainExamples>
declare const test: Wire.Wire<Dataset.HeldOutExamples>
declare const all: Wire.Wire<Dataset.Examples>
const by = Sample.oversample()

Resample.classes({ examples: train, task: "topic", by })
// @ts-expect-error held-out examples stay as they are
Resample.classes({ examples: test, task: "topic", by })
// @ts-expect-error what is not split yet would be on both sides
Resample.classes({ examples: all, task: "topic", by })
// @ts-expect-error a curriculum is for training
Difficulty.loss({ checkpoint: trained(), examples: test, task: "topic", name: "hard" })
// @ts-expect-error resampled examples are no test
const held: Wire.Wire<Dataset.HeldOutExamples> = Resample.classes({ examples: train, task: "topic", by })
export { held }
